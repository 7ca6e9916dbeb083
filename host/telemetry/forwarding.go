package telemetry

import "github.com/prometheus/client_golang/prometheus"

// forwardingMetrics count what came between a request and its reply. All of it
// is rare, so that looking up a counter by its labels is no matter.
type forwardingMetrics struct {
	timeouts, failed, retries, exhausted, fallbacks, hedges *prometheus.CounterVec
}

func newForwardingMetrics() forwardingMetrics {
	return forwardingMetrics{
		timeouts:  counterVec("timeouts_total", "Waits that a timeout ended, by the knob of router.toml.", "knob"),
		failed:    counterVec("failed_attempts_total", "Attempts at a service that brought no reply, by what went wrong: connect, protocol, status, timeout, client_gone, no_slot or exhausted.", "service", "kind"),
		retries:   counterVec("retry_causes_total", "Further tries, by why the one before failed: connect, status, timeout or broken.", "route", "cause"),
		exhausted: counterVec("budget_exhausted_total", "Further tries that were not made because the route's budget was used up, by kind: retry or hedge.", "route", "kind"),
		hedges:    counterVec("hedges_total", "Requests that a second service was asked for beside the first, by result: won or lost by the second.", "route", "result"),
		fallbacks: counterVec("fallbacks_total", "Replies of another model than the one asked for, by that other model.", "route", "model"),
	}
}

func (f *forwardingMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{f.timeouts, f.failed, f.retries, f.exhausted, f.fallbacks, f.hedges}
}

// TimedOut counts a wait that a knob ended, named as router.toml names it.
func (m *Metrics) TimedOut(knob string) { m.forwarding.timeouts.WithLabelValues(knob).Inc() }

// AttemptFailed counts an attempt at a service that brought no reply, by the kind
// of its error.
func (m *Metrics) AttemptFailed(service, kind string) {
	m.forwarding.failed.WithLabelValues(labelValue(service), kind).Inc()
}

// Retried counts n further tries of one request and cause.
func (m *Metrics) Retried(route, cause string, n int) {
	m.forwarding.retries.WithLabelValues(labelValue(route), cause).Add(float64(n))
}

// BudgetExhausted counts a further try of the kind "retry" or "hedge" that a
// budget forbade.
func (m *Metrics) BudgetExhausted(route, kind string) {
	m.forwarding.exhausted.WithLabelValues(labelValue(route), kind).Inc()
}

// FellBack counts a reply of a model that stood in for another.
func (m *Metrics) FellBack(route, model string) {
	m.forwarding.fallbacks.WithLabelValues(labelValue(route), labelValue(model)).Inc()
}

// Hedged counts a request that two services were asked for, by what became of
// the second: "won" or "lost".
func (m *Metrics) Hedged(route, result string) {
	m.forwarding.hedges.WithLabelValues(labelValue(route), result).Inc()
}
