package service

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/openai"
)

var testHealth = config.Health{
	Interval: 30 * time.Second, Timeout: 5 * time.Second, UnhealthyAfter: 3, HealthyAfter: 2,
	Outlier: testOutlier,
}

var testOutlier = config.Outlier{
	ConsecutiveFailures: 3, Window: 10 * time.Second, MinRequests: 20, MaxEjected: 0.5,
	BaseEjection: 5 * time.Second, MaxEjection: time.Minute,
}

// fakes are services that exist as answers to probes only.
type fakes struct {
	mu      sync.Mutex
	reports map[string]Report
	asked   map[string][]time.Time
	targets map[string]Target // of the last probe
	delay   time.Duration     // of every answer
}

func newFakes() *fakes {
	return &fakes{reports: map[string]Report{}, asked: map[string][]time.Time{}, targets: map[string]Target{}}
}

func (f *fakes) probe(ctx context.Context, t Target) Report {
	f.mu.Lock()
	delay := f.delay
	f.asked[t.Name] = append(f.asked[t.Name], time.Now())
	f.targets[t.Name] = t
	f.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.reports[t.Name]
	if !ok {
		return Report{Reason: "nobody there"}
	}
	return r
}

func (f *fakes) set(name string, r Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reports[name] = r
}

func (f *fakes) times(name string) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]time.Time(nil), f.asked[name]...)
}

func (f *fakes) target(name string) Target {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.targets[name]
}

// up is the report of a healthy service with these models.
func up(ids ...string) Report {
	r := Report{Healthy: true, Discovered: true}
	for _, id := range ids {
		r.Models = append(r.Models, openai.Model{ID: id, Raw: []byte(`{"id":"` + id + `","from":"probe"}`)})
	}
	return r
}

func named(name string) config.Service {
	return config.Service{Name: name, URL: "http://" + name + ":8100", Weight: 1, V1: true, HealthPath: "/health"}
}

func (f *fakes) newSet(t testing.TB, prev *Set, cfgs ...config.Service) *Set {
	t.Helper()
	return f.newSetWith(t, testHealth, prev, cfgs...)
}

func (f *fakes) newSetWith(t testing.TB, h config.Health, prev *Set, cfgs ...config.Service) *Set {
	t.Helper()
	s, err := NewSet(cfgs, h, time.Second, prev, Options{Probe: f.probe})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run starts a set of healthy services, each with the model m and one of its
// own name, and waits until they are known.
func (f *fakes) run(t testing.TB, cfgs ...config.Service) *Set {
	t.Helper()
	for _, cfg := range cfgs {
		f.set(cfg.Name, up("m", cfg.Name))
	}
	s := f.newSet(t, nil, cfgs...)
	s.Start(t.Context())
	if !s.WaitReady(t.Context(), time.Minute) {
		t.Fatal("services were not probed")
	}
	return s
}

// alike is run with a model m alone, and with other settings.
func (f *fakes) alike(t testing.TB, h config.Health, prev *Set, cfgs ...config.Service) *Set {
	t.Helper()
	for _, cfg := range cfgs {
		f.set(cfg.Name, up("m"))
	}
	s := f.newSetWith(t, h, prev, cfgs...)
	s.Start(t.Context())
	if !s.WaitReady(t.Context(), time.Minute) {
		t.Fatal("services were not probed")
	}
	return s
}

func ids(models []openai.Model) []string {
	list := []string{}
	for _, m := range models {
		list = append(list, m.ID)
	}
	return list
}

func serviceNames(services []*Service) []string {
	list := []string{}
	for _, s := range services {
		list = append(list, s.Name())
	}
	return list
}
