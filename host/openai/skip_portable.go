//go:build !((amd64 || arm64) && !go1.28)

package openai

// skipContainer returns where the checked array or object at b[i] ends.
func skipContainer(b []byte, i int) int { return checkContainer(b, i) }
