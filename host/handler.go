package host

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/forward"
	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/host/route"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// handle is fasthttp's entry: all the steps of doc.go. What it leaves in ctx is
// written by fasthttp, unless a stream has written it.
func (r *Router) handle(ctx *fasthttp.RequestCtx) {
	r.memory.arrived(ctx)
	countRequest(ctx)
	g := r.acquire()
	if r.page(ctx, g) {
		dropBody(ctx)
		g.release()
		return
	}
	x := r.accept(ctx, g)
	done, f := r.guarded(x)
	if done {
		if leave(ctx) {
			return
		}
		r.finish(x)
		answered(ctx)
		return
	}
	if f != nil {
		x.refuse(f)
	}
	limitWrite(ctx, g)
	r.finish(x)
}

// exchange takes x through the steps of doc.go. It reports whether the reply is
// written; otherwise the response stands in x.ctx, or a fault says why there is
// none.
func (r *Router) exchange(x *exchange) (done bool, f *fault) {
	if f := r.admit(x); f != nil {
		return false, f
	}
	if f := r.parse(x); f != nil {
		return false, f
	}
	if f := r.enter(x); f != nil {
		return false, f
	}
	if replied, f := r.rewrite(x); replied || f != nil {
		return false, f
	}
	if every := x.heartbeat(); every > 0 {
		return r.forwardBeating(x, every)
	}
	return r.answer(x)
}

// admit checks what needs no body: limits, the client's key, method and path.
func (r *Router) admit(x *exchange) *fault {
	if f := connectionOver(x.ctx); f != nil {
		x.last = true
		return f
	}
	if len(x.gen.keys) > 0 {
		if f := x.authenticate(); f != nil {
			return f
		}
	}
	path := x.ctx.Path()
	if !isEndpoint(path) && !x.gen.named[string(path)] {
		return &fault{status: fasthttp.StatusNotFound, message: fmt.Sprintf("no such endpoint: %s %s", x.ctx.Method(), printable(path)), code: "not_found", kind: outcomeRejected}
	}
	if !x.ctx.IsPost() {
		x.ctx.Response.Header.Set("Allow", "POST")
		return &fault{status: fasthttp.StatusMethodNotAllowed, message: fmt.Sprintf("%s takes POST, not %s", printable(path), x.ctx.Method()), kind: outcomeRejected}
	}
	return nil
}

// authenticate finds the id of the client's key and takes the key out of the
// request: it is the router's, no service has use for it.
func (x *exchange) authenticate() *fault {
	h := &x.ctx.Request.Header
	id, name, ok := x.gen.keyIn(h)
	if !ok {
		return needsKey()
	}
	x.keyID = id
	h.Del(name)
	return nil
}

// keyIn finds one of the configured keys in a request: its id, and the header
// that it stands in.
func (g *generation) keyIn(h *fasthttp.RequestHeader) (id, header string, ok bool) {
	for _, name := range [...]string{"Authorization", "X-Api-Key", "Api-Key"} {
		value := h.Peek(name)
		if hasPrefixFold(value, "bearer ") {
			value = bytes.TrimLeft(value[len("bearer "):], " ")
		}
		if len(value) == 0 {
			continue
		}
		if id, ok := g.keys[sha256.Sum256(value)]; ok {
			return id, name, true
		}
	}
	return "", "", false
}

func needsKey() *fault {
	return &fault{
		status: fasthttp.StatusUnauthorized, kind: outcomeRejected, code: "invalid_api_key",
		message: "this router needs an API key: send one of [[api_keys]] as \"Authorization: Bearer KEY\"",
	}
}

// longBody is what takes so long to check, up to some milliseconds a megabyte,
// that it is not for a loop to do.
const longBody = 1 << 20

// parse is step 2: the body becomes a document, the request finds its route.
func (r *Router) parse(x *exchange) *fault {
	h := &x.ctx.Request.Header
	if encoding := h.ContentEncoding(); len(encoding) > 0 {
		return &fault{status: fasthttp.StatusUnsupportedMediaType, message: fmt.Sprintf("a request body in Content-Encoding %q is not supported: send it plain", printable(encoding)), kind: outcomeRejected}
	}
	raw := x.ctx.Request.Body()
	if len(raw) > longBody {
		x.Detach()
	}
	if err := x.body.parse(h.ContentType(), raw, openai.Limits{}); err != nil {
		return badRequest("request body: " + err.Error())
	}
	model, ok := x.body.model()
	if ok {
		x.asked = append(x.askedBuf[:0], model...)
		x.askedBuf = x.asked
	}
	x.route = x.gen.routes.Match(x.ctx.Path(), model, h.Peek)
	if x.route == nil {
		return &fault{status: fasthttp.StatusNotFound, message: fmt.Sprintf("no route for %s and model %q", printable(x.ctx.Path()), printable(model)), kind: outcomeRejected}
	}
	x.chain, x.manner = x.gen.chains[x.route], x.gen.manners[x.route]
	x.body.doc.Bound(int(x.maxBody()))
	if limit := x.route.Config.MaxBody; limit > 0 && int64(len(raw)) > limit {
		return &fault{status: fasthttp.StatusRequestEntityTooLarge, message: fmt.Sprintf("the body has %d bytes: over the limit routes.%s.max_body = %d", len(raw), x.route.Config.Name, limit), kind: outcomeRejected}
	}
	return nil
}

