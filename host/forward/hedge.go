package forward

import (
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// Hedge says when a second service gets a request beside the first, which has
// not begun to reply. Whichever does first is the one whose reply is passed on;
// the other's connection is closed at once.
type Hedge struct {
	After  time.Duration // from Send; 0: never
	Budget *Budget       // of second requests
}

// Hedged is what became of a Hedge.
type Hedged uint8

// The values of Hedged.
const (
	HedgedNot    Hedged = iota // it was not needed
	HedgedDenied               // the budget was used up
	HedgedLost                 // the first replied all the same
	HedgedWon                  // the second replied
)

// race is one request on its way to two services.
//
// The first, of the plan, is asked by the goroutine that called Send, and
// everything that can follow it as without a hedge. The second is asked by a
// goroutine that a timer starts, so that a race which is over before costs the
// timer alone. What they share is guarded by mu.
type race struct {
	f      *Forwarder
	req    *Request
	plan   []Target
	client *Watch
	first  *Watch // the children of client under which they are asked
	second *Watch // nil until it starts

	mu      sync.Mutex
	taken   bool // the second of the plan is somebody's
	over    bool
	denied  bool
	won     bool          // the second is to be passed on
	done    chan struct{} // closed when trip and failed are there; nil until it starts
	trip    *trip
	failed  *Error
	heading sync.Mutex // one head at a time is made of the request
}

// second is the place in the plan of the service that is asked beside the first.
const second = 1

// race is walk with a hedge. It returns the trip that holds the reply, or an
// error and no trip.
func (f *Forwarder) race(req *Request, plan []Target, maxRetries int, client *Watch, onAttempt func(Target, *Error)) (*trip, *Error) {
	r := &race{f: f, req: req, plan: plan, client: client, first: client.Child(false)}
	req.Hedge.Budget.Request(time.Now())
	t := f.trips.Get().(*trip)
	t.start(req, r.first)
	t.race = r
	timer := f.afterFunc(req.Hedge.After, r.begin)
	e := t.walk(plan, maxRetries, onAttempt)
	timer.Stop()
	defer r.dismiss()
	other := r.end(e == nil && t.held && t.header.StatusCode() < fasthttp.StatusInternalServerError)
	if other == nil && r.failed != nil && onAttempt != nil {
		onAttempt(plan[second], r.failed)
	}
	if other != nil {
		if e == nil && t.held && onAttempt != nil {
			onAttempt(t.target, supersededError(t.target.Name()))
		}
		other.attempts += t.attempts
		r.discard(t, e)
		t, e = other, nil
	}
	if e == nil && !t.adopt(client) {
		e = goneError(t.target.Name())
		r.discard(t, nil)
		return nil, e
	}
	if e != nil {
		r.discard(t, e)
		return nil, e
	}
	return t, nil
}

// discard lets go of a trip that is not passed on, with the reply that it holds
// if it has no error.
func (r *race) discard(t *trip, e *Error) {
	if e == nil {
		t.finish()
		return
	}
	t.recycle()
}

func (r *race) dismiss() {
	r.first.Dismiss()
	if r.second != nil {
		r.second.Dismiss()
	}
}

// begin asks the second service. The timer calls it.
func (r *race) begin() {
	r.mu.Lock()
	if r.over || r.taken {
		r.mu.Unlock()
		return
	}
	if !r.req.Hedge.Budget.Take(time.Now()) {
		r.denied = true
		r.mu.Unlock()
		return
	}
	r.taken = true
	r.done = make(chan struct{})
	r.second = r.client.Child(true)
	r.mu.Unlock()

	t := r.f.trips.Get().(*trip)
	t.start(r.req, r.second)
	t.race = r
	e := r.ask(t)
	r.mu.Lock()
	r.trip, r.failed = t, e
	if e == nil && !r.over && t.header.StatusCode() < fasthttp.StatusMultipleChoices {
		r.won = true
		r.first.CallOff()
	}
	r.mu.Unlock()
	close(r.done)
}

// ask is try, in a goroutine where a panic must not end the process. Of a trip
// that it left behind nothing is known.
func (r *race) ask(t *trip) (e *Error) {
	defer func() {
		if p := recover(); p != nil {
			e = replyError(r.plan[second].Name(), fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	return t.try(r.plan[second])
}

// claim takes the second of the plan for a further try of the first's. Once it
// is asked as the second, it is not to be had.
func (r *race) claim() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done != nil {
		return false
	}
	r.taken = true
	return true
}

// end is called when the first has its reply, a good one or not, or has failed.
// It returns the second's trip if that is to be passed on. When it returns, no
// other goroutine has anything to do with the race.
func (r *race) end(good bool) *trip {
	r.mu.Lock()
	started, won := r.done != nil, r.won
	r.over = good || !started
	if r.denied {
		r.req.Tally.Hedged = HedgedDenied
	}
	r.mu.Unlock()
	if !started {
		return nil
	}
	if good && !won {
		r.second.CallOff()
	}
	r.client.detach()
	<-r.done
	r.req.Tally.Hedged = HedgedLost
	if r.failed != nil {
		r.discard(r.trip, r.failed)
		return nil
	}
	if good && !won {
		r.failed = supersededError(r.trip.target.Name())
		r.discard(r.trip, nil)
		return nil
	}
	r.req.Tally.Hedged = HedgedWon
	return r.trip
}

// superseded is the error of a service whose reply came second.
func supersededError(service string) *Error {
	return &Error{Status: StatusClientGone, Service: service, Kind: KindClientGone, Err: errSuperseded}
}
