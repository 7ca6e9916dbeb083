package host

import (
	"github.com/infinirouter/infinirouter/host/forward"
)

const headerFallback = "X-Router-Fallback"

// forward is steps 4 and 5: for the model that was asked for, and as long as
// nobody serves it, for one after the other of the route's fallbacks. A reply
// that says "not now" counts as nobody, and is what the client gets when all
// fail; else it gets the last fault.
func (r *Router) forward(x *exchange) (*forward.Reply, *fault) {
	reply, f := r.attempt(x)
	for _, model := range x.route.Config.Fallbacks {
		if !failedBefore(reply, f) {
			break
		}
		if len(x.gen.services.Serving(x.serving[:0], []byte(model))) == 0 {
			continue
		}
		served, fallback := x.served, x.fallback
		if x.body.setModel([]byte(model)) != nil {
			break
		}
		x.fallback = model
		next, nextFault := r.attempt(x)
		switch {
		case next == nil && reply != nil:
			x.served, x.fallback = served, fallback
			x.outcome.service = reply.Target().Name()
			continue
		case reply != nil:
			reply.Close()
		}
		reply, f = next, nextFault
	}
	if reply == nil {
		x.fallback = ""
		return nil, f
	}
	x.opened = reply
	if x.fallback != "" {
		x.metrics.FellBack(x.route.Config.Name, x.fallback)
	}
	return reply, nil
}

// attempt is steps 4 and 5 for the model that the body names now.
func (r *Router) attempt(x *exchange) (*forward.Reply, *fault) {
	plan, f := r.plan(x)
	if f != nil {
		return nil, f
	}
	return r.sendInTurn(x, plan)
}

// failedBefore reports whether another model may be asked: no service has seen
// the request, or each that did refused it, or may have done its work in vain.
func failedBefore(reply *forward.Reply, f *fault) bool {
	if reply != nil {
		return reply.Replayed()
	}
	return f.elsewhere
}
