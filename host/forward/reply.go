package forward

import (
	"io"
	"slices"
	"time"

	"github.com/valyala/fasthttp"
)

// Reply is a service's reply, from its first byte on. It holds a slot of the
// service and a connection, and gives both back when it is closed: Close is
// owed on every path. One goroutine at a time uses a Reply.
type Reply struct {
	t        *trip // nil once closed
	target   Target
	status   int
	attempts int
	replayed bool
}

func (t *trip) reply() *Reply {
	return &Reply{t: t, target: t.target, status: t.header.StatusCode(), attempts: t.attempts, replayed: !t.held}
}

// Status is the reply's status code, 200 to 599.
func (r *Reply) Status() int { return r.status }

// Target is the service that replied.
func (r *Reply) Target() Target { return r.target }

// Attempts is how many targets were tried, this one included.
func (r *Reply) Attempts() int { return r.attempts }

// Replayed reports whether onAttempt has heard of this reply already: it said
// "not now", and all that was tried after it failed.
func (r *Reply) Replayed() bool { return r.replayed }

// Header holds the reply's fields, without those that were for the service's
// connection alone, and without Date and Transfer-Encoding, which whoever
// writes the reply sets. It is valid until Close, and nil after it.
func (r *Reply) Header() *fasthttp.ResponseHeader {
	if r.t == nil {
		return nil
	}
	return &r.t.header
}

// ContentLength is the length of the body that Read will give, -1 when only
// its end tells. For a HEAD request it is 0, whatever the header says.
func (r *Reply) ContentLength() int {
	if r.t == nil {
		return 0
	}
	switch r.t.body.framing {
	case noBody:
		return 0
	case byLength:
		return int(r.t.length)
	}
	return -1
}

// Streaming reports whether the body is to be passed on as it comes:
// text/event-stream, a body of unknown length that is not JSON, or one longer
// than Options.MaxReplyBody.
func (r *Reply) Streaming() bool { return r.t != nil && r.t.streaming }

// Buffered reports whether the next Read will return without waiting, with
// bytes, the end or an error.
func (r *Reply) Buffered() bool {
	t := r.t
	return t == nil || t.err != nil || t.body.done() || len(t.in.bytes()) > 0
}

// Read gives body bytes as soon as there are any: what one read from the
// service brought, without its framing. The error is io.EOF only at the
// body's proper end, and otherwise an *Error.
func (r *Reply) Read(p []byte) (int, error) {
	if r.t == nil {
		return 0, errClosed
	}
	if len(p) == 0 {
		return 0, r.t.err
	}
	return r.t.read(p)
}

// ReadAll appends the whole body to dst. A body that is cut, or longer than
// limit bytes, is an *Error; the returned slice then holds a part of it.
func (r *Reply) ReadAll(dst []byte, limit int64) ([]byte, error) {
	if r.t == nil {
		return dst, errClosed
	}
	return r.t.readAll(dst, limit)
}

// Await returns when Read has something to give, be it an error, and holds no
// buffer meanwhile where the service's connection is on the loops; elsewhere it
// returns at once.
func (r *Reply) Await() {
	t := r.t
	if r.Buffered() || t.looped == nil {
		return
	}
	t.in.release()
	t.setReadDeadline()
	t.looped.Await()
}

// MaySleep reports whether Sleep may say yes: the loops have both the client and
// the service, and the reply is read by who serves the client.
func (r *Reply) MaySleep() bool {
	return r.t != nil && r.t.looped != nil && r.t.client.worker() != nil
}

// Sleep is Await for who can go on elsewhere: where it would wait, it has the
// client's connection sleep (loop.Conn.Sleep) and says so. Who is called then
// calls Wake first. MaySleep comes before it.
func (r *Reply) Sleep() bool {
	t := r.t
	if r.Buffered() {
		return false
	}
	t.in.release()
	t.setReadDeadline()
	return t.client.worker().Sleep(t.looped)
}

