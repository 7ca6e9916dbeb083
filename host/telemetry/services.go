package telemetry

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ServiceSample is what /metrics shows of a service.
type ServiceSample struct {
	Name             string
	Healthy          bool
	InFlight         int64
	Requests, Errors uint64
	State            string  // one of serviceStates
	Ejections        uint64  // how often failed requests took it out
	Spared           uint64  // and how often they did not, because too few would have been left
	Share            float64 // of its weight: below 1 in a slow start

	// What the service says of its load itself, if it Reports; NaN for what it
	// leaves out.
	Reports                    bool
	Running, Waiting, CacheUse float64
	Age                        time.Duration
}

// serviceStates are the values of State. Each is a series, 1 for the one that
// holds, so that an alert can name what it waits for.
var serviceStates = []string{"healthy", "unknown", "unhealthy", "ejected", "trial", "draining"}

var (
	serviceHealthy   = desc("service_healthy", "1 when the service is healthy.", "service")
	serviceState     = desc("service_state", "1 for the state that the service is in.", "service", "state")
	serviceShare     = desc("service_share", "Part of its weight that the service gets; below 1 in a slow start.", "service")
	serviceInFlight  = desc("service_requests_in_flight", "Requests that the router has open there.", "service")
	serviceRequests  = desc("service_requests_total", "Requests sent to the service.", "service")
	serviceErrors    = desc("service_errors_total", "Failures that the service caused.", "service")
	serviceEjections = desc("service_ejections_total", "Times that failed requests took the service out.", "service")
	engineRunning    = desc("service_engine_running", "Requests that run there, whoever sent them, as the service says.", "service")
	engineWaiting    = desc("service_engine_waiting", "Requests that wait there, whoever sent them, as the service says.", "service")
	engineCacheUse   = desc("service_engine_cache_use", "How full its cache of keys and values is, 0 to 1, as the service says.", "service")
	engineAge        = desc("service_engine_age_seconds", "Since the service last said so; there are none of these when that is too long ago.", "service")
	serviceSpared    = desc("service_ejections_spared_total", "Times that they did not, because too few services would have been left.", "service")
)

// serviceSource collects what the services say of themselves.
type serviceSource struct {
	read atomic.Pointer[func() []ServiceSample]
}

// Describe implements prometheus.Collector.
func (s *serviceSource) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		serviceHealthy, serviceState, serviceShare, serviceInFlight, serviceRequests, serviceErrors, serviceEjections, serviceSpared,
		engineRunning, engineWaiting, engineCacheUse, engineAge,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (s *serviceSource) Collect(to chan<- prometheus.Metric) {
	read := s.read.Load()
	if read == nil {
		return
	}
	for _, x := range (*read)() {
		sample(to, serviceHealthy, prometheus.GaugeValue, asNumber(x.Healthy), x.Name)
		for _, state := range serviceStates {
			sample(to, serviceState, prometheus.GaugeValue, asNumber(x.State == state), x.Name, state)
		}
		sample(to, serviceShare, prometheus.GaugeValue, x.Share, x.Name)
		sample(to, serviceInFlight, prometheus.GaugeValue, float64(x.InFlight), x.Name)
		sample(to, serviceRequests, prometheus.CounterValue, float64(x.Requests), x.Name)
		sample(to, serviceErrors, prometheus.CounterValue, float64(x.Errors), x.Name)
		sample(to, serviceEjections, prometheus.CounterValue, float64(x.Ejections), x.Name)
		sample(to, serviceSpared, prometheus.CounterValue, float64(x.Spared), x.Name)
		if x.Reports {
			sampleEngine(to, &x)
		}
	}
}

func sampleEngine(to chan<- prometheus.Metric, x *ServiceSample) {
	for _, s := range []struct {
		desc  *prometheus.Desc
		value float64
	}{{engineRunning, x.Running}, {engineWaiting, x.Waiting}, {engineCacheUse, x.CacheUse}, {engineAge, x.Age.Seconds()}} {
		if !math.IsNaN(s.value) {
			sample(to, s.desc, prometheus.GaugeValue, s.value, x.Name)
		}
	}
}
