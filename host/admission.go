package host

import (
	"fmt"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/admission"
	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/forward"
)

// The knobs behind gates, as metrics have them.
const (
	knobInFlight = "server.max_in_flight"
	knobRoute    = "routes.max_in_flight"
	knobKey      = "api_keys.max_in_flight"
	knobSlots    = "services.max_in_flight"
)

// entrance is what requests go through before any work is done on them. It
// outlives generations: what is in flight counts on under the next one's limits.
type entrance struct {
	queue admission.Queue
	all   *gate

	mu     sync.Mutex
	routes map[string]*gate // by name; a limit that is taken away leaves its gate
	keys   map[string]*gate // by id
}

// gate is a Gate and what to call it.
type gate struct {
	admission.Gate
	knob   string // in metrics
	name   string // to clients, with the operator's own names in it
	status int    // of what is refused
}

func (g *gate) String() string { return fmt.Sprintf("over the limit %s = %d", g.name, g.Limit()) }

// class is how requests of one route or key are let in.
type class struct {
	gate     *gate // nil: no limit of their own
	priority admission.Priority
	ranked   bool // priority is said
}

// adopt gives g its gates and makes its limits those of today, for requests of
// older generations too.
func (e *entrance) adopt(g *generation) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.all == nil {
		e.all = &gate{knob: knobInFlight, name: knobInFlight, status: fasthttp.StatusServiceUnavailable}
		e.routes, e.keys = map[string]*gate{}, map[string]*gate{}
	}
	e.all.SetLimit(g.config.Server.MaxInFlight)
	kept := map[*gate]bool{nil: true}
	for _, r := range g.routes.Routes() {
		c := class{priority: admission.ParsePriority(r.Config.Priority), ranked: true}
		c.gate = limited(e.routes, r.Config.Name, r.Config.MaxInFlight, &gate{knob: knobRoute, name: "routes." + r.Config.Name + ".max_in_flight", status: fasthttp.StatusServiceUnavailable})
		g.classes[r], kept[c.gate] = c, true
	}
	for _, k := range g.config.APIKeys {
		c := class{priority: admission.ParsePriority(k.Priority), ranked: k.Priority != config.PriorityOfRoute}
		c.gate = limited(e.keys, k.ID, k.MaxInFlight, &gate{knob: knobKey, name: "api_keys." + k.ID + ".max_in_flight", status: fasthttp.StatusTooManyRequests})
		g.keyClasses[k.ID], kept[c.gate] = c, true
	}
	for _, gates := range []map[string]*gate{e.routes, e.keys} {
		for _, old := range gates {
			if !kept[old] {
				old.SetLimit(0)
			}
		}
	}
}

// limited is the gate under name with this limit, made if there was none; nil
// for no limit.
func limited(gates map[string]*gate, name string, limit int, made *gate) *gate {
	if limit == 0 {
		return nil
	}
	g := gates[name]
	if g == nil {
		g = made
		gates[name] = g
	}
	g.SetLimit(limit)
	return g
}

// enter lets x in, or lets it wait until it can be, where there is a queue.
func (r *Router) enter(x *exchange) *fault {
	x.findGates(&r.entrance)
	if r.entrance.queue.Empty() && x.enterGates() {
		return nil
	}
	return r.wait(x, x.enterGates)
}

// findGates gathers what x must pass. Its key comes first: where several are
// shut, a client hears of what is its own.
func (x *exchange) findGates(e *entrance) {
	route := x.gen.classes[x.route]
	x.priority = route.priority
	x.gates = x.gates[:0]
	if x.keyID != "" {
		key := x.gen.keyClasses[x.keyID]
		if key.gate != nil {
			x.gates = append(x.gates, key.gate)
		}
		if key.ranked {
			x.priority = key.priority
		}
	}
	if route.gate != nil {
		x.gates = append(x.gates, route.gate)
	}
	x.gates = append(x.gates, e.all)
}

// enterGates passes all of x's gates or none.
func (x *exchange) enterGates() bool {
	for i, g := range x.gates {
		if !g.Enter() {
			for _, passed := range x.gates[:i] {
				passed.Leave()
			}
			x.shut = g
			return false
		}
	}
	x.inside = true
	return true
}

// leaveGates undoes enterGates. What it gives back is offered by the caller.
func (x *exchange) leaveGates() {
	if x.inside {
		x.inside = false
		for _, g := range x.gates {
			g.Leave()
		}
	}
}

// wait is for x to be let in by take. A fault says why it was not.
func (r *Router) wait(x *exchange, take func() bool) *fault {
	queue := &x.gen.config.Server.Queue
	if queue.Size == 0 {
		if take() { // somebody left just now
			return nil
		}
		return r.shed(x, "", 1)
	}
	if x.watch == nil {
		x.watch = forward.NewWatch(x.ctx.Conn())
	}
	began := time.Now()
	end := r.entrance.queue.Wait(admission.Request{
		Priority: x.priority, Size: queue.Size, Timeout: queue.Timeout,
		Gone: x.watch.Leaving(), Enter: take,
	})
	waited := time.Since(began)
	x.outcome.queued += waited
	r.metrics.Queued(x.priority.String(), queueEnd(end), waited.Seconds())
	switch end {
	case admission.Admitted:
		return nil
	case admission.ClientGone:
		return &fault{status: forward.StatusClientGone, message: "the client left while its request waited", kind: outcomeClientGone}
	case admission.Late:
		return r.shed(x, fmt.Sprintf("waited %v in the queue (server.queue.timeout): ", queue.Timeout), r.entrance.queue.RetryAfter())
	}
	return r.shed(x, fmt.Sprintf("the queue is full (server.queue.size = %d): ", queue.Size), r.entrance.queue.RetryAfter())
}

// queueEnd is an end as metrics have it: why something was shed, shed_total says.
func queueEnd(end admission.End) string {
	if end == admission.Full || end == admission.Late {
		return "shed"
	}
	return string(end)
}

// shed is the refusal of x by what it found shut last.
func (r *Router) shed(x *exchange, why string, retryAfter int) *fault {
	f := &fault{status: fasthttp.StatusServiceUnavailable, kind: outcomeRejected, retryAfter: retryAfter}
	if x.shut != nil {
		f.status, f.knob, f.message = x.shut.status, x.shut.knob, why+x.shut.String()
	} else {
		f.knob, f.message = knobSlots, why+fmt.Sprintf("all %d services of model %q are full (%s)", len(x.plan), printable(x.served), knobSlots)
	}
	r.metrics.Shed(f.knob)
	return f
}