// Wake ends Sleep.
func (r *Reply) Wake() { r.t.client.worker().Wake(r.t.looped) }

// Close ends the reply, complete or not: the Watch is stopped, the connection
// goes to the pool or is closed, the slot is free. Further calls do nothing.
func (r *Reply) Close() {
	if t := r.t; t != nil {
		r.t = nil
		t.finish()
	}
}

func (t *trip) read(p []byte) (int, error) {
	for t.err == nil {
		used, n, err := t.body.decode(p, t.in.bytes())
		t.in.used(used)
		if n > 0 {
			t.got()
			if err != nil {
				_ = t.fail(err)
			}
			return n, nil
		}
		switch {
		case err != nil:
			return 0, t.fail(err)
		case t.body.done():
			t.err = io.EOF
		case len(p) >= inputSize && t.body.direct() >= inputSize:
			n, err := t.fill(p[:min(int64(len(p)), t.body.direct())])
			if err != nil {
				return 0, t.cut(err)
			}
			t.body.took(int64(n))
			t.got()
			return n, nil
		default:
			if err := t.fillInput(); err != nil {
				return 0, t.cut(err)
			}
		}
	}
	return 0, t.err
}

// got notes that body bytes have come: a stream's silence counts from here.
func (t *trip) got() {
	if t.streaming && !t.idle {
		t.idle = true
		t.waitUntil = time.Time{}
	}
}

// cut ends the body at a failed read: properly, if the connection's end is its
// end.
func (t *trip) cut(err error) error {
	if err != io.EOF {
		return t.fail(err)
	}
	if t.body.framing == byClose {
		t.err = io.EOF
		return t.err
	}
	return t.fail(faultCut)
}

func (t *trip) fail(err error) error {
	e := replyError(t.target.Name(), err)
	// Of what does not stream, nothing need have been passed on.
	e.reached, e.Retryable = true, !t.streaming && e.Kind != KindTooLarge && t.mayDouble(err)
	if t.client.Gone() {
		e = goneError(t.target.Name())
	}
	t.err = e
	return e
}

// readAll reads to the end. Memory grows with what has come, not with what was
// announced, beyond the first megabyte.
func (t *trip) readAll(dst []byte, limit int64) ([]byte, error) {
	if t.err == nil && t.body.framing == byLength && t.body.left > limit {
		return dst, t.fail(faultTooLarge)
	}
	start, want := len(dst), 512
	if t.body.framing == byLength {
		want = int(min(t.body.left, 1<<20))
	}
	dst = slices.Grow(dst, want)
	for t.err == nil && !t.body.done() {
		if len(dst) == cap(dst) {
			dst = slices.Grow(dst, 512)
		}
		n, _ := t.read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		if int64(len(dst)-start) > limit {
			return dst, t.fail(faultTooLarge)
		}
	}
	if t.err == nil || t.err == io.EOF {
		t.err = io.EOF
		return dst, nil
	}
	return dst, t.err
}

// ended reports whether the body has come to its end, dropping what of it is
// here unread.
func (t *trip) ended() bool {
	if t.err != nil && t.err != io.EOF {
		return false
	}
	var scratch [512]byte
	for !t.body.done() && len(t.in.bytes()) > 0 {
		used, _, err := t.body.decode(scratch[:], t.in.bytes())
		t.in.used(used)
		if err != nil || used == 0 {
			return false
		}
	}
	return t.body.done()
}

// quiet reports whether nothing follows the reply, as far as was read. What a
// TLS connection has decrypted and not handed out is asked for under a
// deadline that has passed, which reads nothing more.
func (t *trip) quiet() bool {
	if len(t.in.bytes()) > 0 {
		return false
	}
	if !t.secure {
		return true
	}
	_ = t.conn.SetReadDeadline(past)
	var b [1]byte
	n, err := t.conn.Read(b[:])
	return n == 0 && isTimeout(err)
}
