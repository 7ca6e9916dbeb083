package forward

import (
	"io"
	"net"
	"sync"
	"time"
)

// inlineBody is the largest body that is copied behind its head and written
// with it. A larger one is written aside while the reply is awaited, so that a
// service that refuses it early is heard.
const inlineBody = 32 << 10

// outPool keeps the memory of written heads: a stream that runs for minutes
// does not hold on to its request's.
var outPool = sync.Pool{New: func() any { return new([]byte) }}

func releaseOut(out *[]byte) {
	if cap(*out) <= 2*inlineBody {
		outPool.Put(out)
	}
}

// write writes the request, or starts writing it. t.sent counts what the
// connection took.
func (t *trip) write() error {
	out := outPool.Get().(*[]byte)
	if t.race != nil {
		t.race.heading.Lock()
	}
	*out = t.req.appendHead((*out)[:0], t.target, &t.origin)
	if t.race != nil {
		t.race.heading.Unlock()
	}
	t.sent, t.hasty, t.idle, t.silent, t.waitUntil, t.err = 0, !t.client.eager(), false, false, time.Time{}, nil
	now := time.Now()
	soon := now.Add(patience)
	t.expect(now)
	if t.looped != nil && t.client.eager() {
		return t.writeLooped(out)
	}
	if t.req.bodyLength() > inlineBody {
		_ = t.conn.SetReadDeadline(soon)
		t.startUpload(out, t.req.Body, 0)
		return nil
	}
	*out = t.req.appendBody(*out)
	if t.secure {
		// After a write that timed out a TLS connection is of no more use.
		_ = t.conn.SetReadDeadline(soon)
		_ = t.conn.SetWriteDeadline(t.deadline)
	} else {
		_ = t.conn.SetDeadline(soon)
	}
	n, err := t.conn.Write(*out)
	t.sent = int64(n)
	if isTimeout(err) {
		if !t.secure {
			t.startUpload(out, nil, n)
			return nil
		}
		err = &timeoutError{limit: t.total}
	}
	releaseOut(out)
	return err
}

// writeLooped is write on the loops, where the reply is seen while the request
// waits to be taken: only what is left then is written aside.
func (t *trip) writeLooped(out *[]byte) (err error) {
	_ = t.conn.SetWriteDeadline(t.until())
	body := t.req.Body
	if t.req.bodyLength() <= inlineBody {
		*out, body = t.req.appendBody(*out), nil
	}
	n, early, err := t.looped.WriteUnlessRead(*out, body)
	t.sent = int64(n)
	if early {
		t.startUpload(out, body, n)
		return nil
	}
	releaseOut(out)
	if isTimeout(err) {
		err = t.late()
	}
	return err
}

// upload is a request that is written by a goroutine of its own.
type upload struct {
	done chan struct{} // closed when the goroutine has ended
	n    int64         // bytes written; after done
	err  error         // after done
}

// startUpload writes out and then body, but for the first sent bytes of both, and
// releases out.
func (t *trip) startUpload(out *[]byte, body [][]byte, sent int) {
	_ = t.conn.SetWriteDeadline(t.deadline)
	u := &upload{done: make(chan struct{})}
	t.upload = u
	var to io.Writer = t.conn
	if t.looped != nil {
		to = t.looped.Aside()
	}
	left := net.Buffers{*out}
	left = append(left, body...) // WriteTo forgets what it has written
	for len(left) > 0 && sent >= len(left[0]) {
		sent -= len(left[0])
		left = left[1:]
	}
	if len(left) > 0 {
		left[0] = left[0][sent:]
	}
	go func(conn net.Conn) {
		defer close(u.done)
		// Closed meanwhile, the connection is reset: its end would queue up
		// behind bytes that the service may never take.
		setLinger(conn, 0)
		if u.n, u.err = left.WriteTo(to); u.err == nil {
			setLinger(conn, -1)
		}
		releaseOut(out)
	}(t.conn)
}

func setLinger(conn net.Conn, seconds int) {
	if raw, ok := socketOf(conn); ok {
		if l, ok := raw.(interface{ SetLinger(sec int) error }); ok {
			_ = l.SetLinger(seconds)
		}
	}
}

// uploaded reports whether all of the request is written. It does not wait for
// the service: a writer that has anything left fails at a deadline that has
// passed, and one whose last byte was taken is about to end.
func (t *trip) uploaded() bool {
	u := t.upload
	if u == nil {
		return true
	}
	_ = t.conn.SetWriteDeadline(past)
	t.client.detach()
	<-u.done
	t.sent += u.n
	t.upload = nil
	return u.err == nil
}
