package host

import (
	"time"

	"github.com/valyala/fasthttp"
)

// A stream is silent most of the time. On the loops it goes on without fasthttp,
// whose handler and connection would keep a stack of eight kilobytes: the handler
// returns, fasthttp thinks the connection closed, and what comes from the service
// is passed on by whichever worker is at hand. Elsewhere, on TLS say, and where a
// client has sent its next request already, the handler stays to the end.

// countRequest counts a request that is handled with its connection.
func countRequest(ctx *fasthttp.RequestCtx) {
	if c, ok := ctx.Conn().(*clientConn); ok {
		c.handled++
	}
}

// mayLeave reports whether the stream can go on without fasthttp.
func (s *stream) mayLeave() bool {
	return s.conn.looped != nil && !s.conn.pipelined() && s.reply.MaySleep()
}

// pipelined reports whether more was read of the client than the requests that
// are handled, sound or not: fasthttp has it.
func (c *clientConn) pipelined() bool {
	requests, _ := c.guard.Chunks()
	return c.guard.Fault() != nil || requests != c.handled || c.guard.Inside() || c.looped.Ahead()
}

// leave has fasthttp let go of ctx and its connection if a stream goes on there.
// What it answers is dropped, and its closing the connection is ignored.
func leave(ctx *fasthttp.RequestCtx) bool {
	c, ok := ctx.Conn().(*clientConn)
	if !ok || c.stream == nil {
		return false
	}
	c.stream.x.moveOut()
	ctx.Response.Reset()
	ctx.Response.SetConnectionClose()
	c.answered = true
	return true
}

// moveOut has x live on without fasthttp's ctx, which is the next request's: what
// policies, the end of the stream and the access log still ask for goes into one of
// x's own. The body itself moves, so that what was found in it holds.
func (x *exchange) moveOut() {
	if x.own == nil {
		x.own = &fasthttp.RequestCtx{}
	}
	ctx, own := x.ctx, x.own
	own.Init2(ctx.Conn(), silent{}, true)
	ctx.Request.Header.CopyTo(&own.Request.Header)
	own.Request.SwapBody(ctx.Request.SwapBody(nil))
	ctx.Response.Header.CopyTo(&own.Response.Header)
	x.ctx, x.request.Source = own, &own.Request.Header
}

// emptyOwn undoes moveOut, where that was.
func (x *exchange) emptyOwn() {
	if x.ctx == x.own {
		x.own.Request.Reset()
		x.own.Response.Reset()
		x.own.Init2(nil, silent{}, true)
	}
}

// follow goes on with the stream of a connection that fasthttp has let go, until it
// sleeps or ends. After the end the connection waits for its next request.
func (r *Router) follow(c *clientConn) (asleep bool) {
	s := c.stream
	s.left, c.answered = false, false
	if r.pumpAsleep(s) {
		return true
	}
	x := s.x
	stays := !s.last && !x.ctx.Response.ConnectionClose()
	c.stream = nil
	r.finish(x)
	r.memory.settle(c)
	if r.options.loops.Draining() { // nobody may be left to answer what was sent meanwhile
		stays = false
		c.unread.Store(c.looped.HasInput())
	}
	if !stays {
		_ = c.Close()
		return false
	}
	_ = c.SetWriteDeadline(time.Time{})
	c.looped.Rest(time.Now().Add(r.boot.Server.IdleTimeout))
	return false
}

// pumpAsleep is the stream's pump and end, which no handler stands around.
func (r *Router) pumpAsleep(s *stream) (asleep bool) {
	defer func() {
		if p := recover(); p != nil {
			_ = r.failed(s.x, p)
		}
	}()
	defer func() {
		if !asleep {
			s.end()
		}
	}()
	return s.pump(true)
}
