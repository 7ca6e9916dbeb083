//go:build (amd64 || arm64) && !go1.28

package openai

import "github.com/bytedance/sonic/decoder"

// skipContainer returns where the checked array or object at b[i] ends. The
// build constraint is the one under which sonic has a Skip.
func skipContainer(b []byte, i int) int {
	if start, n := decoder.Skip(b[i:]); start == 0 {
		return i + n
	}
	return checkContainer(b, i)
}
