package main

import "math"

// choose returns the arm for a key's hash: weighted rendezvous hashing. Every
// arm draws a number u in (0, 1) of its own from the key, and the least
// -ln(u)/weight wins: an exponential race, which an arm wins with the
// probability of its share of the weights.
//
// So an arm's weight changes that arm's number and no other. Raised, it can
// only win keys; lowered, only lose them; at 0 it is out, and its keys go to
// the rest while theirs stay where they are.
//
// Sources: D. Thaler, C. Ravishankar, "Using name-based mappings to increase hit
// rates" (1998), for the rendezvous; J. Resch, "New Hashing Algorithms for Data
// Storage" (SNIA SDC 2015), for weights by -weight/ln(u).
func choose(key uint64) *arm {
	var best *arm
	least := math.Inf(1)
	for i := range arms {
		a := &arms[i]
		if a.weight <= 0 {
			continue
		}
		k, s := logOf(mix(key ^ a.salt))
		if t := (k - series(s)) * a.share; t < least {
			best, least = a, t
		}
	}
	return best
}

// A draw is -ln(u) for the number u in (0, 1) that a hash stands for, to ten
// digits: logOf takes u apart into m * 2^-k with m between 1/sqrt(2) and
// sqrt(2), and ln(m) is 2 artanh(s) with s = (m-1)/(m+1), whose series ends fast
// because |s| < 0.172. math.Log is exact to the last bit, which a share does
// not need, and takes a guest several times as long. A draw depends on nothing
// but the hash, and that is all that the promise above rests on.
//
// Two functions without a branch, because that is what the compiler puts into
// choose: in a guest, calls and jumps are what takes time.
func logOf(h uint64) (kln2, s float64) {
	// With a bit more of the hash the half would be rounded away, and u be 1.
	bits := math.Float64bits((float64(h>>12)+0.5)/(1<<52)) + one - rootHalf
	m := math.Float64frombits(bits&(1<<52-1) + rootHalf)
	return float64(1023-int64(bits>>52)) * math.Ln2, (m - 1) / (m + 1)
}

func series(s float64) float64 {
	z := s * s
	return 2 * s * (1 + z*(1./3+z*(1./5+z*(1./7+z*(1./9+z*(1./11))))))
}

// The bits of 1 and of the root of a half.
const one, rootHalf = 0x3ff0000000000000, 0x3fe6a09e667f3bcd

// mix spreads every bit of h over all of the result: the finalizer of
// SplitMix64 (Steele, Lea, Flood 2014).
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
