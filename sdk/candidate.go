package sdk

import "github.com/infinirouter/infinirouter/sdk/abi"

// CandidateCount returns how many services could take the exchange; 0 outside
// on_route.
func CandidateCount() int { return int(max(rawCandidateCount(), 0)) }

// Candidate returns a text value of candidate i.
func Candidate(i int, key abi.CandidateProperty) (string, bool) {
	n := rawCandidateGet(int32(i), int32(key), room(), left())
	if n > left() {
		grow(n)
		n = rawCandidateGet(int32(i), int32(key), room(), left())
	}
	return keep(n)
}

// CandidateLabel returns one label of candidate i.
func CandidateLabel(i int, name string) (string, bool) {
	n := rawCandidateLabel(int32(i), name, room(), left())
	if n > left() {
		grow(n)
		n = rawCandidateLabel(int32(i), name, room(), left())
	}
	return keep(n)
}

// CandidateNumber returns a numeric value of candidate i, and false when it is
// not known.
func CandidateNumber(i int, key abi.CandidateNumber) (float64, bool) {
	f := rawCandidateNumber(int32(i), int32(key))
	return f, f == f
}

// SetScore scores candidate i: 0 excludes it, 1 is the default. The scores of a
// chain's policies multiply.
func SetScore(i int, score float64) error { return done(rawCandidateScore(int32(i), score)) }
