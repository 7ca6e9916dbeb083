package openai

import "github.com/infinirouter/infinirouter/host/large"

// keep is how much of a buffer survives Reset: a request is open for as long as
// its reply streams, and must not hold what an earlier one with a large body
// needed.
const keep = 64 << 10

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
	return large.Take(n)
}

// giveBack makes a large buffer anybody's.
func giveBack(b []byte) {
	if cap(b) > keep {
		large.Give(b)
	}
}

// appendLong is append for what may be megabytes. dst has room for it.
func appendLong(dst, b []byte) []byte {
	for len(b) > large.Piece {
		dst = append(dst, b[:large.Piece]...)
		b = b[large.Piece:]
		large.GiveWay()
	}
	return append(dst, b...)
}
