package host

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/forward"
	"github.com/infinirouter/infinirouter/host/service"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// deliver is step 6: a service's reply becomes the client's. It reports whether
// that is done: a reply that streams has been written.
func (r *Router) deliver(x *exchange, reply *forward.Reply) (done bool, f *fault) {
	resp := &x.ctx.Response
	reply.Header().CopyTo(&resp.Header)
	resp.SetStatusCode(reply.Status())
	x.outcome.status = reply.Status()
	x.head()
	if reply.Streaming() {
		return r.deliverStream(x, reply)
	}
	body, f, err := r.readWhole(x, reply, resp.SwapBody(nil)[:0])
	reply.Close()
	if len(body) > keptBody {
		resp.SetBodyRaw(body)
	} else {
		resp.SwapBody(body)
	}
	if f != nil {
		x.observe(service.Neutral)
		resp.Reset()
		return false, f
	}
	if err != nil {
		x.timedOut(err)
		x.observe(blame(err))
		resp.Reset()
		return false, forwardFault(err)
	}
	x.outcome.firstByte = x.sinceAccept()
	x.observe(replyResult(reply.Status()))
	x.outcome.addUsage(body)
	if x.chain.wants(abi.OnResponse) {
		if _, f := r.onResponse(x, body); f != nil {
			return false, f
		}
	}
	x.outcome.replyBytes = int64(len(resp.Body()))
	x.outcome.kind = replyOutcome(x.outcome.status)
	return false, nil
}

// deliverStream passes a reply on as it arrives.
func (r *Router) deliverStream(x *exchange, reply *forward.Reply) (done bool, f *fault) {
	resp := &x.ctx.Response
	size := reply.ContentLength()
	events := hasPrefixFold(reply.Header().ContentType(), "text/event-stream")
	if events && encoded(reply.Header()) {
		if x.chain.wants(abi.OnEvent) {
			reply.Close()
			x.observe(service.Neutral)
			resp.Reset()
			return false, &fault{status: fasthttp.StatusBadGateway, message: "the service compressed a stream that policies must read, unasked", kind: outcomeServiceError}
		}
		events = false
	}
	if x.chain.wants(abi.OnResponse) {
		if replaced, f := r.onResponse(x, nil); f != nil || replaced {
			reply.Close()
			x.observe(service.Neutral)
			return false, f
		}
	}
	if events {
		size = -1 // policies change the length, and so does an error event
	}
	r.stream(x, reply, size, events)
	return true, nil
}

// encoded reports whether a body's bytes are not the text that they stand for.
func encoded(h *fasthttp.ResponseHeader) bool {
	encoding := h.ContentEncoding()
	return len(encoding) > 0 && !bytes.EqualFold(encoding, []byte("identity"))
}

// onResponse runs the chain's on_response with body as the document; body is
// nil for a reply that streams. Edits go into the response, and so does a
// policy's reply, which has replaced the service's then.
func (r *Router) onResponse(x *exchange, body []byte) (replaced bool, f *fault) {
	x.reply.clear()
	x.show(stageResponse, body)
	action, err := x.chain.run(abi.OnResponse, x, r.options.Logger)
	if err != nil {
		x.ctx.Response.Reset()
		return false, policyFault(err)
	}
	if action == abi.Replied {
		x.ctx.Response.Reset()
		x.answerEarly()
		return true, nil
	}
	if edited, ok := x.edited(); ok {
		if len(edited) > keptBody {
			x.ctx.Response.SetBodyRaw(bytes.Clone(edited))
		} else {
			x.ctx.Response.SetBody(edited)
		}
	}
	return false, nil
}

// replyResult says what a complete reply tells of the service. That it is not
// available is a failure; any other 5xx is an error on this request.
func replyResult(status int) service.Result {
	switch {
	case status >= fasthttp.StatusBadGateway && status <= fasthttp.StatusGatewayTimeout:
		return service.Failed
	case status >= fasthttp.StatusInternalServerError:
		return service.Errored
	}
	return service.Succeeded
}

func replyOutcome(status int) outcomeKind {
	if status >= fasthttp.StatusInternalServerError {
		return outcomeServiceError
	}
	return outcomeOK
}

// observe tells the service, once, how its request went.
func (x *exchange) observe(result service.Result) {
	if x.target == nil {
		return
	}
	x.target.Observe(result, x.headAfter)
	x.target = nil
}

// scheme is what the client spoke, as far as this hop can know.
func (x *exchange) scheme() string {
	if x.ctx.IsTLS() {
		return "https"
	}
	return "http"
}

// endpointName is a path without its first slash and without "v1". A slash at
// its end stays: to a route, and to a service, that is another path.
func endpointName(path []byte) []byte {
	return bytes.TrimPrefix(bytes.TrimPrefix(path, []byte("/")), []byte("v1/"))
}

// endpoints are the inference endpoints, each served with and without "/v1".
// What is not here reaches a service only when a route names its path: a
// service's own administration is nothing a client should find.
var endpoints = map[string]endpoint{
	"chat/completions":      {},
	"completions":           {},
	"embeddings":            {},
	"responses":             {},
	"moderations":           {},
	"rerank":                {},
	"score":                 {},
	"classify":              {noV1: true},
	"pooling":               {noV1: true},
	"tokenize":              {noV1: true},
	"detokenize":            {noV1: true},
	"audio/speech":          {},
	"audio/transcriptions":  {},
	"audio/translations":    {},
	"images/generations":    {},
	"images/edits":          {},
	"images/variations":     {},
	"messages":              {},
	"messages/count_tokens": {},
}

// endpoint: noV1 marks what services offer outside /v1 (vLLM, SGLang and
// llama.cpp have /tokenize, and no /v1/tokenize).
type endpoint struct{ noV1 bool }

func isEndpoint(path []byte) bool {
	_, ok := endpoints[string(endpointName(path))]
	return ok
}

// versionOf says where services have what path asks for. What only a route
// names is where the route says.
func versionOf(path []byte) forward.Version {
	e, ok := endpoints[string(endpointName(path))]
	switch {
	case !ok:
		return forward.KeepV1
	case e.noV1:
		return forward.DropV1
	}
	return forward.AddV1
}
