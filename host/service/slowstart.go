package service

import (
	"sync/atomic"
	"time"
)

// fullShare is the share of a service of weight 1 that is not starting slowly.
const fullShare = 1 << 10

// ramp is a slow start: the share of a service grows from a tenth to the whole.
// Its zero value is none.
type ramp struct {
	from, until atomic.Int64 // Unix nanoseconds; until is 0 for none
}

// begin starts one that takes so long; 0 ends any.
func (r *ramp) begin(length time.Duration) {
	now := time.Now().UnixNano()
	r.until.Store(0)
	if length > 0 {
		r.from.Store(now)
		r.until.Store(now + int64(length))
	}
}

// share returns the part of fullShare that a service has now.
func (r *ramp) share() int64 {
	until := r.until.Load()
	if until == 0 {
		return fullShare
	}
	now, from := time.Now().UnixNano(), r.from.Load()
	if now >= until || from >= until {
		r.until.CompareAndSwap(until, 0)
		return fullShare
	}
	const least = fullShare / 10
	passed := float64(max(now-from, 0)) / float64(until-from)
	return least + int64(passed*(fullShare-least))
}

// Share is Weight on a finer scale, with what a slow start takes off. Balancers
// deal by it. It does not allocate, and looks at the clock only in a slow start.
func (s *Service) Share() int64 { return int64(s.cfg.Weight) * s.ramp.share() }
