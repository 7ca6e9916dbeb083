package host

import (
	"slices"
	"time"

	"github.com/infinirouter/infinirouter/host/forward"
)

// answer is steps 5 and 6, and again from step 4 where a reply broke while it
// was read whole: its client has seen nothing of it.
func (r *Router) answer(x *exchange) (done bool, f *fault) {
	reply, f := r.forward(x)
	for f == nil {
		by := reply.Target()
		if done, f = r.deliver(x, reply); f == nil || !f.elsewhere || !x.mayAgain() {
			return done, f
		}
		x.failed = append(x.failed, by.Name())
		x.metrics.Retried(x.route.Config.Name, f.again.String(), 1)
		x.watch = nil // it ended with the reply
		if reply, f = r.attempt(x); f == nil {
			x.opened = reply
		}
	}
	return false, f
}

// mayAgain reports whether the route allows one attempt more, and takes it from
// the budget.
func (x *exchange) mayAgain() bool {
	if x.outcome.attempts > x.route.Config.Retries {
		return false
	}
	if !x.manner.retry.Budget.Take(time.Now()) {
		x.metrics.BudgetExhausted(x.route.Config.Name, "retry")
		return false
	}
	return true
}

// failedLast puts services whose replies broke behind those that may do better.
func (x *exchange) failedLast() {
	if len(x.failed) > 0 {
		slices.SortStableFunc(x.plan, func(a, b forward.Target) int { return x.hasFailed(a) - x.hasFailed(b) })
	}
}

// hasFailed is 1 for a service whose reply to x broke, and 0 for others.
func (x *exchange) hasFailed(t forward.Target) int {
	if slices.Contains(x.failed, t.Name()) {
		return 1
	}
	return 0
}

// failedOf counts the services at the end of the plan whose replies to x broke.
// Of one of them a slot may have come free first, which stands in front then.
func (x *exchange) failedOf(plan []forward.Target) (n int) {
	if len(x.failed) > 0 {
		for n < len(plan) && x.hasFailed(plan[len(plan)-1-n]) == 1 {
			n++
		}
	}
	return n
}
