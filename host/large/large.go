// Package large is for bodies of megabytes: where they lie, and how others get
// their turn while one works on them.
//
// It keeps large buffers for whoever needs one next. A pool of buffers of any
// size serves large bodies badly: who needs little gets much, and who needs much
// has to make it.
package large

import (
	"math/bits"
	"sync"
)

// pools hold buffers by the power of two that is their capacity. What nobody
// takes between two collections of garbage is gone; but bodies that are large one
// after another use the same few buffers and give the collector nothing to do.
var pools [bits.UintSize]sync.Pool

// Take returns an empty buffer with room for n bytes, which is the caller's. Its
// capacity is the next power of two.
func Take(n int) []byte {
	class := bits.Len(uint(max(n, 1) - 1))
	if p, ok := pools[class].Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 0, 1<<class)
}

// Give takes over b, to which the caller must hold no reference. Only what is of
// a capacity that Take gives is kept.
func Give(b []byte) {
	if c := cap(b); c > 0 && c&(c-1) == 0 {
		b = b[:0]
		pools[bits.Len(uint(c-1))].Put(&b)
	}
}

// Piece is how much of a body is copied or written in one go. Nothing stops a
// goroutine in a copy or in a system call, and a collection of garbage stops
// everybody until it has stopped all. Between two pieces, GiveWay.
const Piece = 256 << 10
