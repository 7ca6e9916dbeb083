package forward

import (
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
	*out = t.req.appendHead((*out)[:0], t.target, &t.origin)
	t.sent, t.hasty, t.idle, t.waitUntil = 0, true, false, time.Time{}
	soon := time.Now().Add(patience)
	if len(t.req.Body) > inlineBody {
		_ = t.conn.SetReadDeadline(soon)
		t.startUpload(out, *out, t.req.Body)
		return nil
	}
	*out = append(*out, t.req.Body...)
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
			t.startUpload(out, (*out)[n:], nil)
			return nil
		}
		err = &timeoutError{knobRequest, t.f.o.RequestTimeout}
	}
	releaseOut(out)
	return err
}

// upload is a request that is written by a goroutine of its own.
type upload struct {
	done chan struct{} // closed when the goroutine has ended
	n    int64         // bytes written; after done
	err  error         // after done
}

// startUpload writes first and then second, and releases out, whose bytes
// first may be.
func (t *trip) startUpload(out *[]byte, first, second []byte) {
	_ = t.conn.SetWriteDeadline(t.deadline)
	u := &upload{done: make(chan struct{})}
	t.upload = u
	go func(conn net.Conn) {
		defer close(u.done)
		parts := net.Buffers{first, second}
		u.n, u.err = parts.WriteTo(conn)
		releaseOut(out)
	}(t.conn)
}

// uploaded reports, without waiting, whether all of the request is written.
func (t *trip) uploaded() bool {
	if t.upload == nil {
		return true
	}
	select {
	case <-t.upload.done:
	default:
		return false
	}
	if t.upload.err != nil {
		return false
	}
	t.sent += t.upload.n
	t.upload = nil
	return true
}
