package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/loop"
)

// pooled is fasthttp's connection, whose type has no name outside of it.
type pooled interface {
	Conn() net.Conn
	CreatedTime() time.Time
	LastUseTime() time.Time // zero: not used before
}

// take and put stand around HostClient's methods, so that the type without a
// name is inferred on the way in and out.
func take[T pooled](from func(time.Duration, bool) (T, error), wait time.Duration) (pooled, error) {
	c, err := from(wait, false)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func put[T pooled](to func(T), c pooled) { to(c.(T)) }

// connect gives t a connection: the pool's, if one of them is sound, or a new
// one.
func (t *trip) connect() *Error {
	hc := t.target.Client()
	for {
		c, e := t.obtain(hc)
		if e != nil {
			return e
		}
		t.fresh = c.LastUseTime().IsZero()
		if t.fresh || t.sound(hc, c) {
			t.use(c)
			return nil
		}
		put(hc.CloseConn, c)
	}
}

// obtain takes what the pool has at once, and dials aside when it is empty.
func (t *trip) obtain(hc *fasthttp.HostClient) (pooled, *Error) {
	if hc.IdleConnsCount() == 0 {
		return t.dial(hc)
	}
	// Should another request be faster, this dials after all: then
	// connect_timeout alone bounds the wait, a leaving client does not.
	c, err := take(hc.AcquireConn, t.f.connectLimit(t.target).after)
	if err != nil {
		return nil, connectError(t.target.Name(), err)
	}
	return c, nil
}

// sound reports whether a connection of the pool can take a request.
func (t *trip) sound(hc *fasthttp.HostClient, c pooled) bool {
	if hc.MaxConnDuration > 0 && time.Since(c.CreatedTime()) > hc.MaxConnDuration {
		return false
	}
	return t.probe.idle(c.Conn())
}

func (t *trip) use(c pooled) {
	t.pooled, t.conn = c, c.Conn()
	_, t.secure = t.conn.(handshaker)
	if t.looped, _ = t.conn.(*loop.Conn); t.looped != nil && t.client.eager() {
		t.looped.Bind(t.client.worker())
	} else {
		t.client.detach()
	}
}

// handshaker is a TLS connection.
type handshaker interface {
	HandshakeContext(ctx context.Context) error
}

type dialled struct {
	conn pooled
	err  error
}

// dial waits for a new connection, for connect_timeout, and no longer than the
// client does. One that comes too late goes to the pool.
func (t *trip) dial(hc *fasthttp.HostClient) (pooled, *Error) {
	now := time.Now()
	limit := min(t.f.connectLimit(t.target).after, t.deadline.Sub(now))
	if limit <= 0 {
		return nil, t.dialTimeout(now)
	}
	t.client.detach()
	result, quit := make(chan dialled), make(chan struct{})
	go dialFor(hc, limit, result, quit)
	defer close(quit)
	timer := time.NewTimer(min(patience, limit))
	defer timer.Stop()
	var gone <-chan struct{}
	patient := false
	for {
		select {
		case d := <-result:
			if d.err != nil && timedOut(d.err) {
				return nil, t.dialTimeout(time.Now())
			}
			if d.err != nil {
				return nil, connectError(t.target.Name(), d.err)
			}
			return d.conn, nil
		case <-gone:
			return nil, goneError(t.target.Name())
		case <-timer.C:
			if patient {
				return nil, t.dialTimeout(time.Now())
			}
			patient = true
			gone = t.client.arm()
			timer.Reset(time.Until(now.Add(limit)))
		}
	}
}

// dialTimeout is 504 when it was the whole request's time that ran out, and
// otherwise an unreachable service.
func (t *trip) dialTimeout(now time.Time) *Error {
	if !now.Before(t.deadline) {
		return replyError(t.target.Name(), &timeoutError{limit: t.total})
	}
	return connectError(t.target.Name(), &timeoutError{limit: t.f.connectLimit(t.target)})
}

// dialFor dials, and shakes hands where there is TLS, so that a certificate
// that is not trusted is a failure to connect.
func dialFor(hc *fasthttp.HostClient, limit time.Duration, result chan<- dialled, quit <-chan struct{}) {
	c, err := take(hc.AcquireConn, limit)
	if err == nil {
		if err = handshake(c.Conn(), limit); err != nil {
			put(hc.CloseConn, c)
			c = nil
		}
	}
	select {
	case result <- dialled{c, err}:
	case <-quit:
		if c != nil {
			put(hc.ReleaseConn, c)
		}
	}
}

func handshake(conn net.Conn, limit time.Duration) error {
	secure, ok := conn.(handshaker)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := secure.HandshakeContext(ctx)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return errHandshakeTimeout
	}
	return err
}

// timedOut is isTimeout for the errors of dialling too.
func timedOut(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

var errHandshakeTimeout = fmt.Errorf("TLS handshake: %w", os.ErrDeadlineExceeded)
