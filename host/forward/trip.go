package forward

import (
	"errors"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/loop"
)

// trip is one request on its way and its reply: everything that Send and Reply
// need, kept for the next one. One goroutine at a time uses it.
type trip struct {
	f        *Forwarder
	req      *Request
	client   *Watch
	target   Target
	held     bool  // a slot of target's
	kept     *kept // the last reply that said "not now"
	attempts int
	race     *race     // that it runs, nil for most
	total    limit     // request_timeout
	deadline time.Time // of total
	first    limit     // first_byte_timeout
	firstBy  time.Time // of first, zero: none, or no longer
	silence  limit     // stream_idle_timeout

	// The connection, and the request on it (connect.go, write.go).
	pooled pooled
	conn   net.Conn
	looped *loop.Conn // conn, when it is on the loops
	fresh  bool       // carried no request before
	secure bool       // TLS
	probe  probe
	origin origin
	sent   int64   // bytes of the request that the connection took
	upload *upload // what is still being written, aside

	// The reply (read.go, head.go, framing.go).
	in        input
	hasty     bool      // the read deadline is patience, the Watch not armed
	idle      bool      // stream_idle_timeout counts, not request_timeout
	silent    bool      // nothing has come since stream_idle_timeout was set
	waitUntil time.Time // the read deadline, when not hasty
	head      replyHead
	header    fasthttp.ResponseHeader
	body      decoder
	length    int64 // Content-Length, -1 for none
	streaming bool
	reusable  bool  // once the body has ended, the connection can serve another
	err       error // of the body: io.EOF after its end, or an *Error
}

func newTrip(f *Forwarder) *trip {
	t := &trip{f: f}
	t.probe.init()
	return t
}

func (t *trip) start(req *Request, client *Watch) {
	t.req, t.client, t.attempts = req, client, 0
	t.total = t.f.requestLimit(req)
	since := req.Since
	if since.IsZero() {
		since = time.Now()
	}
	t.deadline = since.Add(t.total.after)
}

// recycle forgets everything that is not the trip's own and keeps its memory.
func (t *trip) recycle() {
	t.in.release()
	t.header.Reset()
	t.origin.reset()
	t.head.forget()
	t.req, t.client, t.target, t.kept, t.race, t.held = nil, nil, nil, nil, nil, false
	t.f.trips.Put(t)
}

// attempt sends the request to t.target and reads the head of the reply. A
// connection of the pool that took no byte was dead already: the next one is
// tried, until a fresh one.
func (t *trip) attempt() *Error {
	for {
		if e := t.connect(); e != nil {
			return e
		}
		again, e := t.exchange()
		if !again {
			return e
		}
	}
}

// exchange sends and receives on t.conn. When it fails the connection is
// closed, and again says that the same target may be tried on another.
func (t *trip) exchange() (again bool, e *Error) {
	if !t.client.bind(t.conn) {
		t.drop()
		return false, goneError(t.target.Name())
	}
	err := t.write()
	if err == nil || t.sent > 0 {
		// A service may answer before it has read everything, and close: then
		// writing fails, and the answer is still there to be read.
		readErr := t.readHead()
		if readErr == nil {
			t.reusable = t.reusable && err == nil
			if e := t.refusal(); e != nil {
				return false, e
			}
			if readErr = t.awaitBody(); readErr == nil {
				return false, nil
			}
		}
		if err == nil {
			err = readErr
		}
	}
	t.drop()
	name := t.target.Name()
	switch {
	case t.client.Gone():
		return false, goneError(name)
	case t.sent > 0:
		e := replyError(name, err)
		e.reached, e.Retryable = true, t.mayDouble(err)
		return false, e
	case errors.As(err, new(*timeoutError)): // the time is up, for others too
		return false, replyError(name, err)
	case t.fresh:
		return false, connectError(name, err)
	}
	return true, nil
}

// finish ends the trip once its reply is no longer wanted. The connection goes
// back to the pool only when it cannot hold anything of this reply.
func (t *trip) finish() {
	// Unbound first: from here the Watch does not close the connection. If it
	// has done so already, Gone says it.
	t.client.unbind()
	t.client.Stop()
	if t.held {
		t.part()
		t.target.Release()
	}
	t.recycle()
}

// part gives the connection back, or closes it.
func (t *trip) part() {
	t.client.unbind()
	if t.ended() && t.reusable && t.uploaded() && !t.client.Gone() && t.quiet() {
		if t.looped != nil {
			t.looped.Unbind()
		}
		put(t.target.Client().ReleaseConn, t.pooled)
		t.pooled, t.conn, t.looped = nil, nil, nil
	} else {
		t.drop()
	}
}

// drop closes the connection and waits for what still writes to it.
func (t *trip) drop() {
	t.client.unbind()
	if t.secure || t.upload != nil {
		interrupt(t.conn)
	}
	if t.upload != nil {
		t.client.detach()
		<-t.upload.done
		t.sent += t.upload.n
		t.upload = nil
	}
	put(t.target.Client().CloseConn, t.pooled)
	t.pooled, t.conn, t.looped = nil, nil, nil
	t.in.clear()
}
