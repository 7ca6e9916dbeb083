package host

import (
	"encoding/json"
	"math"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// candidates is an exchange's services as an on_route hook sees them. Scores
// of one policy are kept apart until its call is over: a policy that fails
// leaves none. Scores of several policies multiply.
type candidates exchange

var _ plugins.Candidates = (*candidates)(nil)

// Len implements plugins.Candidates.
func (c *candidates) Len() int { return len(c.cands) }

// Property implements plugins.Candidates.
func (c *candidates) Property(i int, key abi.CandidateProperty) ([]byte, bool) {
	s := c.cands[i].Service
	x := (*exchange)(c)
	switch key {
	case abi.CandidateName:
		return x.text(s.Name()), true
	case abi.CandidateURL:
		return x.text(s.URL()), true
	case abi.CandidateLabels:
		labels := s.Config().Labels
		if labels == nil {
			return x.text("{}"), true
		}
		text, err := json.Marshal(labels)
		return text, err == nil
	}
	return nil, false
}

// Label implements plugins.Candidates.
func (c *candidates) Label(i int, name []byte) ([]byte, bool) {
	value, ok := c.cands[i].Service.Config().Labels[string(name)]
	return (*exchange)(c).text(value), ok
}

// Number implements plugins.Candidates. What a service does not report is NaN.
func (c *candidates) Number(i int, key abi.CandidateNumber) float64 {
	s := c.cands[i].Service
	switch key {
	case abi.CandidateWeight:
		return float64(s.Config().Weight)
	case abi.CandidateInFlight:
		return float64(s.InFlight())
	case abi.CandidateLatency:
		return s.Figures().ResponseTime
	case abi.CandidateErrorRate:
		return s.Figures().ErrorRate
	case abi.CandidateQueue:
		if f, _, ok := s.Reported(); ok {
			return f.Waiting
		}
	case abi.CandidateCacheUse:
		if f, _, ok := s.Reported(); ok {
			return f.CacheUse
		}
	}
	return math.NaN()
}

// SetScore implements plugins.Candidates.
func (c *candidates) SetScore(i int, score float64) { c.scores[i] = score }

// startScores gives every candidate the default score for the next policy.
func (x *exchange) startScores() {
	x.scores = x.scores[:0]
	for range x.cands {
		x.scores = append(x.scores, 1)
	}
}

// mergeScores multiplies what the policy said into the candidates' scores.
func (x *exchange) mergeScores() {
	for i, score := range x.scores {
		x.cands[i].Score *= score
	}
}
