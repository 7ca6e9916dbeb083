package main

import (
	"math"

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
	low, high float64 // a number in between does not, none if low is above high
	absent    bool    // nor one that is not there
	limits    bool    // one outside is brought in by limitTo
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
	s := span{low: math.Inf(-1), high: math.Inf(1), absent: p.fallback == "", limits: true}
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
	for i := range answers {
		n, s := &answers[i], &b.settled[i]
		action := sdk.Continue
		switch err := n.Err(); {
		case err == 0 && n.Value >= s.low && n.Value <= s.high:
			continue
		case err == sdk.ErrAbsent && s.absent:
			continue
		case err == 0 && s.limits:
			action = b.params[i].limitTo(n.Value)
		default:
			action = b.params[i].apply()
		}
		if action != sdk.Continue {
			return action
		}
	}
	return sdk.Continue
}
