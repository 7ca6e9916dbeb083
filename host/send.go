package host

import (
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/forward"
	"github.com/infinirouter/infinirouter/host/service"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// send is step 5: the plan is walked until a service's reply begins, under one
// request_timeout for all the models of an exchange.
func (r *Router) send(x *exchange, plan []forward.Target) (*forward.Reply, *fault) {
	body, err := x.body.parts()
	if err != nil {
		return nil, badRequest(err.Error())
	}
	sent := time.Now()
	if x.watch == nil {
		x.watch = forward.NewWatch(x.ctx.Conn())
	}
	if x.sent.IsZero() {
		x.sent = sent
	}
	before := x.outcome.attempts
	server := &x.gen.config.Server
	path := x.ctx.Path()
	x.request = forward.Request{
		Source:         &x.ctx.Request.Header,
		Method:         x.ctx.Method(),
		Path:           servicePath(path),
		Version:        versionOf(path),
		Query:          x.ctx.URI().QueryString(),
		Body:           body,
		ClientAddress:  x.peer,
		Scheme:         x.scheme(),
		OriginalHost:   x.ctx.Request.Header.Host(),
		RequestID:      x.id,
		Stream:         x.body.stream(),
		Since:          x.sent,
		Retry:          &x.manner.retry,
		Hedge:          x.manner.hedgeOf(x.served, x.body.stream()),
		Hold:           x.manner.hold && x.body.stream(),
		Failed:         x.failedOf(plan),
		Limits:         forward.Limits{Request: x.route.Config.RequestTimeout, Timeouts: x.route.Config.Timeouts},
		TrustForwarded: server.TrustForwarded,
		// A policy that reads replies must be able to.
		DropAcceptEncoding: x.chain.wants(abi.OnResponse) || x.chain.wants(abi.OnEvent),
	}
	retries := x.route.Config.Retries
	if len(x.failed) > 0 { // it goes on where it was
		retries -= before
		x.request.Hedge.After = 0
	}
	reply, err := x.gen.forward.Send(&x.request, plan, retries, x.watch, x.attempted)
	x.tallied()
	if err != nil {
		return nil, forwardFault(err)
	}
	x.outcome.attempts = before + reply.Attempts()
	x.outcome.service = reply.Target().Name()
	if !reply.Replayed() {
		x.target = serviceOf(reply.Target())
		if replyResult(reply.Status()) == service.Succeeded {
			x.target.Answered()
		}
	}
	x.headAfter = time.Since(sent)
	x.manner.answered(x.served, x.body.stream(), reply.Status(), x.headAfter)
	return reply, nil
}

// attempted counts one failed attempt against the service that caused it.
func (x *exchange) attempted(t forward.Target, err *forward.Error) {
	s := serviceOf(t)
	x.outcome.attempts++
	x.outcome.service = s.Name()
	x.timedOut(err)
	x.metrics.AttemptFailed(s.Name(), string(err.Kind))
	switch err.Kind {
	case forward.KindClientGone:
		s.Observe(service.Neutral, 0)
	case forward.KindNoSlot, forward.KindExhausted: // not the service's fault
	case forward.KindStatus:
		s.Observe(refused(err), 0)
	default:
		s.Observe(once(service.Failed, err), 0)
	}
}

// refused is what a reply that was no answer tells of its service. That it has
// enough to do (429) is no failure.
func refused(err *forward.Error) service.Result {
	if err.Status < fasthttp.StatusInternalServerError {
		return service.Neutral
	}
	return once(replyResult(err.Status), err)
}

// once keeps one request that is tried again and again from taking a service
// out: its first failure there counts against its health.
func once(result service.Result, err *forward.Error) service.Result {
	if result == service.Failed && err.Again {
		return service.Errored
	}
	return result
}
