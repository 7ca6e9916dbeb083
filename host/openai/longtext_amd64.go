//go:build !purego

package openai

import "golang.org/x/sys/cpu"

// hasLongText says whether longText may be called.
var hasLongText = cpu.X86.HasAVX2

// longText goes through the inside of a string, n bytes at p, n a multiple of 64,
// and passes over escape sequences of two bytes. It returns where it stops: at the
// first quote, control character, or backslash with something else behind it than
// what makes such a sequence, or else at n, or at n-1 for a backslash there; and
// whether all bytes before that are ASCII. Nothing can interrupt it.
//
//go:noescape
func longText(p *byte, n int) (stop int, ascii bool)
