package host

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/forward"
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

// prefill is steps 4 and 5 for a client that asked for a stream, where the route
// has a heartbeat. They run in a goroutine of their own, which has the exchange
// until done is closed. If that takes longer than a beat, the reply begins
// without a service: 200, and a comment at each beat. From there a failure can
// only be told by an event.
type prefill struct {
	router *Router
	x      *exchange
	client *forward.Watch // the exchange's own
	part   *forward.Watch // its child, under which the request is sent
	every  time.Duration

	done  chan struct{}
	reply *forward.Reply // after done, as fault
	fault *fault
}

// beat is a comment, which readers of events skip.
const beat = ": heartbeat\n\n"

// forwardBeating is forward and deliver for a request with a heartbeat.
func (r *Router) forwardBeating(x *exchange, every time.Duration) (done bool, f *fault) {
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
	resp.Header.SetBytesV(headerRequestID, x.id) // of head the rest is run's to know
	s := r.newStream(x, -1, true)
	s.begin()
	p.beat(s)
	p.pass(s)
	return true, nil
}

// beat tells the client of nothing, again and again, until run is over or the
// client has gone.
func (p *prefill) beat(s *stream) {
	for over := false; !over && s.lost == nil; over = p.wait() {
		s.out.b = append(s.open(), beat...)
		s.flush()
	}
}

// pass goes over from beats to the service's stream, or to why there is none.
func (p *prefill) pass(s *stream) {
	defer s.end()
	if s.lost != nil {
		p.part.CallOff()
		detach(p.x.ctx)
		<-p.done
	}
	f := p.turn()
	switch {
	case s.lost != nil && f == nil:
		p.letGo()
	case s.lost != nil:
	case f != nil:
		s.fault(f)
	default:
		p.begin(s)
	}
}

// letGo gives up a reply that nobody wants.
func (p *prefill) letGo() {
	p.reply.Close()
	p.x.observe(service.Neutral)
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
	x.watch = p.client
	defer p.part.Dismiss()
	if p.fault != nil {
		return p.fault
	}
	if p.reply.Adopt(p.client) {
		return nil
	}
	p.letGo()
	return &fault{status: forward.StatusClientGone, message: "the client closed the connection", kind: outcomeClientGone}
}

// begin is deliverStream behind a head that is sent already.
func (p *prefill) begin(s *stream) {
	x := p.x
	x.outcome.status = p.reply.Status()
	if !p.streams() {
		p.whole(s)
		return
	}
	if f := p.onResponse(); f != nil {
		p.letGo()
		s.fault(f)
		return
	}
	s.reply = p.reply
	s.run()
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
func (p *prefill) whole(s *stream) {
	x, status := p.x, p.reply.Status()
	name := p.reply.Target().Name()
	body, err := p.reply.ReadAll(nil, x.gen.config.Server.MaxReplyBody)
	p.reply.Close()
	if err != nil {
		x.timedOut(err)
		x.observe(blame(err))
		s.fault(forwardFault(err))
		return
	}
	x.observe(replyResult(status))
	f := &fault{status: status, message: fmt.Sprintf("service %q answered with status %d", name, status), kind: replyOutcome(status)}
	if status < fasthttp.StatusBadRequest {
		f = &fault{status: fasthttp.StatusBadGateway, message: fmt.Sprintf("service %q answered with something else than a stream", name), kind: outcomeServiceError}
	}
	if body = bytes.TrimSpace(body); status < fasthttp.StatusBadRequest || len(body) == 0 || body[0] != '{' {
		s.fault(f)
		return
	}
	s.out.b = s.open()
	for line := range bytes.Lines(body) {
		s.out.b = append(append(s.out.b, "data: "...), bytes.TrimRight(line, "\r\n")...)
		s.out.b = append(s.out.b, '\n')
	}
	s.out.b = append(s.out.b, '\n')
	s.fail(f)
}

// fault ends a stream that has no reply with an event that tells of f, and
// without a proper end.
func (s *stream) fault(f *fault) {
	s.say(f)
	s.fail(f)
}

// fail ends a stream that has no reply because of f, of which the client hears
// what is in out.
func (s *stream) fail(f *fault) {
	s.failed, s.err = f, errNoStream
	s.flush()
}

var errNoStream = errors.New("there is no stream")
