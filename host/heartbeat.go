package host

import (
	"bytes"
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

// prefill is what a client that asked for a stream waits for, where the route
// has a heartbeat: steps 4 and 5, in a goroutine of their own, which has the
// exchange until done is closed.
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

// forwardBeating is forward and deliver for a request with a heartbeat. If no
// reply has begun within a beat, the client's begins without a service: 200, and
// a comment at each beat. From there a failure can only be told by an event.
func (r *Router) forwardBeating(x *exchange, every time.Duration) (done bool, f *fault) {
	if x.watch == nil {
		x.watch = forward.NewWatch(x.ctx.Conn())
	}
	p := &prefill{router: r, x: x, client: x.watch, part: x.watch.Child(true), every: every, done: make(chan struct{})}
	x.watch, x.aside = p.part, true
	go p.run()
	if p.wait() {
		if f := p.turn(); f != nil {
			return false, f
		}
		return r.deliver(x, p.reply)
	}
	s := p.beat()
	if f := p.turn(); f != nil {
		p.fail(s, f)
		return true, nil
	}
	p.follow(s)
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

// beat begins the reply and beats until run is over, or is called off because
// the client takes nothing any more.
func (p *prefill) beat() *stream {
	x := p.x
	h := &x.ctx.Response.Header
	h.SetStatusCode(fasthttp.StatusOK)
	h.SetContentType("text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.SetBytesV(headerRequestID, x.id)
	s := newStream(p.router, x, nil, -1, true)
	s.begin()
	for {
		s.out.b = append(s.open(), beat...)
		s.flush()
		if s.lost != nil {
			p.part.CallOff()
			detach(x.ctx)
			<-p.done
			return s
		}
		if p.wait() {
			return s
		}
	}
}

// turn takes the exchange back from run, which is over.
func (p *prefill) turn() *fault {
	x := p.x
	x.watch, x.aside = p.client, false
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

// follow goes over from beats to the service's stream, or to why there is none.
func (p *prefill) follow(s *stream) {
	x := p.x
	x.outcome.status = p.reply.Status()
	if s.lost == nil && !p.streams() {
		p.whole(s)
		return
	}
	if s.lost == nil && x.chain.wants(abi.OnResponse) {
		// The client has its head already: what policies do to that is in vain.
		p.reply.Header().CopyTo(&x.ctx.Response.Header)
		replaced, f := p.router.onResponse(x, nil)
		if replaced {
			f = &fault{status: x.reply.status, message: "answered by the policy " + x.reply.policy, kind: outcomeRejected}
		}
		if f != nil {
			p.reply.Close()
			x.observe(service.Neutral)
			p.fail(s, f)
			return
		}
	}
	s.reply = p.reply
	defer s.end()
	s.proceed()
}

// streams reports whether the reply can follow what was sent.
func (p *prefill) streams() bool {
	h := p.reply.Header()
	return p.reply.Status() == fasthttp.StatusOK && p.reply.Streaming() && hasPrefixFold(h.ContentType(), "text/event-stream") && !encoded(h)
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
		p.fail(s, forwardFault(err))
		return
	}
	x.observe(replyResult(status))
	body = bytes.TrimSpace(body)
	switch {
	case status < fasthttp.StatusBadRequest:
		p.fail(s, &fault{status: fasthttp.StatusBadGateway, message: fmt.Sprintf("service %q answered with something else than a stream", name), kind: outcomeServiceError})
		return
	case len(body) > 0 && body[0] == '{':
		s.out.b = s.open()
		for line := range bytes.Lines(body) {
			s.out.b = append(append(s.out.b, "data: "...), bytes.TrimRight(line, "\r\n")...)
			s.out.b = append(s.out.b, '\n')
		}
		s.out.b = append(s.out.b, '\n')
		s.flush()
		s.told = true
	}
	p.fail(s, &fault{status: status, message: fmt.Sprintf("service %q answered with status %d", name, status), kind: replyOutcome(status)})
}

// fail ends the reply with an event that tells of f, and without a proper end.
func (p *prefill) fail(s *stream, f *fault) {
	o := &p.x.outcome
	o.kind, o.status, o.err = f.kind, f.status, f.message
	if f.cause != nil {
		o.err = f.cause.Error()
	}
	if s.lost == nil && f.kind != outcomeClientGone && !s.told {
		s.say(f)
		s.flush()
	}
	if s.lost != nil && !p.client.Gone() {
		o.kind, o.err = outcomeClientGone, p.router.lateReader(p.x.gen, s.gave)
	}
	s.abort()
	s.out.release()
	p.x.watch.Stop()
}
