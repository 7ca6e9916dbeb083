package telemetry

import (
	"maps"
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/infinirouter/infinirouter/plugins"
)

// maxPolicyMetrics is how many series one policy may make up, and maxPolicies
// how many policies may do so.
const (
	maxPolicyMetrics = 256
	maxPolicies      = 256
)

// policyMetrics are what policies count by metric_add.
type policyMetrics struct {
	counters *prometheus.CounterVec
	refused  *prometheus.CounterVec
	table    atomic.Pointer[map[policyMetric]prometheus.Counter]
	mu       sync.Mutex     // of series, and of storing table
	series   map[string]int // of each policy
}

// policyMetric is a policy and a name as it gave it.
type policyMetric struct{ policy, name string }

func newPolicyMetrics() policyMetrics {
	return policyMetrics{
		counters: counterVec("policy_metric_total", "What policies count, by their own names.", "policy", "name", "label", "value"),
		refused:  counterVec("policy_metric_refused_total", "Values that a counter cannot add: negative, infinite, no number.", "policy"),
		series:   map[string]int{},
	}
}

var _ plugins.Metrics = (*Metrics)(nil)

// PolicyMetricAdd adds to a counter that the policy makes up: "name", or
// "name;label=value" for one with a label. Past 256 series of a policy, new
// ones count as "other". A value that is negative or not finite is refused.
func (m *Metrics) PolicyMetricAdd(policy, name string, value float64) {
	p := &m.policy
	if !(value >= 0) || math.IsInf(value, 1) {
		p.refused.WithLabelValues(labelValue(policy)).Inc()
		return
	}
	if table := p.table.Load(); table != nil {
		if counter := (*table)[policyMetric{policy, name}]; counter != nil {
			counter.Add(value)
			return
		}
	}
	p.add(policyMetric{strings.Clone(policy), strings.Clone(name)}).Add(value)
}

// add makes the counter, or returns the one for what is too many.
func (p *policyMetrics) add(k policyMetric) prometheus.Counter {
	p.mu.Lock()
	defer p.mu.Unlock()
	var table map[policyMetric]prometheus.Counter
	if t := p.table.Load(); t != nil {
		table = *t
	}
	if counter := table[k]; counter != nil {
		return counter
	}
	if _, known := p.series[k.policy]; !known && len(p.series) >= maxPolicies {
		k.policy = otherName
	}
	if p.series[k.policy] >= maxPolicyMetrics {
		return p.counters.WithLabelValues(labelValue(k.policy), otherName, "", "")
	}
	p.series[k.policy]++
	name, pair, _ := strings.Cut(k.name, ";")
	label, value, _ := strings.Cut(pair, "=")
	counter := p.counters.WithLabelValues(labelValue(k.policy), labelValue(name), labelValue(label), labelValue(value))
	grown := make(map[policyMetric]prometheus.Counter, len(table)+1)
	maps.Copy(grown, table)
	grown[k] = counter
	p.table.Store(&grown)
	return counter
}
