// Package hostile is a set of plugins that mean harm, or that nobody has looked
// after, for tests to run.
//
// One file is one villain. Its first comment says what it does and what must
// become of it:
//
//	;; A loop that never ends.
//	;;! on_request: fuel
//	;;! cpu: 2s
//	(module ...)
//
// The lines with ";;!" are read by Parse; see Villain for what they can say. A
// file NAME.wat is WebAssembly text. A file NAME.wat.tmpl is a template of such
// text, for what is long and regular (see templateFuncs). Either may be written
// as (module binary "..."): then the bytes are the villain as they stand, which
// is how a module is written that no assembler makes.
//
// Text is assembled by wat2wasm of the WebAssembly Binary Toolkit (Debian
// package wabt). Nothing here runs a villain.
package hostile
