package host

import (
	"sync/atomic"

	"github.com/infinirouter/infinirouter/host/forward"
	"github.com/infinirouter/infinirouter/host/service"
)

// slots is how many requests wait for a service to have a free slot: while any
// do, those that come later stand behind them.
type slots struct{ waiting atomic.Int64 }

// heldSlot is a service of which a slot was taken in the queue: the first
// Acquire is for that one.
type heldSlot struct {
	*service.Service
	used bool
}

// Acquire implements forward.Target.
func (h *heldSlot) Acquire() bool {
	if !h.used {
		h.used = true
		return true
	}
	return h.Service.Acquire()
}

// serviceOf is the service behind a target of ours.
func serviceOf(t forward.Target) *service.Service {
	if h, ok := t.(*heldSlot); ok {
		return h.Service
	}
	return t.(*service.Service)
}

// sendInTurn is send, with a place in the queue while all services of the plan
// are full, where there is a queue.
func (r *Router) sendInTurn(x *exchange, plan []forward.Target) (reply *forward.Reply, f *fault) {
	queued, before := x.gen.config.Server.Queue.Size > 0, x.outcome.attempts
	if !queued || r.slots.waiting.Load() == 0 {
		if reply, f = r.send(x, plan); f == nil || f.knob != knobSlots {
			return reply, f
		}
		if !queued {
			r.metrics.Shed(knobSlots)
			return nil, f
		}
	}
	for { // again when a service turns out to be unwell after the wait
		var held *heldSlot
		if held, f = r.waitForSlot(x); f != nil {
			return nil, f
		}
		x.outcome.attempts = before // that all were full is no attempt
		reply, f = r.send(x, x.plan)
		if !held.used {
			held.Release()
			r.entrance.queue.Wake()
		}
		if f == nil || f.knob != knobSlots {
			return reply, f
		}
	}
}

// waitForSlot waits until a service of the plan has a free slot, which stands
// first in the plan then. Meanwhile x holds nothing, so that those who want
// other services pass.
func (r *Router) waitForSlot(x *exchange) (*heldSlot, *fault) {
	x.leaveGates()
	r.entrance.queue.Wake()
	r.slots.waiting.Add(1)
	defer r.slots.waiting.Add(-1)
	var held *heldSlot
	if f := r.wait(x, func() bool {
		held = x.enterWithSlot()
		return held != nil
	}); f != nil {
		return nil, f
	}
	return held, nil
}

// enterWithSlot passes all of x's gates and takes a slot of the first service
// in the plan that has one, or does neither.
func (x *exchange) enterWithSlot() *heldSlot {
	for i, t := range x.plan {
		s := serviceOf(t)
		if !s.Healthy() || s.Full() || !s.Acquire() {
			continue
		}
		if !x.enterGates() {
			s.Release()
			return nil
		}
		held := &heldSlot{Service: s}
		x.plan[i] = x.plan[0]
		x.plan[0] = held
		return held
	}
	x.shut = nil
	return nil
}
