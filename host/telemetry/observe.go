package telemetry

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// vectors are the metrics of exchanges.
type vectors struct {
	requests, errors, retries, tokens, bytes *prometheus.CounterVec
	duration, firstToken                     *prometheus.HistogramVec
}

func newVectors() vectors {
	return vectors{
		requests: counterVec("requests_total", "Requests answered, by class of status; \"none\": the client left first.", "route", "model", "service", "status"),
		errors:   counterVec("errors_total", "Requests that did not end well, by outcome.", "route", "model", "service", "outcome"),
		retries:  counterVec("retries_total", "Further services tried.", "route", "model", "service"),
		tokens:   counterVec("tokens_total", "Tokens as services counted them, in and out.", "route", "model", "service", "direction"),
		bytes:    counterVec("body_bytes_total", "Bytes of bodies, in and out.", "route", "model", "service", "direction"),
		duration: histogramVec("request_duration_seconds", "From accept to the end of the reply.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}, "route", "model", "service"),
		firstToken: histogramVec("time_to_first_token_seconds", "From accept to the first byte of a stream.",
			[]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}, "route", "model", "service"),
	}
}

func (v *vectors) all() []prometheus.Collector {
	return []prometheus.Collector{v.requests, v.errors, v.retries, v.tokens, v.bytes, v.duration, v.firstToken}
}

// The label values of an exchange that are known beforehand.
var (
	statusClasses = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}
	outcomes      = [...]string{"client_gone", "service_error", "timeout", "rejected", "cut", otherName}
)

const outcomeOK = "ok"

// series are the counters of one route, model and service.
type series struct {
	labels              [3]string
	requests            [len(statusClasses)]lazyCounter
	errors              [len(outcomes)]lazyCounter
	retries             lazyCounter
	tokensIn, tokensOut lazyCounter
	bytesIn, bytesOut   prometheus.Counter
	duration            prometheus.Observer
	firstToken          atomic.Pointer[prometheus.Observer]
}

// lazyCounter is made when first counted, so that /metrics has no rows of what
// never was.
type lazyCounter struct {
	made atomic.Pointer[prometheus.Counter]
}

// Observe counts one finished exchange.
func (m *Metrics) Observe(r *Record) {
	v := &m.vectors
	s := m.exchange.find(r, v)
	s.countStatus(v, r.Status)
	s.countOutcome(v, r.Outcome)
	if r.Attempts > 1 {
		s.count(&s.retries, int64(r.Attempts-1), v.retries, "")
	}
	if r.TokensIn > 0 {
		s.count(&s.tokensIn, r.TokensIn, v.tokens, "in")
	}
	if r.TokensOut > 0 {
		s.count(&s.tokensOut, r.TokensOut, v.tokens, "out")
	}
	if r.BodyBytes > 0 {
		s.bytesIn.Add(float64(r.BodyBytes))
	}
	if r.ReplyBytes > 0 {
		s.bytesOut.Add(float64(r.ReplyBytes))
	}
	s.duration.Observe(r.Total.Seconds())
	if r.Stream && r.FirstByte > 0 && r.Status < 400 {
		s.observeFirst(v, r.FirstByte.Seconds())
	}
}

func (s *series) countStatus(v *vectors, status int) {
	class := status / 100
	if class < 0 || class >= len(statusClasses) {
		class = 0
	}
	s.count(&s.requests[class], 1, v.requests, statusClasses[class])
}

func (s *series) countOutcome(v *vectors, outcome string) {
	if outcome == outcomeOK {
		return
	}
	i := 0
	for i < len(outcomes)-1 && outcomes[i] != outcome {
		i++
	}
	s.count(&s.errors[i], 1, v.errors, outcomes[i])
}

// count adds n to one of the lazy counters; last is its fourth label, if it has
// one.
func (s *series) count(l *lazyCounter, n int64, vec *prometheus.CounterVec, last string) {
	counter := l.made.Load()
	if counter == nil {
		counter = s.make(l, vec, last)
	}
	(*counter).Add(float64(n))
}

// make stands apart because its labels are allocated. Two that make the same
// counter get the same one.
func (s *series) make(l *lazyCounter, vec *prometheus.CounterVec, last string) *prometheus.Counter {
	labels := s.labels[:]
	if last != "" {
		labels = append(slices.Clone(labels), last)
	}
	counter := vec.WithLabelValues(labels...)
	l.made.Store(&counter)
	return &counter
}

func (s *series) observeFirst(v *vectors, seconds float64) {
	o := s.firstToken.Load()
	if o == nil {
		made := v.firstToken.WithLabelValues(s.labels[:]...)
		o = &made
		s.firstToken.Store(o)
	}
	(*o).Observe(seconds)
}
