package forward

import (
	"sync"
	"time"
)

// Options are the limits that every request is sent under. A zero value means
// the default in brackets.
type Options struct {
	// ConnectTimeout bounds one connection attempt, TLS handshake included (5s).
	ConnectTimeout time.Duration
	// RequestTimeout bounds a request from Send to the last byte of a reply
	// that does not stream, and to the first body byte of one that does (5m).
	RequestTimeout time.Duration
	// FirstByteTimeout bounds the time from a request sent to the first byte of
	// the reply's body (none).
	FirstByteTimeout time.Duration
	// StreamIdleTimeout is how long a reply that streams may be silent once
	// its first body byte has come (5m). Up to an eighth more may pass.
	StreamIdleTimeout time.Duration
	// MaxHeaderBytes bounds the heads before one reply, interim ones included
	// (64 KiB).
	MaxHeaderBytes int
	// MaxReplyBody is the largest body with a known length that is not passed
	// on as a stream (32 MiB).
	MaxReplyBody int64
}

func (o Options) withDefaults() Options {
	setDefault(&o.ConnectTimeout, 5*time.Second)
	setDefault(&o.RequestTimeout, 5*time.Minute)
	setDefault(&o.StreamIdleTimeout, 5*time.Minute)
	setDefault(&o.MaxHeaderBytes, 64<<10)
	setDefault(&o.MaxReplyBody, 32<<20)
	return o
}

func setDefault[T ~int | ~int64](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// patience is how long a reply may take before a Watch is armed: about what
// arming costs, times a hundred.
const patience = 2 * time.Millisecond

// Forwarder sends requests to services. It is safe for concurrent use.
type Forwarder struct {
	o         Options
	trips     sync.Pool
	afterFunc func(time.Duration, func()) *time.Timer // time.AfterFunc, outside of tests
}

// New returns a Forwarder.
func New(o Options) *Forwarder {
	f := &Forwarder{o: o.withDefaults(), afterFunc: time.AfterFunc}
	f.trips.New = func() any { return newTrip(f) }
	return f
}

// Send walks the plan until a service's reply begins, and returns the Reply,
// whose Close the caller owes on every path.
//
// A target without a free slot is passed over. A further try is made, at most
// maxRetries times, when a failure came before a byte of the request was
// taken, and when req.Retry says so. onAttempt, which may be nil, hears of each
// attempt that failed, a missing slot included.
//
// client may be nil. The Reply's Close stops it; when Send returns an error,
// the caller does. The error is always an *Error, and all slots are released.
func (f *Forwarder) Send(req *Request, plan []Target, maxRetries int, client *Watch, onAttempt func(Target, *Error)) (*Reply, error) {
	if req.Retry != nil && req.Failed == 0 {
		req.Retry.Budget.Request(time.Now())
	}
	if req.Hedge.After > 0 && len(plan) > second {
		t, e := f.race(req, plan, maxRetries, client, onAttempt)
		if e != nil {
			return nil, e
		}
		return t.reply(), nil
	}
	t := f.trips.Get().(*trip)
	t.start(req, client)
	if e := t.walk(plan, maxRetries, onAttempt); e != nil {
		t.recycle()
		return nil, e
	}
	return t.reply(), nil
}
