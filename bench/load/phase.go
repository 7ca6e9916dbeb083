//go:build unix

package load

import (
	"time"

	"github.com/infinirouter/infinirouter/bench/loop"
)

// phase is a part of a run in which requests are started by one rule.
type phase struct {
	kind  kind
	from  int64
	until int64 // no request is to be sent from then on
	limit int64 // of requests; 0: none
	open  bool
	// every is the time between two requests of an open loop, in ns.
	every float64
	width int // most requests at once

	started    int64 // requests that were begun, whether sent or not
	maxBacklog int64
	ramp       time.Duration
}

type kind uint8

const (
	before kind = iota
	opening
	warming
	measuring
	ended
)

func (j Job) phase(k kind, now int64, length time.Duration, limit int64) phase {
	p := phase{kind: k, from: now, until: loop.Never - int64(2*time.Hour) - int64(j.Drain), limit: limit, width: j.Connections, ramp: j.Ramp}
	if length > 0 {
		p.until = now + int64(length)
	}
	if j.Rate > 0 {
		p.open, p.every = true, float64(time.Second)/j.Rate
	}
	return p
}

// intended returns when request number n of an open loop is to be sent.
func (p *phase) intended(n int64) int64 { return p.from + int64(float64(n)*p.every) }

// more says whether another request is to be begun, due or not.
func (p *phase) more(now int64) bool {
	switch {
	case p.kind == before || p.kind == ended || p.limit > 0 && p.started >= p.limit:
		return false
	case p.open:
		return p.intended(p.started) < p.until
	}
	return now < p.until
}

// waiting is how many requests of an open loop should have been sent by now.
func (p *phase) waiting(now int64) int64 {
	if !p.open || p.kind == before || p.kind == ended {
		return 0
	}
	due := int64(float64(min(now, p.until)-p.from) / p.every)
	for p.intended(due) <= now && p.intended(due) < p.until { // one or two: what rounding left
		due++
	}
	if p.limit > 0 {
		due = min(due, p.limit)
	}
	return max(0, due-p.started)
}

// next is when the next request is to be sent, or the phase to end.
func (p *phase) next() int64 {
	if p.open && p.more(0) {
		return p.intended(p.started)
	}
	return p.until
}

// over says whether all is done: every request begun and none under way.
func (p *phase) over(now int64, active int) bool {
	return active == 0 && p.kind != ended && !p.more(now)
}
