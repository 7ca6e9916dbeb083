package sandbox

import "time"

const (
	breakerFailures = 5
	breakerWindow   = 10 * time.Second
	breakerWait     = time.Second
	breakerMaxWait  = time.Minute
)

// breaker stops calling a policy that keeps failing: so many failures within
// the window open it; after a wait one call is let through as a trial, whose
// success closes it and whose failure doubles the wait. Guarded by its owner's
// lock; the clock is looked at after a failure and while open, never else.
type breaker struct {
	recent [breakerFailures]time.Time // a ring of the latest failures
	next   int
	open   bool
	until  time.Time
	wait   time.Duration
	trying bool // a trial is under way
}

// admit asks for a call while the breaker is open.
func (b *breaker) admit(now time.Time) (trial bool) {
	if b.trying || now.Before(b.until) {
		return false
	}
	b.trying = true
	return true
}

// fail counts a failed call and reports whether it opened the breaker. While it
// is open, calls that began before do not count: the trial alone decides.
func (b *breaker) fail(now time.Time, trial bool) (opened bool) {
	if b.open {
		if trial {
			b.trying = false
			b.wait = min(2*b.wait, breakerMaxWait)
			b.until = now.Add(b.wait)
		}
		return false
	}
	b.recent[b.next] = now
	b.next = (b.next + 1) % breakerFailures
	oldest := b.recent[b.next]
	if oldest.IsZero() || now.Sub(oldest) > breakerWindow {
		return false
	}
	b.open, b.wait, b.until = true, breakerWait, now.Add(breakerWait)
	return true
}

// abandon gives a trial back that could not be held.
func (b *breaker) abandon() { b.trying = false }

// close is what the success of a trial does: all is forgotten.
func (b *breaker) close() { *b = breaker{} }
