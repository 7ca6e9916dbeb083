package openai

import (
	"math/bits"
	"sync"
)

// keep is how much of a buffer survives Reset: a request is open for as long as
// its reply streams, and must not hold what an earlier one with a large body
// needed.
const keep = 64 << 10

// large holds buffers over keep that documents gave back, by the power of two
// that is their capacity. What nobody takes between two collections of garbage
// is gone; but documents that are made huge one after another, by clients or by
// a policy, use the same few buffers and give the collector nothing to do.
var large [bits.UintSize]sync.Pool

// grown returns an empty buffer with room for n bytes: b, or another one in its
// place.
func grown(b []byte, n int) []byte {
	if cap(b) >= n {
		return b[:0]
	}
	if n <= keep {
		return make([]byte, 0, n)
	}
	giveBack(b)
	class := bits.Len(uint(n - 1))
	if p, ok := large[class].Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 0, 1<<class)
}

// giveBack makes a large buffer anybody's.
func giveBack(b []byte) {
	if c := cap(b); c > keep && c&(c-1) == 0 {
		b = b[:0]
		large[bits.Len(uint(c-1))].Put(&b)
	}
}
