package telemetry

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// overload counts what the router does not do, or does later, for lack of room,
// and its own faults.
type overload struct {
	panics *prometheus.CounterVec
	shed   *prometheus.CounterVec
	queued *prometheus.HistogramVec
	source loadSource
}

func newOverload() overload {
	return overload{
		panics: counterVec("panics_total", "Faults of the router's own, each of which ended one request: where they were met.", "in"),
		shed:   counterVec("shed_total", "Requests and connections that were refused for lack of room, by the knob that was met.", "knob"),
		queued: histogramVec("queue_wait_seconds", "What requests waited in the queue, by priority and by how it ended: admitted, shed or client_gone.",
			[]float64{.001, .005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "priority", "end"),
	}
}

func (o *overload) all() []prometheus.Collector {
	return []prometheus.Collector{o.panics, o.shed, o.queued, &o.source}
}

// Panicked counts a panic that was caught; in is one of a few words.
func (m *Metrics) Panicked(in string) { m.overload.panics.WithLabelValues(in).Inc() }

// Shed counts a request or connection that was refused for lack of room. knob
// names the limit without the operator's own names in it.
func (m *Metrics) Shed(knob string) { m.overload.shed.WithLabelValues(knob).Inc() }

// Queued counts a wait in the queue: how long it was and how it ended.
func (m *Metrics) Queued(priority, end string, seconds float64) {
	m.overload.queued.WithLabelValues(priority, end).Observe(seconds)
}

// LoadSample is what is taken and what there is, at one moment. A limit of 0 is
// none.
type LoadSample struct {
	Connections, ConnectionLimit int64
	BodyMemory, BodyMemoryLimit  int64            // bytes
	Waiting                      map[string]int64 // in the queue, by priority
	Ready                        bool
}

// SetLoadSource says where the load is known, as SetPolicySource does.
func (m *Metrics) SetLoadSource(read func() LoadSample) { m.overload.source.read.Store(&read) }

var (
	connectionsOpen  = desc("connections_open", "Connections of clients.")
	connectionsLimit = desc("connections_limit", "How many there may be (server.max_connections); 0: no limit.")
	bodyMemory       = desc("body_memory_bytes", "Memory that bodies of requests and whole replies take.")
	bodyMemoryLimit  = desc("body_memory_limit_bytes", "What they may take (server.max_body_memory); 0: no limit.")
	queueWaiting     = desc("queue_waiting", "Requests in the queue, by priority.", "priority")
	ready            = desc("ready", "1 when /readyz says so.")
)

// loadSource collects what the router says of its load.
type loadSource struct {
	read atomic.Pointer[func() LoadSample]
}

// Describe implements prometheus.Collector.
func (s *loadSource) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{connectionsOpen, connectionsLimit, bodyMemory, bodyMemoryLimit, queueWaiting, ready} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *loadSource) Collect(to chan<- prometheus.Metric) {
	read := s.read.Load()
	if read == nil {
		return
	}
	x := (*read)()
	sample(to, connectionsOpen, prometheus.GaugeValue, float64(x.Connections))
	sample(to, connectionsLimit, prometheus.GaugeValue, float64(x.ConnectionLimit))
	sample(to, bodyMemory, prometheus.GaugeValue, float64(x.BodyMemory))
	sample(to, bodyMemoryLimit, prometheus.GaugeValue, float64(x.BodyMemoryLimit))
	for priority, n := range x.Waiting {
		sample(to, queueWaiting, prometheus.GaugeValue, float64(n), priority)
	}
	sample(to, ready, prometheus.GaugeValue, asNumber(x.Ready))
}
