package host

import (
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/forward"
)

// manner is how a route's requests are sent, beside where to: what of
// router.toml lives longer than a request and shorter than a generation.
type manner struct {
	retry forward.Retry
	hold  bool // forward.Request.Hold
	hedge forward.Hedge
	// percentile, if not 0, says what hedge.After is, of latencies.
	percentile float64
	latencies  *latencies
}

func newManner(r *config.Route, l *latencies) *manner {
	hedges := r.Hedge.After > 0 || r.Hedge.Percentile > 0
	m := &manner{
		retry: forward.Retry{
			Statuses: r.Retry.OnStatus, Duplicates: r.Retry.DuplicateWork,
			Backoff: r.Retry.Backoff, MaxBackoff: r.Retry.MaxBackoff, MaxWait: r.Retry.MaxWait,
			Budget: forward.NewBudget(r.Retry.BudgetPercent, r.Retry.BudgetFloor),
		},
		hold: r.Retry.DuplicateWork || hedges || r.Heartbeat > 0,
	}
	if hedges {
		m.hedge = forward.Hedge{After: r.Hedge.After, Budget: forward.NewBudget(r.Hedge.BudgetPercent, r.Hedge.BudgetFloor)}
		m.percentile, m.latencies = r.Hedge.Percentile, l
	}
	return m
}

// hedgeOf is the hedge of a request for model.
func (m *manner) hedgeOf(model []byte, stream bool) forward.Hedge {
	h := m.hedge
	if m.percentile > 0 {
		if l := m.latencies.of(model, stream); l != nil {
			h.After = l.percentile(m.percentile, time.Now())
		}
	}
	return h
}

// answered notes how long a good reply's first byte took.
func (m *manner) answered(model []byte, stream bool, status int, took time.Duration) {
	if m.percentile == 0 || status >= fasthttp.StatusMultipleChoices {
		return
	}
	if l := m.latencies.of(model, stream); l != nil {
		l.add(took, time.Now())
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
	switch t.Hedged {
	case forward.HedgedDenied:
		x.metrics.BudgetExhausted(route, "hedge")
	case forward.HedgedLost:
		x.metrics.Hedged(route, "lost")
	case forward.HedgedWon:
		x.metrics.Hedged(route, "won")
	}
}
