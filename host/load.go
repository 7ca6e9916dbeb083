package host

import (
	"github.com/infinirouter/infinirouter/host/admission"
	"github.com/infinirouter/infinirouter/host/telemetry"
)

// load feeds /metrics.
func (r *Router) load() telemetry.LoadSample {
	g := r.acquire()
	defer g.release()
	waiting := map[string]int64{}
	for p, n := range r.entrance.queue.Waiting() {
		waiting[admission.Priority(p).String()] = n
	}
	return telemetry.LoadSample{
		Connections: r.conns.open.Load(), ConnectionLimit: r.conns.limits.Load().all,
		BodyMemory: r.memory.used.Load(), BodyMemoryLimit: r.memory.limit.Load(),
		Waiting: waiting, Ready: r.state(g) == stateReady,
	}
}
