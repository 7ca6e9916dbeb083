package host

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/admin"
)

// What /readyz says.
const (
	stateReady    = "ready"
	stateStarting = "starting" // no service has answered a check or failed one
	stateDraining = "draining"
)

// The pages for those who watch over the process. They need no key.
const (
	pageLive  = "/livez"
	pageReady = "/readyz"
)

func isLifePage(path []byte) bool { return string(path) == pageLive || string(path) == pageReady }

// state says whether new requests should come here. Whether services are well
// is /health's to say: taking a router out for them helps nobody.
func (r *Router) state(g *generation) string {
	if r.draining.Load() {
		return stateDraining
	}
	all := g.services.All()
	for _, s := range all {
		if s.Figures().Probes > 0 {
			return stateReady
		}
	}
	if len(all) > 0 {
		return stateStarting
	}
	return stateReady
}

// lifePage answers /livez and /readyz and reports whether the request asked for
// one of them.
func (r *Router) lifePage(ctx *fasthttp.RequestCtx, g *generation) bool {
	switch string(ctx.Path()) {
	case pageLive:
		writeJSON(ctx, admin.State("alive"))
	case pageReady:
		state := r.state(g)
		if state != stateReady {
			ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		}
		writeJSON(ctx, admin.State(state))
	default:
		return false
	}
	return true
}

// Drain makes /readyz answer 503 and every reply from now on the last of its
// connection. Requests are taken as before: who asks has time to look elsewhere.
func (r *Router) Drain() { r.draining.Store(true) }

// DrainTimes are today's server.drain_delay and server.drain_timeout.
func (r *Router) DrainTimes() (delay, timeout time.Duration) {
	g := r.acquire()
	defer g.release()
	return g.config.Server.DrainDelay, g.config.Server.DrainTimeout
}

// HandOver stops accepting, because another process accepts from the same
// sockets, and waits until the clients here have left: each with its next
// reply, so that none is cut off in the middle of asking. Those that ask
// nothing until ctx ends are left to Shutdown.
func (r *Router) HandOver(ctx context.Context) {
	r.Drain()
	r.closeListeners()
	for r.conns.open.Load() > 0 && ctx.Err() == nil {
		time.Sleep(drainLook)
	}
}

// closeListeners ends Serve and ServeAdmin and leaves their connections alone.
func (r *Router) closeListeners() {
	r.listening.Lock()
	defer r.listening.Unlock()
	for _, ln := range r.listeners {
		_ = ln.Close()
	}
}
