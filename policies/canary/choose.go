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
		if t := -math.Log(unit(mix(key^a.salt))) / a.weight; t < least {
			best, least = a, t
		}
	}
	return best
}

// unit maps a hash to the open interval (0, 1). With a bit more of the hash the
// half would be rounded away, and the interval be closed at 1.
func unit(h uint64) float64 { return (float64(h>>12) + 0.5) / (1 << 52) }

// mix spreads every bit of h over all of the result: the finalizer of
// SplitMix64 (Steele, Lea, Flood 2014).
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
