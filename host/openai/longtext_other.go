//go:build !amd64 || purego

package openai

// hasLongText says whether longText may be called. TestText changes it.
var hasLongText = false

func longText(*byte, int) (int, bool) { panic("openai: there is no longText here") }
