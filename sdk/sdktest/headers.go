package sdktest

import (
	"math"
	"strings"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Headers are one side's headers. Names compare without case.
type Headers struct {
	values map[string]string // by lower-case name
	sent   bool              // too late to change
}

func newHeaders(from map[string]string) Headers {
	h := Headers{values: map[string]string{}}
	for name, value := range from {
		h.values[strings.ToLower(name)] = value
	}
	return h
}

// Get returns a header's value.
func (h *Headers) Get(name []byte) ([]byte, bool) {
	v, ok := h.values[strings.ToLower(string(name))]
	return []byte(v), ok
}

// Set puts a header.
func (h *Headers) Set(name, value []byte) error {
	if h.sent {
		return sdk.ErrNotAllowed
	}
	h.values[strings.ToLower(string(name))] = string(value)
	return nil
}

// Remove removes a header; one that is not there is no error.
func (h *Headers) Remove(name []byte) error {
	if h.sent {
		return sdk.ErrNotAllowed
	}
	delete(h.values, strings.ToLower(string(name)))
	return nil
}

// Candidates are the case's candidates, by index.
type Candidates Exchange

// Len returns how many there are.
func (c *Candidates) Len() int { return len(c.c.Candidates) }

// Property returns a text value of one.
func (c *Candidates) Property(i int, key abi.CandidateProperty) ([]byte, bool) {
	s := &c.c.Candidates[i]
	switch key {
	case abi.CandidateName:
		return []byte(s.Name), true
	case abi.CandidateURL:
		return []byte(s.URL), true
	case abi.CandidateLabels:
		return labelsJSON(s.Labels), true
	}
	return nil, false
}

// Label returns one label of one.
func (c *Candidates) Label(i int, name []byte) ([]byte, bool) {
	v, ok := c.c.Candidates[i].Labels[string(name)]
	return []byte(v), ok
}

// Number returns a numeric value of one, NaN when it is not known.
func (c *Candidates) Number(i int, key abi.CandidateNumber) float64 {
	s := &c.c.Candidates[i]
	switch key {
	case abi.CandidateWeight:
		if s.Weight == nil {
			return 1
		}
		return *s.Weight
	case abi.CandidateInFlight:
		return s.InFlight
	case abi.CandidateQueue:
		return known(s.Queue)
	case abi.CandidateLatency:
		return known(s.Latency)
	case abi.CandidateCacheUse:
		return known(s.CacheUse)
	case abi.CandidateErrorRate:
		return known(s.ErrorRate)
	}
	return math.NaN()
}

// SetScore scores one.
func (c *Candidates) SetScore(i int, score float64) { c.scores[i] = score }

func known(f *float64) float64 {
	if f == nil {
		return math.NaN()
	}
	return *f
}
