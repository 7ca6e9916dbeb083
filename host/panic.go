package host

import (
	"fmt"
	"runtime/debug"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
)

// Where a fault of the router's own was met: label values of panics_total.
const (
	inRequest = "request"
	inStream  = "stream"
	inAccount = "account"
	inPage    = "page"
	inPolicy  = "policy" // a function that a policy called
)

// caught counts and logs what recover returned, with the request that met it
// and the stack, which no client sees. The error that it returns holds neither.
func (r *Router) caught(where string, id []byte, p any) error {
	r.metrics.Panicked(where)
	r.options.Logger.Error("the router failed on a request", "in", where, "request_id", string(id), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	return fmt.Errorf("panic: %v", p)
}

// guarded is exchange with a fault of the router's own kept to the one request
// that met it: fasthttp would let a panic end the process, and every other
// request with it.
func (r *Router) guarded(x *exchange) (done bool, f *fault) {
	defer func() {
		if p := recover(); p != nil {
			done, f = x.begun, r.failed(x, p)
		}
	}()
	return r.exchange(x)
}

// failed lets go of what x holds of others and says what the client hears.
func (r *Router) failed(x *exchange, p any) *fault {
	cause := r.caught(inRequest, x.id, p)
	x.broken = true
	x.ctx.Response.Reset()
	if x.begun {
		x.ctx.Response.SetConnectionClose()
		x.ctx.Conn().(*clientConn).stream = nil
	}
	if x.opened != nil {
		defer func() {
			if p := recover(); p != nil {
				_ = r.caught(inRequest, x.id, p)
			}
		}()
		x.opened.Close()
	}
	return &fault{status: fasthttp.StatusInternalServerError, message: routerFailed, kind: outcomeRejected, cause: cause}
}

// pageFailed answers instead of a page, or of an answer to what is no request,
// that a panic kept from being written.
func (r *Router) pageFailed(ctx *fasthttp.RequestCtx, p any) {
	_ = r.caught(inPage, ctx.Request.Header.Peek(headerRequestID), p)
	ctx.Response.Reset()
	f := fault{status: fasthttp.StatusInternalServerError, message: routerFailed}
	f.write(&ctx.Response, config.ErrorFormatPlain)
	ctx.SetConnectionClose()
}

// routerFailed is all that a client hears of a panic.
const routerFailed = "the router failed on this request"

// guardAccount is deferred around the accounting of x, which must not keep x
// from being let go.
func (r *Router) guardAccount(x *exchange) {
	if p := recover(); p != nil {
		_ = r.caught(inAccount, x.id, p)
		x.broken = true
	}
}

// guardFill is deferred around the work on one read: the stream is cut, as if
// its service had broken.
func (s *stream) guardFill() {
	if p := recover(); p != nil {
		s.x.broken = true
		s.err = s.router.caught(inStream, s.x.id, p)
		if s.events {
			s.say(&fault{status: fasthttp.StatusInternalServerError, message: routerFailed})
		}
	}
}
