package host

import (
	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/forward"
)

// manner is how a route's requests are sent, beside where to: what of
// router.toml lives longer than a request and shorter than a generation.
type manner struct {
	retry forward.Retry
	hold  bool // forward.Request.Hold
}

func newManner(r *config.Route) *manner {
	return &manner{
		retry: forward.Retry{
			Statuses: r.Retry.OnStatus, Duplicates: r.Retry.DuplicateWork,
			Backoff: r.Retry.Backoff, MaxBackoff: r.Retry.MaxBackoff, MaxWait: r.Retry.MaxWait,
			Budget: forward.NewBudget(r.Retry.BudgetPercent, r.Retry.BudgetFloor),
		},
		hold: r.Retry.DuplicateWork,
	}
}

// tallied counts what sending x's request took beside sending it once.
func (x *exchange) tallied() {
	t := &x.request.Tally
	if *t == (forward.Tally{}) {
		return
	}
	route := x.route.Config.Name
	for cause, n := range t.Retries {
		if n > 0 {
			x.metrics.Retried(route, forward.Cause(cause).String(), int(n))
		}
	}
	if t.Exhausted {
		x.metrics.BudgetExhausted(route, "retry")
	}
}