// rewrite is step 3: on_request of the route's chain.
func (r *Router) rewrite(x *exchange) (replied bool, f *fault) {
	if !x.chain.wants(abi.OnRequest) {
		return false, nil
	}
	forward.StripHopByHop(&x.ctx.Request.Header)
	x.stage = stageRequest
	action, err := x.chain.run(abi.OnRequest, x, r.options.Logger)
	if err != nil {
		return false, policyFault(err)
	}
	if action == abi.Replied {
		x.answerEarly()
		return true, nil
	}
	if limit := x.maxBody(); int64(x.body.length()) > limit {
		return false, &fault{status: fasthttp.StatusInternalServerError, message: fmt.Sprintf("policies grew the body to %d bytes: over the limit max_body = %d", x.body.length(), limit), kind: outcomeRejected}
	}
	if !r.memory.edited(x) {
		return false, r.noMemory()
	}
	return false, nil
}

// plan is step 4: model, candidates, scores, a ranked list.
func (r *Router) plan(x *exchange) ([]forward.Target, *fault) {
	model, ok := x.body.model()
	if !ok {
		only, single := x.gen.services.OnlyModel()
		if !single {
			f := badRequest("the request names no model")
			f.param = "model"
			return nil, f
		}
		model = append(x.modelBuf[:0], only...)
		x.modelBuf = model
	}
	x.served = model
	x.serving = x.gen.services.Serving(x.serving[:0], model)
	if len(x.serving) == 0 {
		return nil, x.gen.noModel(model)
	}
	x.cands = x.cands[:0]
	for _, s := range x.serving {
		x.cands = append(x.cands, route.Candidate{Service: s, Score: 1})
	}
	if x.chain.wants(abi.OnRoute) {
		x.stage = stageRoute
		if _, err := x.chain.run(abi.OnRoute, x, r.options.Logger); err != nil {
			return nil, policyFault(err)
		}
	}
	x.ranked = x.route.Balancer.Rank(x.cands, x.affinity(), x.Random)
	if len(x.ranked) == 0 {
		return nil, &fault{status: fasthttp.StatusServiceUnavailable, message: fmt.Sprintf("no service is left for model %q: policies or weights exclude all %d", printable(model), len(x.serving)), kind: outcomeRejected, retryAfter: 1, elsewhere: true}
	}
	x.plan = x.plan[:0]
	for _, c := range x.ranked {
		x.plan = append(x.plan, c.Service)
	}
	x.failedLast()
	return x.plan, nil
}

// noModel says why nobody serves model: it is unknown, or its services are not
// healthy.
func (g *generation) noModel(model []byte) *fault {
	if g.services.Knows(model) {
		return &fault{status: fasthttp.StatusServiceUnavailable, message: fmt.Sprintf("no healthy service for model %q", printable(model)), param: "model", kind: outcomeRejected, retryAfter: 1, elsewhere: true}
	}
	f := &fault{status: fasthttp.StatusServiceUnavailable, message: fmt.Sprintf("unknown model %q: GET /v1/models lists the models", printable(model)), param: "model", code: "model_not_found", kind: outcomeRejected, elsewhere: true}
	if g.config.Server.ErrorFormat == config.ErrorFormatOpenAI {
		f.status = fasthttp.StatusNotFound
	}
	return f
}

// refuse turns a fault into the response and the outcome.
func (x *exchange) refuse(f *fault) {
	f.write(&x.ctx.Response, x.gen.config.Server.ErrorFormat)
	x.head()
	x.outcome.kind, x.outcome.status = f.kind, f.status
	x.outcome.replyBytes = int64(len(x.ctx.Response.Body()))
	x.outcome.err = f.message
	if f.cause != nil {
		x.outcome.err = f.cause.Error()
	}
	if f.kind == outcomeClientGone {
		x.ctx.Response.SetConnectionClose()
	}
}

// head sets what every reply of the router carries.
func (x *exchange) head() {
	h := &x.ctx.Response.Header
	h.SetBytesV(headerRequestID, x.id)
	if x.last || x.draining.Load() {
		h.SetConnectionClose()
	}
	if x.gen.config.Server.ExposeService && x.outcome.service != "" {
		h.Set(headerService, x.outcome.service)
	}
	if x.fallback != "" {
		h.Set(headerFallback, x.fallback)
	}
}

const (
	headerRequestID = "X-Request-Id"
	headerService   = "X-Router-Service"
)

// maxBody is the limit on the request's body here.
func (x *exchange) maxBody() int64 {
	if x.route != nil && x.route.Config.MaxBody > 0 {
		return x.route.Config.MaxBody
	}
	return x.gen.config.Server.MaxBody
}

// printable bounds what of a client's input an error repeats.
func printable(b []byte) []byte {
	const limit = 200
	if len(b) > limit {
		return append(append([]byte(nil), b[:limit]...), "..."...)
	}
	return b
}
