package host

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/plugins"
)

// requestHeaders and replyHeaders are an exchange's two sides as a policy
// edits them: fasthttp's own headers, copied aside before the first edit of a
// transaction so that Rollback can put them back.
type (
	requestHeaders exchange
	replyHeaders   exchange
)

// Get implements plugins.Headers.
func (h *requestHeaders) Get(name []byte) ([]byte, bool) {
	return joined((*exchange)(h), h.ctx.Request.Header.PeekAll(string(name)))
}

// Set implements plugins.Headers.
func (h *requestHeaders) Set(name, value []byte) error {
	h.save()
	h.ctx.Request.Header.SetBytesKV(name, value)
	return nil
}

// Remove implements plugins.Headers.
func (h *requestHeaders) Remove(name []byte) error {
	h.save()
	h.ctx.Request.Header.DelBytes(name)
	return nil
}

func (h *requestHeaders) save() {
	if h.tx.open && !h.tx.requestSaved {
		h.tx.requestSaved = true
		h.ctx.Request.Header.CopyTo(&h.tx.saved().request)
	}
}

// Get implements plugins.Headers.
func (h *replyHeaders) Get(name []byte) ([]byte, bool) {
	return joined((*exchange)(h), h.ctx.Response.Header.PeekAll(string(name)))
}

// Set implements plugins.Headers. It has no effect once the head was sent.
func (h *replyHeaders) Set(name, value []byte) error {
	if h.stage != stageResponse {
		return plugins.ErrNotAllowed
	}
	h.save()
	h.ctx.Response.Header.SetBytesKV(name, value)
	return nil
}

// Remove implements plugins.Headers.
func (h *replyHeaders) Remove(name []byte) error {
	if h.stage != stageResponse {
		return plugins.ErrNotAllowed
	}
	h.save()
	h.ctx.Response.Header.DelBytes(name)
	return nil
}

func (h *replyHeaders) save() {
	if h.tx.open && !h.tx.replySaved {
		h.tx.replySaved = true
		h.ctx.Response.Header.CopyTo(&h.tx.saved().reply)
	}
}

func joined(x *exchange, values [][]byte) ([]byte, bool) {
	switch len(values) {
	case 0:
		return nil, false
	case 1:
		return values[0], true
	}
	x.scratch = x.scratch[:0]
	for i, v := range values {
		if i > 0 {
			x.scratch = append(x.scratch, ", "...)
		}
		x.scratch = append(x.scratch, v...)
	}
	return x.scratch, true
}

// isLoopback reports whether the client sits on this machine and was not
// brought here by another proxy.
func isLoopback(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	return ctx.RemoteIP().IsLoopback() && len(h.Peek("X-Forwarded-For")) == 0 && len(h.Peek("Forwarded")) == 0
}

// validRequestID accepts what a log line can carry: 1 to 128 visible ASCII.
func validRequestID(id []byte) bool {
	return len(id) > 0 && len(id) <= 128 && bytes.IndexFunc(id, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}
