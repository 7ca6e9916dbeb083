package telemetry

import "github.com/prometheus/client_golang/prometheus"

// forwardingMetrics count what came between a request and its reply. All of it
// is rare, so that looking up a counter by its labels is no matter.
type forwardingMetrics struct {
	timeouts *prometheus.CounterVec
}

func newForwardingMetrics() forwardingMetrics {
	return forwardingMetrics{
		timeouts: counterVec("timeouts_total", "Waits that a timeout ended, by the knob of router.toml.", "knob"),
	}
}

func (f *forwardingMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{f.timeouts}
}

// TimedOut counts a wait that a knob ended, named as router.toml names it.
func (m *Metrics) TimedOut(knob string) { m.forwarding.timeouts.WithLabelValues(knob).Inc() }
