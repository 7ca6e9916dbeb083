//go:build !amd64 || purego

package openai

// hasLongPlain says whether longPlain may be called. TestPlain changes it.
var hasLongPlain = false

func longPlain(*byte, int) (int, bool) { panic("openai: there is no longPlain here") }
