package host

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/forward"
)

// bodyMemory counts what bodies of requests and whole replies take, under
// server.max_body_memory. A request's body is counted before it is read, as long
// as it says it will be; one in chunks a chunk at a time, as each says how long it
// is. Small bodies are not counted: max_connections bounds them.
//
// fasthttp asks about a body when nobody knows the connection yet, so until it
// has arrived the share stands under the request's head, and then with the
// connection, which gives it back when the reply is written or when it closes.
type bodyMemory struct {
	limit, used atomic.Int64 // bytes; no limit: 0
	largest     atomic.Int64 // body in chunks: what is longer is refused for that
	arrivals    atomic.Int64 // len(arriving), to look without the lock

	mu       sync.Mutex
	arriving map[*fasthttp.RequestHeader]share
}

// share is what was taken for a body that arrives. There was no room for one
// without bytes.
type share struct {
	bytes int64
	until int64 // Unix nanoseconds, after which it cannot be arriving any more
}

const (
	// smallBody is the largest that is not counted.
	smallBody = 16 << 10
	// arrivalGrace is what a body may be late: deadlines end reads, not calls.
	arrivalGrace = 5 * time.Second

	knobBodyMemory = "server.max_body_memory"
)

// take takes n bytes, or nothing and reports false.
func (m *bodyMemory) take(n int64) bool {
	for {
		used, limit := m.used.Load(), m.limit.Load()
		if limit > 0 && used+n > limit {
			return false
		}
		if m.used.CompareAndSwap(used, used+n) {
			return true
		}
	}
}

// takeSwept is take, which gives up only when what is of broken connections has
// been given back.
func (m *bodyMemory) takeSwept(n int64) bool {
	if m.take(n) {
		return true
	}
	m.sweep(time.Now())
	return m.take(n)
}

func (m *bodyMemory) give(n int64) {
	if n != 0 {
		m.used.Add(-n)
	}
}

