//go:build !purego

package openai

import "golang.org/x/sys/cpu"

// hasLongPlain says whether longPlain may be called.
var hasLongPlain = cpu.X86.HasAVX2

// longPlain returns the index of the first of the n bytes at p that is a quote, a
// backslash or a control character, or n, which must be a multiple of 32; and
// whether all that it looked at, some beyond that byte included, are ASCII. Nothing
// can interrupt it.
//
//go:noescape
func longPlain(p *byte, n int) (stop int, ascii bool)
