package host

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/forward"
	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/host/service"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// heartbeat is the route's, for a request that it is for: 0 for others.
func (x *exchange) heartbeat() time.Duration {
	if x.body.kind != bodyJSON || !x.body.stream() || !x.ctx.Request.Header.IsHTTP11() {
		return 0
	}
	return x.route.Config.Heartbeat
}

// prefill is the reply to a client that asked for a stream, where the route has
// a heartbeat. Steps 4 and 5 run in a goroutine of their own, which has the
// exchange until done is closed. If that takes longer than a beat, the reply
// begins without a service: 200, and a comment at each beat. From there a
// failure can only be told by an event. When the service's stream has begun,
// inner is what is read.
type prefill struct {
	router *Router
	x      *exchange
	client *forward.Watch // the exchange's own
	part   *forward.Watch // its child, under which the request is sent
	every  time.Duration

	done  chan struct{}
	reply *forward.Reply // after done, as fault
	fault *fault

	inner  *stream
	out    []byte // for the client
	err    error  // after out
	gave   time.Time
	turned bool // the exchange is ours again
	closed bool
}

// beat is a comment, which readers of events skip.
const beat = ": heartbeat\n\n"

// forwardBeating is forward and deliver for a request with a heartbeat.
func (r *Router) forwardBeating(x *exchange, every time.Duration) (streams bool, f *fault) {
	if x.watch == nil {
		x.watch = forward.NewWatch(x.ctx.Conn())
	}
	p := &prefill{router: r, x: x, client: x.watch, part: x.watch.Child(true), every: every, done: make(chan struct{})}
	x.watch = p.part
	go p.run()
	if p.wait() {
		if f := p.turn(); f != nil {
			return false, f
		}
		return r.deliver(x, p.reply)
	}
	resp := &x.ctx.Response
	resp.SetStatusCode(fasthttp.StatusOK)
	resp.Header.SetContentType("text/event-stream")
	resp.Header.Set("Cache-Control", "no-cache")
	resp.Header.SetBytesV(headerRequestID, x.id)
	resp.ImmediateHeaderFlush = true
	p.out = append(p.out, beat...)
	resp.SetBodyStream(p, -1)
	return true, nil
}

// run is steps 4 and 5.
func (p *prefill) run() {
	defer close(p.done)
	defer func() {
		if v := recover(); v != nil {
			p.x.broken = true
			p.fault = &fault{status: fasthttp.StatusInternalServerError, message: routerFailed, kind: outcomeRejected, cause: p.router.caught(inRequest, p.x.id, v)}
		}
	}()
	p.reply, p.fault = p.router.forward(p.x)
}

// wait waits for run, and for a beat at most. It says whether run is over.
func (p *prefill) wait() bool {
	detach(p.x.ctx)
	timer := time.NewTimer(p.every)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
		return false
	}
}

// detach lets the loop that serves a client go on with others.
func detach(ctx *fasthttp.RequestCtx) {
	if c, ok := ctx.Conn().(*clientConn); ok && c.looped != nil {
		c.looped.Detach()
	}
}

// turn takes the exchange back from run, which is over.
func (p *prefill) turn() *fault {
	x := p.x
	p.turned, x.watch = true, p.client
	defer p.part.Dismiss()
	if p.fault != nil {
		return p.fault
	}
	if p.reply.Adopt(p.client) {
		return nil
	}
	p.reply.Close()
	x.observe(service.Neutral)
	return &fault{status: forward.StatusClientGone, message: "the client closed the connection", kind: outcomeClientGone}
}

// Read implements io.Reader for fasthttp, as stream's does.
func (p *prefill) Read(b []byte) (int, error) {
	for len(p.out) == 0 && p.inner == nil {
		if p.err != nil {
			return 0, p.err
		}
		if p.wait() {
			p.begin()
		} else {
			p.out = append(p.out, beat...)
		}
	}
	if p.inner != nil {
		return p.inner.Read(b)
	}
	n := copy(b, p.out)
	p.out = p.out[:copy(p.out, p.out[n:])]
	p.gave = limitWrite(p.x.ctx, p.x.gen)
	return n, nil
}

