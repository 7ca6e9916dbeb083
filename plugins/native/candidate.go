package native

import (
	"math"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// candidates returns the candidates if i is one of them, else nil.
func (c *Call) candidates(i uint64) plugins.Candidates {
	all := c.x.Candidates()
	if all == nil || int64(uint32(i)) >= int64(all.Len()) {
		return nil
	}
	return all
}

func candidateCount(c *Call, s []uint64) {
	all := c.x.Candidates()
	if all == nil {
		s[0] = notAllowed
		return
	}
	s[0] = uint64(all.Len())
}

func candidateGet(c *Call, s []uint64) {
	all, key := c.candidates(s[0]), abi.CandidateProperty(int32(uint32(s[1])))
	if all == nil || key < abi.CandidateName || key > abi.CandidateLabels {
		s[0] = result(abi.Malformed)
		return
	}
	v, ok := all.Property(int(uint32(s[0])), key)
	if !ok {
		s[0] = result(abi.Absent)
		return
	}
	c.give(s, v, s[2], s[3])
}

func candidateLabel(c *Call, s []uint64) {
	all, name := c.candidates(s[0]), c.view(s[1], s[2])
	if all == nil || len(name) == 0 {
		s[0] = result(abi.Malformed)
		return
	}
	v, ok := all.Label(int(uint32(s[0])), name)
	if !ok {
		s[0] = result(abi.Absent)
		return
	}
	c.give(s, v, s[3], s[4])
}

func candidateNumber(c *Call, s []uint64) {
	all, key := c.candidates(s[0]), abi.CandidateNumber(int32(uint32(s[1])))
	if all == nil || key < abi.CandidateWeight || key > abi.CandidateErrorRate {
		s[0] = notANumber
		return
	}
	s[0] = math.Float64bits(all.Number(int(uint32(s[0])), key))
}

// candidateScore fails the whole call on a score that cannot be ranked: a
// policy that computes NaN must not be left half in force.
func candidateScore(c *Call, s []uint64) {
	all, score := c.candidates(s[0]), math.Float64frombits(s[1])
	if math.IsNaN(score) || math.IsInf(score, 0) || score < 0 {
		c.fail(plugins.FailureResult, "candidate_score(%d, %v): a score must be finite and not negative",
			int32(uint32(s[0])), score)
		s[0] = result(abi.Malformed)
		return
	}
	if all == nil {
		s[0] = result(abi.Malformed)
		return
	}
	c.edit()
	all.SetScore(int(uint32(s[0])), score)
	s[0] = 0
}
