// Package build compiles policies to WebAssembly: it finds the folders that
// hold one (Find), and turns each into a .wasm file beside its folder (Run).
//
// Building twice costs nothing: a stamp in the user's cache folder remembers
// the hash of everything that went into a module, toolchain included, and the
// hash of what came out, so a module that was deleted or changed by hand is
// built again. Building the same source gives the same bytes, wherever the
// checkout lies: paths, version control and build ids are kept out of them.
//
// A module appears under its name in one step (rename), because a running
// router watches the folder.
package build