// begin goes over from beats to the service's stream, or to why there is none.
func (p *prefill) begin() {
	x := p.x
	if f := p.turn(); f != nil {
		p.fail(f)
		return
	}
	x.outcome.status = p.reply.Status()
	if !p.streams() {
		p.whole()
		return
	}
	if f := p.onResponse(); f != nil {
		p.reply.Close()
		x.observe(service.Neutral)
		p.fail(f)
		return
	}
	p.inner = newStream(p.router, x, p.reply, true)
}

// streams reports whether the reply can follow what was sent.
func (p *prefill) streams() bool {
	h := p.reply.Header()
	return p.reply.Status() == fasthttp.StatusOK && p.reply.Streaming() && hasPrefixFold(h.ContentType(), "text/event-stream") && !encoded(h)
}

// onResponse runs the chain's on_response. The client has its head already, so
// what policies do to that is in vain.
func (p *prefill) onResponse() *fault {
	x := p.x
	if !x.chain.wants(abi.OnResponse) {
		return nil
	}
	var sent fasthttp.ResponseHeader
	x.ctx.Response.Header.CopyTo(&sent)
	defer sent.CopyTo(&x.ctx.Response.Header)
	p.reply.Header().CopyTo(&x.ctx.Response.Header)
	x.reply = earlyReply{}
	x.show(stageResponse, nil)
	action, err := x.chain.run(abi.OnResponse, x, p.router.options.Logger)
	switch {
	case err != nil:
		return policyFault(err)
	case action == abi.Replied:
		return &fault{status: x.reply.status, message: "answered by the policy " + x.reply.policy, kind: outcomeRejected}
	}
	return nil
}

// whole tells the client of a reply that is no stream: an error of the
// service's, as it is if it is JSON.
func (p *prefill) whole() {
	x, status := p.x, p.reply.Status()
	name := p.reply.Target().Name()
	body, err := p.reply.ReadAll(nil, x.gen.config.Server.MaxReplyBody)
	p.reply.Close()
	if err != nil {
		x.timedOut(err)
		x.observe(blame(err))
		p.fail(forwardFault(err))
		return
	}
	x.observe(replyResult(status))
	f := &fault{status: status, message: fmt.Sprintf("service %q answered with status %d", name, status), kind: replyOutcome(status)}
	if status < fasthttp.StatusBadRequest {
		f = &fault{status: fasthttp.StatusBadGateway, message: fmt.Sprintf("service %q answered with something else than a stream", name), kind: outcomeServiceError}
	}
	p.fail(f)
	if body = bytes.TrimSpace(body); status >= fasthttp.StatusBadRequest && len(body) > 0 && body[0] == '{' {
		p.out = p.out[:0]
		for line := range bytes.Lines(body) {
			p.out = append(append(p.out, "data: "...), bytes.TrimRight(line, "\r\n")...)
			p.out = append(p.out, '\n')
		}
		p.out = append(p.out, '\n')
	}
}

// fail ends the reply with an event that tells of f, and without a proper end.
func (p *prefill) fail(f *fault) {
	o := &p.x.outcome
	o.kind, o.status, o.err = f.kind, f.status, f.message
	if f.cause != nil {
		o.err = f.cause.Error()
	}
	p.out = openai.AppendErrorEvent(p.out, p.x.gen.config.Server.ErrorFormat, f.status, f.message)
	p.err = errNoStream
}

var errNoStream = errors.New("there is no stream")

// Close ends the exchange, as stream's does.
func (p *prefill) Close() error {
	if p.closed {
		return nil
	}
	p.closed = true
	if p.inner != nil {
		return p.inner.Close()
	}
	x := p.x
	if !p.turned {
		p.part.CallOff()
		detach(x.ctx)
		<-p.done
		if f := p.turn(); f == nil {
			p.reply.Close()
			x.observe(service.Neutral)
		}
		x.outcome.kind, x.outcome.err = outcomeClientGone, ""
		if !p.client.Gone() {
			x.outcome.err = p.router.lateReader(x.gen, p.gave)
		}
	}
	x.watch.Stop()
	p.router.finish(x)
	return nil
}

var _ io.ReadCloser = (*prefill)(nil)
