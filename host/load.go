package host

import "github.com/infinirouter/infinirouter/host/telemetry"

// load feeds /metrics.
func (r *Router) load() telemetry.LoadSample {
	g := r.acquire()
	defer g.release()
	return telemetry.LoadSample{
		Connections: r.conns.open.Load(), ConnectionLimit: r.conns.limits.Load().all,
		Ready: r.state(g) == stateReady,
	}
}
