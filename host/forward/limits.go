package forward

import (
	"os"
	"strconv"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
)

// Limits are what a route says of its requests' time in place of Options. A
// zero value is none: then the service's counts, if it has one of its own, and
// then that of Options.
type Limits struct {
	// Request is Options.RequestTimeout here. Services have none of their own.
	Request time.Duration
	config.Timeouts
}

// limit is how long something may take, and the knob that says so.
type limit struct {
	after time.Duration
	knob  string
}

// The knobs, by what sets them: see [Error.Knob].
const (
	knobRequest    = "request_timeout"
	knobConnect    = "connect_timeout"
	knobFirstByte  = "first_byte_timeout"
	knobStreamIdle = "stream_idle_timeout"

	ofServer, ofService, ofRoute = "server.", "services.", "routes."
)

// requestLimit is what bounds a request as a whole.
func (f *Forwarder) requestLimit(r *Request) limit {
	if r.Limits.Request > 0 {
		return limit{r.Limits.Request, ofRoute + knobRequest}
	}
	return limit{f.o.RequestTimeout, ofServer + knobRequest}
}

func (f *Forwarder) connectLimit(t Target) limit {
	if own := t.Config().ConnectTimeout; own > 0 {
		return limit{own, ofService + knobConnect}
	}
	return limit{f.o.ConnectTimeout, ofServer + knobConnect}
}

// firstByteLimit is zero where there is none.
func (f *Forwarder) firstByteLimit(r *Request, t Target) limit {
	if r.Limits.FirstByte > 0 {
		return limit{r.Limits.FirstByte, ofRoute + knobFirstByte}
	}
	if own := t.Config().Timeouts.FirstByte; own > 0 {
		return limit{own, ofService + knobFirstByte}
	}
	return limit{f.o.FirstByteTimeout, ofServer + knobFirstByte}
}

func (f *Forwarder) streamIdleLimit(r *Request, t Target) limit {
	if r.Limits.StreamIdle > 0 {
		return limit{r.Limits.StreamIdle, ofRoute + knobStreamIdle}
	}
	if own := t.Config().Timeouts.StreamIdle; own > 0 {
		return limit{own, ofService + knobStreamIdle}
	}
	return limit{f.o.StreamIdleTimeout, ofServer + knobStreamIdle}
}

// timeoutError names the knob that ended a wait.
type timeoutError struct {
	limit
	silent bool // once it had begun to speak
}

func (t *timeoutError) Error() string {
	knob := t.knob + " = " + strconv.Quote(config.SpellDuration(t.after))
	if t.silent {
		return "was silent for too long: " + knob
	}
	return "did not answer in time: " + knob
}

// Timeout makes it a net.Error's kind of timeout.
func (t *timeoutError) Timeout() bool { return true }

// Is lets errors.Is find os.ErrDeadlineExceeded.
func (t *timeoutError) Is(target error) bool { return target == os.ErrDeadlineExceeded }

// expect starts the clock of first_byte_timeout on an attempt that is sent now.
func (t *trip) expect(now time.Time) {
	t.silence = t.f.streamIdleLimit(t.req, t.target)
	t.first, t.firstBy = t.f.firstByteLimit(t.req, t.target), time.Time{}
	if t.first.after > 0 {
		t.firstBy = now.Add(t.first.after)
	}
}

// answered stops that clock.
func (t *trip) answered() {
	if !t.firstBy.IsZero() {
		t.firstBy, t.waitUntil = time.Time{}, time.Time{}
	}
}

// until is how long the reply is waited for now, and late the error after it.
func (t *trip) until() time.Time {
	if !t.firstBy.IsZero() && t.firstBy.Before(t.deadline) {
		return t.firstBy
	}
	return t.deadline
}

func (t *trip) late() error {
	if t.until() == t.deadline {
		return &timeoutError{limit: t.total}
	}
	return &timeoutError{limit: t.first}
}
