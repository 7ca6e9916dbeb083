package forward

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Retry says when a request is tried again, before a byte of a reply was passed
// on. Without one, only what no service has seen is, on another service.
type Retry struct {
	// Statuses of replies that are no answer: another try is made. The last of
	// them is passed on when there is none.
	Statuses []int
	// Duplicates says that a service may do work that is thrown away: a request
	// that was sent and not answered, because the connection broke or
	// first_byte_timeout ended it, is sent again.
	Duplicates bool
	// Backoff and MaxBackoff shape the pause before a service is tried again
	// that failed this request before.
	Backoff, MaxBackoff time.Duration
	// MaxWait is the longest Retry-After that is waited for.
	MaxWait time.Duration
	// Budget bounds tries after one that reached its service.
	Budget *Budget
}

// Tally is what Send did beside sending a request once.
type Tally struct {
	Retries   [causeCount]uint8 // further tries, by why the one before failed
	Hedged    Hedged
	Exhausted bool // a further try was not made: the budget was used up
}

// Cause is why a further try was made.
type Cause uint8

// The causes.
const (
	CauseConnect Cause = iota // no connection
	CauseStatus               // one of Retry.Statuses
	CauseTimeout              // first_byte_timeout
	CauseBroken               // the connection broke, or the reply was malformed
	causeCount
)

// String is the cause as a metric's label.
func (c Cause) String() string { return [...]string{"connect", "status", "timeout", "broken"}[c] }

// CauseOf is the cause that e is for another try.
func CauseOf(e *Error) Cause {
	switch e.Kind {
	case KindConnect, KindNoSlot:
		return CauseConnect
	case KindStatus:
		return CauseStatus
	case KindTimeout:
		return CauseTimeout
	}
	return CauseBroken
}

// statusError is a reply that was no answer.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("answered with status %d", int(s)) }

// walk tries targets. Without an error the trip holds a reply.
func (t *trip) walk(plan []Target, maxRetries int, onAttempt func(Target, *Error)) *Error {
	var last *Error
	tries := rounds{plan: plan, fresh: len(plan) - t.req.Failed, tried: t.req.Failed > 0}
	for {
		if t.client.Gone() {
			return goneError("")
		}
		target, e := tries.next(t)
		if e != nil {
			return e
		}
		if target == nil {
			break
		}
		e = t.try(target)
		if e == nil {
			return nil
		}
		e.Again = tries.again()
		if onAttempt != nil {
			onAttempt(target, e)
		}
		// A service that is full explains a failure only when none was tried.
		if last == nil || e.Kind != KindNoSlot || last.Kind == KindNoSlot {
			last = e
		}
		tries.failed(e, t.req.maxWait())
		if tries.repeats >= maxRetries && tries.again() || !t.goOn(e, maxRetries) {
			break
		}
	}
	if t.kept != nil && last.Kind != KindClientGone {
		t.replay()
		return nil
	}
	if last == nil {
		last = noSlotError("", errNoTarget)
	}
	return last
}

func (r *Request) maxWait() time.Duration {
	if r.Retry == nil {
		return 0
	}
	return r.Retry.MaxWait
}

// try makes one attempt, with a slot of the target's, which an error gives back.
func (t *trip) try(target Target) *Error {
	t.target = target
	if !target.Acquire() {
		return noSlotError(target.Name(), slotError(target.Config().MaxInFlight))
	}
	t.held = true
	t.attempts++
	e := t.attempt()
	if e != nil {
		target.Release()
		t.held = false
	}
	return e
}

// goOn decides whether e may be followed by another try.
func (t *trip) goOn(e *Error, maxRetries int) bool {
	if !e.Retryable || t.attempts > maxRetries {
		return false
	}
	r := t.req.Retry
	if r == nil || !e.reached {
		return true
	}
	if !time.Now().Before(t.deadline) {
		return false
	}
	if !r.Budget.Take(time.Now()) {
		t.req.Tally.Exhausted = true
		return false
	}
	return true
}

// rounds is the order in which targets are tried: each fresh one of the plan, at
// once, and when all have failed, again the one that asks for the shortest wait.
type rounds struct {
	plan    []Target
	at      int // of plan, the one that is being tried
	fresh   int // of plan, so many have not failed this request before
	begun   int // of those, so many were tried
	repeats int // tries beyond the plan
	tried   bool
	free    []time.Time // when each may be tried again; nil before one asked
	last    *Error
}

// again reports whether the target was tried before.
func (r *rounds) again() bool { return r.repeats > 0 }

// next returns the target to try now; nil when there is none left.
func (r *rounds) next(t *trip) (Target, *Error) {
	if r.begun == second && t.race != nil && !t.race.claim() {
		r.begun++
	}
	if r.begun < r.fresh {
		r.at = r.begun
		r.begun++
	} else {
		if t.req.Retry == nil || !r.tried || t.race != nil && !t.race.claim() {
			return nil, nil
		}
		r.at = r.soonest()
		wait := max(jitter(t.req.Retry.Backoff, t.req.Retry.MaxBackoff, r.repeats), time.Until(r.freeAt(r.at)))
		if time.Now().Add(wait).After(t.deadline) {
			return nil, nil
		}
		if !t.pause(wait) {
			return nil, goneError(r.plan[r.at].Name())
		}
		r.repeats++
	}
	if r.last != nil && r.last.Kind != KindNoSlot {
		t.req.Tally.Retries[CauseOf(r.last)]++
	}
	return r.plan[r.at], nil
}

// soonest is the place in the plan of what may be tried again first.
func (r *rounds) soonest() int {
	best := 0
	for i := range r.plan {
		if r.freeAt(i).Before(r.freeAt(best)) {
			best = i
		}
	}
	return best
}

func (r *rounds) freeAt(i int) time.Time {
	if r.free == nil {
		return time.Time{}
	}
	return r.free[i]
}

// never is longer than any request takes.
const never = 1000 * time.Hour

// failed notes how the try ended, and how long its target asks to be let alone.
func (r *rounds) failed(e *Error, most time.Duration) {
	r.last = e
	r.tried = r.tried || e.Kind != KindNoSlot
	if e.wait <= 0 {
		return
	}
	if e.wait > most {
		e.wait = never
	}
	if r.free == nil {
		r.free = make([]time.Time, len(r.plan))
	}
	r.free[r.at] = time.Now().Add(e.wait)
}

// mayDouble reports whether a request that was sent, and failed with err, may
// be sent once more.
func (t *trip) mayDouble(err error) bool {
	if t.req.Retry == nil || !t.req.Retry.Duplicates {
		return false
	}
	var late *timeoutError
	return !errors.As(err, &late) || late.limit == t.first
}

// awaitBody waits for the first byte of a stream's body, where the head is held
// back for it. What is wrong with the body is left for its reader to find.
func (t *trip) awaitBody() error {
	if !t.req.Hold || !t.streaming {
		return nil
	}
	for {
		look := t.body
		var b [1]byte
		if _, n, err := look.decode(b[:], t.in.bytes()); n > 0 || err != nil || look.done() {
			return nil
		}
		switch err := t.fillInput(); {
		case err == io.EOF && t.body.framing == byClose:
			return nil
		case err == io.EOF:
			return faultCut
		case err != nil:
			return err
		}
	}
}
