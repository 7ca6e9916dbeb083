package sdktest

import (
	"encoding/binary"
	"math/bits"
)

// The primes of xxhash (Yann Collet; the algorithm's published specification).
const (
	prime1 uint64 = 0x9e3779b185ebca87
	prime2 uint64 = 0xc2b2ae3d27d4eb4f
	prime3 uint64 = 0x165667b19e3779f9
	prime4 uint64 = 0x85ebca77c2b2ae63
	prime5 uint64 = 0x27d4eb2f165667c5
)

// xxhash64 is XXH64 with seed 0: what the router's hash is.
func xxhash64(text string) uint64 {
	b := []byte(text)
	h := prime5
	if len(b) >= 32 {
		h, b = stripes(b)
	}
	h += uint64(len(text))
	for ; len(b) >= 8; b = b[8:] {
		h ^= round(0, binary.LittleEndian.Uint64(b))
		h = bits.RotateLeft64(h, 27)*prime1 + prime4
	}
	if len(b) >= 4 {
		h ^= uint64(binary.LittleEndian.Uint32(b)) * prime1
		h = bits.RotateLeft64(h, 23)*prime2 + prime3
		b = b[4:]
	}
	for _, c := range b {
		h ^= uint64(c) * prime5
		h = bits.RotateLeft64(h, 11) * prime1
	}
	h ^= h >> 33
	h *= prime2
	h ^= h >> 29
	h *= prime3
	return h ^ h>>32
}

// stripes takes the whole 32-byte stripes off b.
func stripes(b []byte) (h uint64, rest []byte) {
	p1, p2 := prime1, prime2 // sums that overflow, as they are meant to
	acc := [4]uint64{p1 + p2, p2, 0, -p1}
	for ; len(b) >= 32; b = b[32:] {
		for i := range acc {
			acc[i] = round(acc[i], binary.LittleEndian.Uint64(b[8*i:]))
		}
	}
	h = bits.RotateLeft64(acc[0], 1) + bits.RotateLeft64(acc[1], 7) +
		bits.RotateLeft64(acc[2], 12) + bits.RotateLeft64(acc[3], 18)
	for _, a := range acc {
		h = (h^round(0, a))*prime1 + prime4
	}
	return h, b
}

func round(acc, input uint64) uint64 {
	return bits.RotateLeft64(acc+input*prime2, 31) * prime1
}

// Hash is what the router's hash answers, for tests of what a policy makes of it.
func Hash(text string) uint64 { return xxhash64(text) }
