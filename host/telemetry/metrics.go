package telemetry

import (
	"bytes"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"
)

const namespace = "infinirouter"

// Metrics counts. It has a registry of its own; its methods may be called from
// any goroutine.
type Metrics struct {
	registry   *prometheus.Registry
	vectors    vectors
	exchange   seriesTable
	policy     policyMetrics
	forwarding forwardingMetrics
	inFlight   atomic.Int64
	reloads    *prometheus.CounterVec
	overload   overload
	last       lastReload
	policies   policySource
	services   serviceSource
}

// NewMetrics returns metrics with all at zero and the Go runtime's, the
// process's and the build's beside them; version is what the program calls
// itself.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), vectors: newVectors(), policy: newPolicyMetrics(), forwarding: newForwardingMetrics(), overload: newOverload()}
	m.reloads = counterVec("reloads_total", "Configurations loaded, by result: ok or refused.", "result")
	for _, result := range []string{reloadOK, reloadRefused} {
		m.reloads.WithLabelValues(result)
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(version),
		gaugeFunc("requests_in_flight", "Requests that are open, streams included.", func() float64 { return float64(m.inFlight.Load()) }),
		gaugeFunc("generation", "Number of the running configuration; it grows with each reload.", func() float64 { return float64(m.last.generation.Load()) }),
		gaugeFunc("last_reload_ok", "1 when the last reload was taken, 0 when it was refused.", m.last.okay),
		gaugeFunc("last_reload_timestamp_seconds", "When the last reload was tried.", m.last.seconds),
		m.reloads, &m.policies, &m.services,
	)
	m.registry.MustRegister(m.vectors.all()...)
	m.registry.MustRegister(m.forwarding.all()...)
	m.registry.MustRegister(m.policy.counters, m.policy.refused)
	m.registry.MustRegister(m.overload.all()...)
	return m
}

// RequestStarted and RequestDone bracket a request; they may be called for
// requests that are never observed.
func (m *Metrics) RequestStarted() { m.inFlight.Add(1) }

// RequestDone undoes RequestStarted.
func (m *Metrics) RequestDone() { m.inFlight.Add(-1) }

// exposition buffers are large and asked for every few seconds.
var expositions = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Exposition returns all metrics in the format that an Accept header asks for,
// Prometheus text when it asks for nothing. The caller owns body. Metrics that
// cannot be gathered are left out.
func (m *Metrics) Exposition(accept string) (body []byte, contentType string) {
	format := expfmt.NegotiateAccept(http.Header{"Accept": {accept}}, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	buffer := expositions.Get().(*bytes.Buffer)
	defer expositions.Put(buffer)
	buffer.Reset()
	families, _ := m.registry.Gather() // with an error, those that are right
	encoder := expfmt.NewEncoder(buffer, format)
	for _, family := range families {
		_ = encoder.Encode(family) // a buffer takes all
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		_ = closer.Close()
	}
	return bytes.Clone(buffer.Bytes()), string(format)
}

func counterVec(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histogramVec(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

func gaugeFunc(name, help string, value func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value)
}
