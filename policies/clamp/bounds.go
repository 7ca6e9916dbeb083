package main

import (
	"math"
	"math/bits"

	"github.com/infinirouter/infinirouter/sdk"
)

// bounds are the parameters to look after for some models. Most requests have
// nothing to be brought into line, so all parameters are first read in one call
// of the router, as numbers; only what that does not settle is looked at alone.
type bounds struct {
	params  []param
	settled []span
	floats  *sdk.Floats
}

// span says when a parameter needs no closer look.
type span struct {
	low, high float64   // a number in between does not, none if low is above high
	quiet     sdk.Error // nor one that this is the answer for
	limits    bool      // one outside takes the bound's place
}

func newBounds(params []param) *bounds {
	b := &bounds{params: params, settled: make([]span, len(params))}
	paths := make([]string, len(params))
	for i := range params {
		paths[i], b.settled[i] = params[i].path, params[i].span()
	}
	b.floats = sdk.NewFloats(paths...)
	return b
}

func (p *param) span() span {
	s := span{low: math.Inf(-1), high: math.Inf(1), quiet: sdk.ErrUnknown, limits: true}
	if p.fallback == "" {
		s.quiet = sdk.ErrAbsent
	}
	if p.drop || p.deny || p.allowed != nil || p.denied != nil {
		s.low, s.high, s.limits = 1, 0, false
	}
	if s.limits && p.min.is {
		s.low = p.min.value
	}
	if s.limits && p.max.is {
		s.high = p.max.value
	}
	return s
}

// apply brings every parameter into line, in order, until one cannot be.
func (b *bounds) apply() sdk.Action {
	if len(b.params) == 0 {
		return sdk.Continue
	}
	answers := b.floats.Ask()
	if answers == nil {
		return sdk.Fail("the parameters cannot be read: " + sdk.Err().Error())
	}
	for first := 0; first < len(answers); first += 64 {
		for open := unsettled(answers[first:], b.settled[first:]); open != 0; open &= open - 1 {
			i := first + bits.TrailingZeros64(open)
			if action := b.look(i, &answers[i]); action != sdk.Continue {
				return action
			}
		}
	}
	return sdk.Continue
}

// unsettled returns a bit for each of the first 64 answers that needs a closer
// look. It has no branch but the loop's, as jumps take time in a guest.
func unsettled(answers []sdk.NumberAnswer, settled []span) (open uint64) {
	if len(settled) > len(answers) {
		return 0
	}
	for i := range min(len(settled), 64) {
		n, s := &answers[i], &settled[i]
		below, above, missing := uint64(1), uint64(1), uint64(1)
		if n.Value >= s.low {
			below = 0
		}
		if n.Value <= s.high {
			above = 0
		}
		if n.Err() == s.quiet {
			missing = 0
		}
		bit := below | above
		if n.Err() != 0 {
			bit = missing
		}
		open |= bit << i
	}
	return open
}

// look brings a parameter into line that its answer does not settle.
func (b *bounds) look(i int, n *sdk.NumberAnswer) sdk.Action {
	p := &b.params[i]
	if n.Err() != 0 || !b.settled[i].limits {
		return p.apply()
	}
	if n.Value > p.max.value && p.max.is {
		return p.set(p.max.text(n.Value))
	}
	return p.set(p.min.text(n.Value))
}
