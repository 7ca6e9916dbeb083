package telemetry

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/infinirouter/infinirouter/plugins"
)

// SetPolicySource says where the figures of the policies come from. read is
// called for each exposition, by name, from any goroutine.
func (m *Metrics) SetPolicySource(read func() map[string]plugins.Stats) { m.policies.read.Store(&read) }

// SetServiceSource says where the figures of the services come from, as
// SetPolicySource does. Names must differ.
func (m *Metrics) SetServiceSource(read func() []ServiceSample) { m.services.read.Store(&read) }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

// sample sends one value; what cannot be a metric is left out.
func sample(to chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
	for i := range labels {
		labels[i] = labelValue(labels[i])
	}
	if metric, err := prometheus.NewConstMetric(d, kind, value, labels...); err == nil {
		to <- metric
	}
}

func asNumber(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// hookConfigure stands among the hooks for what runs before any of them.
const hookConfigure = "configure"

var (
	policyInfo      = desc("policy_info", "What runs under a policy's name; always 1.", "policy", "plugin", "sha256")
	policyInstances = desc("policy_instances", "Instances that are alive.", "policy")
	policyMade      = desc("policy_instances_made_total", "Instances made: one that failed or served its time is replaced.", "policy")
	policyBreaker   = desc("policy_breaker_open", "1 while the policy is not called because it failed too often.", "policy")
	policyCalls     = desc("policy_calls_total", "Calls of a hook.", "policy", "hook")
	policyFailures  = desc("policy_failures_total", "Calls of a hook that failed, by what failed.", "policy", "hook", "kind")
	policyRefused   = desc("policy_refused_total", "Calls of a hook that were not made because the breaker was open.", "policy", "hook")
	policyFuel      = desc("policy_fuel_total", "Fuel used by a hook.", "policy", "hook")
	policyFuelMax   = desc("policy_fuel_max", "Most fuel that one call of a hook used in the last one to two minutes; for configure, what the latest instance took to start.", "policy", "hook")
	policyFuelLimit = desc("policy_fuel_limit", "Fuel that one call of a hook may use; for configure, an instance to start.", "policy", "hook")
	policySeconds   = desc("policy_timed_seconds_total", "Time spent in those calls of a hook that were timed, a sample.", "policy", "hook")
	policyTimed     = desc("policy_timed_calls_total", "Calls of a hook that were timed.", "policy", "hook")
)

// policySource collects what the policies say of themselves.
type policySource struct {
	read atomic.Pointer[func() map[string]plugins.Stats]
}

// Describe implements prometheus.Collector.
func (s *policySource) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		policyInfo, policyInstances, policyMade, policyBreaker, policyCalls, policyFailures, policyRefused,
		policyFuel, policyFuelMax, policyFuelLimit, policySeconds, policyTimed,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *policySource) Collect(to chan<- prometheus.Metric) {
	read := s.read.Load()
	if read == nil {
		return
	}
	for name, x := range (*read)() {
		sample(to, policyInfo, prometheus.GaugeValue, 1, name, x.Plugin, x.SHA256)
		sample(to, policyInstances, prometheus.GaugeValue, float64(x.Instances), name)
		sample(to, policyMade, prometheus.CounterValue, float64(x.InstancesMade), name)
		sample(to, policyBreaker, prometheus.GaugeValue, asNumber(x.BreakerOpen), name)
		sample(to, policyFuelMax, prometheus.GaugeValue, float64(x.InitFuel), name, hookConfigure)
		sample(to, policyFuelLimit, prometheus.GaugeValue, float64(x.InitFuelLimit), name, hookConfigure)
		for i := range x.Hooks {
			sampleHook(to, name, &x.Hooks[i])
		}
	}
}

func sampleHook(to chan<- prometheus.Metric, policy string, h *plugins.HookStats) {
	hook := h.Hook.String()
	sample(to, policyCalls, prometheus.CounterValue, float64(h.Calls), policy, hook)
	for _, kind := range plugins.FailureKinds { // those that never were too: an alert must see the first
		sample(to, policyFailures, prometheus.CounterValue, float64(h.ByKind[kind]), policy, hook, string(kind))
	}
	sample(to, policyRefused, prometheus.CounterValue, float64(h.Refused), policy, hook)
	sample(to, policyFuel, prometheus.CounterValue, float64(h.Fuel), policy, hook)
	sample(to, policyFuelMax, prometheus.GaugeValue, float64(h.FuelRecentMax), policy, hook)
	sample(to, policyFuelLimit, prometheus.GaugeValue, float64(h.FuelLimit), policy, hook)
	sample(to, policySeconds, prometheus.CounterValue, h.Time.Seconds(), policy, hook)
	sample(to, policyTimed, prometheus.CounterValue, float64(h.Timed), policy, hook)
}