// admit takes what the body behind h needs, if it says, and returns how long it
// may be: largest, or less where there is no room. timeout is when its reading
// ends at the latest.
func (m *bodyMemory) admit(h *fasthttp.RequestHeader, largest int64, timeout time.Duration) int64 {
	n := int64(h.ContentLength())
	m.forget(h) // what stands there is of an earlier request
	if n <= smallBody || n > largest || m.limit.Load() == 0 {
		return largest
	}
	s := share{bytes: n, until: time.Now().Add(timeout + arrivalGrace).UnixNano()}
	if !m.takeSwept(n) {
		s.bytes = 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.arriving == nil {
		m.arriving = map[*fasthttp.RequestHeader]share{}
	}
	m.arriving[h] = s
	m.arrivals.Store(int64(len(m.arriving)))
	if s.bytes == 0 {
		return 1 // fasthttp refuses what is longer
	}
	return largest
}

// grow takes what the body in chunks that arrives on c has announced beyond what
// was taken, or reports that there is no room. What is pipelined behind a body
// waits until that one was handed over.
func (m *bodyMemory) grow(c *clientConn) bool {
	request, n := c.guard.Chunks()
	if n <= smallBody || n > m.largest.Load() || m.limit.Load() == 0 {
		return true
	}
	taken := c.growing.Load()
	switch {
	case taken == 0:
		c.grows = request
	case c.grows != request:
		return true
	}
	more := n - taken
	if more <= 0 {
		return true
	}
	if !m.takeSwept(more) {
		return false
	}
	c.growing.Add(more)
	return true
}

var errNoRoom = errors.New("there is no room for the body")

// sweep gives back what is of bodies that can no longer be arriving: of a
// connection that broke where fasthttp tells nobody.
func (m *bodyMemory) sweep(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for h, s := range m.arriving {
		if now.UnixNano() > s.until {
			m.give(s.bytes)
			delete(m.arriving, h)
		}
	}
	m.arrivals.Store(int64(len(m.arriving)))
}

// pop ends the arrival of the body behind h. What was taken for it stays taken.
func (m *bodyMemory) pop(h *fasthttp.RequestHeader) share {
	if m.arrivals.Load() == 0 {
		return share{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.arriving[h]
	if ok {
		delete(m.arriving, h)
		m.arrivals.Store(int64(len(m.arriving)))
	}
	return s
}

// refused reports whether there is no room for the body behind h.
func (m *bodyMemory) refused(h *fasthttp.RequestHeader) bool {
	if m.arrivals.Load() == 0 {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.arriving[h]
	return ok && s.bytes == 0
}

// forget is pop of a body that will not come.
func (m *bodyMemory) forget(h *fasthttp.RequestHeader) { m.give(m.pop(h).bytes) }

// arrived ends the arrival of ctx's body: what it takes stands with the
// connection from now on.
func (m *bodyMemory) arrived(ctx *fasthttp.RequestCtx) {
	taken := m.pop(&ctx.Request.Header).bytes
	n := int64(len(ctx.Request.Body()))
	c, ok := ctx.Conn().(*clientConn)
	if ok && c.growing.Load() > 0 {
		taken += c.growing.Swap(0)
	}
	if !ok || n <= smallBody || m.limit.Load() == 0 {
		n = 0
	}
	if n != taken {
		m.used.Add(n - taken)
	}
	if n > 0 {
		c.held.Add(n)
	}
}

// edited counts what the edits of policies take beside the body of x, and reports
// whether there is room.
func (m *bodyMemory) edited(x *exchange) bool {
	c, ok := x.ctx.Conn().(*clientConn)
	if !ok || m.limit.Load() == 0 || x.body.kind != bodyJSON {
		return true
	}
	n := int64(x.body.doc.Held())
	if n <= smallBody {
		return true
	}
	if !m.takeSwept(n) {
		return false
	}
	c.held.Add(n)
	return true
}

// hold counts n bytes more with ctx's connection, whether there is room or not.
func (m *bodyMemory) hold(ctx *fasthttp.RequestCtx, n int64) {
	if c, ok := ctx.Conn().(*clientConn); ok {
		m.used.Add(n)
		c.held.Add(n)
	}
}

// settle gives back what c holds. It may be called by any goroutine.
func (m *bodyMemory) settle(c *clientConn) {
	if c.held.Load() > 0 {
		m.give(c.held.Swap(0))
	}
	if c.growing.Load() > 0 {
		m.give(c.growing.Swap(0))
	}
}

// replied is fasthttp's ConnState: a connection that is idle holds nothing.
func (r *Router) replied(c net.Conn, s fasthttp.ConnState) {
	followState(c, s)
	if s != fasthttp.StateIdle {
		return
	}
	if c, ok := c.(*clientConn); ok {
		r.memory.settle(c)
	}
}

// noMemory is the refusal of a body that there is no room for.
func (r *Router) noMemory() *fault {
	r.metrics.Shed(knobBodyMemory)
	return overLimit(fasthttp.StatusServiceUnavailable, knobBodyMemory, r.memory.limit.Load())
}

// readWhole reads a reply that does not stream. It is counted before it is read
// if it says how long it is, and as it grows if not. The fault is nil unless it
// is the router's to refuse it; err is the reply's.
func (r *Router) readWhole(x *exchange, reply *forward.Reply, buf []byte) (body []byte, f *fault, err error) {
	limit, size := x.gen.config.Server.MaxReplyBody, int64(reply.ContentLength())
	if size > limit || size >= 0 && size <= smallBody {
		body, err = reply.ReadAll(buf, limit)
		return body, nil, err
	}
	if size >= 0 {
		if !r.memory.take(size) {
			return buf, r.noMemory(), nil
		}
		defer r.memory.give(size)
		body, err = reply.ReadAll(buf, limit)
	} else {
		var counted int64
		defer func() { r.memory.give(counted) }()
		body, f, err = r.readGrowing(reply, buf, limit, &counted)
	}
	if f == nil && err == nil && len(body) > smallBody && r.memory.limit.Load() > 0 {
		r.memory.hold(x.ctx, int64(len(body)))
	}
	return body, f, err
}

// readGrowing reads a reply of unknown length and adds to counted what it took. A
// buffer that is large already is no room that was counted.
func (r *Router) readGrowing(reply *forward.Reply, body []byte, limit int64, counted *int64) ([]byte, *fault, error) {
	for {
		more, full := max(len(body), 4<<10), len(body) == cap(body)
		if room := smallBody + int(*counted); len(body) >= room || full && len(body)+more > room {
			if !r.memory.take(int64(more)) {
				return body, r.noMemory(), nil
			}
			*counted += int64(more)
		}
		if full {
			body = slices.Grow(body, more)
		}
		n, err := reply.Read(body[len(body):min(cap(body), smallBody+int(*counted))])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF:
			return body, nil, nil
		case err != nil:
			return body, nil, err
		case int64(len(body)) > limit:
			return body, nil, forward.TooLarge(reply.Target().Name())
		}
	}
}
