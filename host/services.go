package host

import (
	"math"
	"slices"
	"time"

	"github.com/infinirouter/infinirouter/host/admin"
	"github.com/infinirouter/infinirouter/host/service"
	"github.com/infinirouter/infinirouter/host/telemetry"
)

// serviceViews are the configured services as the pages show them.
func (g *generation) serviceViews() []admin.Service {
	var out []admin.Service
	for _, s := range g.services.All() {
		out = append(out, viewOf(s))
	}
	return out
}

// leavingViews are services that are no longer configured and still have
// requests open.
func (g *generation) leavingViews() []admin.Service {
	var out []admin.Service
	for _, s := range g.services.Leaving() {
		out = append(out, viewOf(s))
	}
	return out
}

func viewOf(s *service.Service) admin.Service {
	f, c := s.Figures(), s.Config()
	v := admin.Service{
		Name: s.Name(), URL: s.URL(), Healthy: f.Healthy, Labels: c.Labels, Weight: c.Weight,
		InFlight: f.InFlight, Requests: f.Requests, Errors: f.Errors,
		ResponseTime: f.ResponseTime, ErrorRate: f.ErrorRate,
		State: f.State, Reason: f.Reason, Ejections: f.Ejections, EjectedUntil: f.EjectedUntil, Share: f.Share,
	}
	if e, at, ok := s.Reported(); ok {
		v.Load = &admin.Load{
			Engine: e.Engine, Running: known(e.Running), Waiting: known(e.Waiting), CacheUse: known(e.CacheUse),
			Age: time.Since(at).Seconds(),
		}
	}
	for _, m := range s.Models() {
		v.Models = append(v.Models, m.ID)
	}
	return v
}

// known is a number that a service has told, nil for one that it has not.
func known(f float64) *float64 {
	if math.IsNaN(f) {
		return nil
	}
	return &f
}

// serviceSamples feed /metrics. A service that leaves is not among them when
// another has its name already.
func (r *Router) serviceSamples() []telemetry.ServiceSample {
	g := r.acquire()
	defer g.release()
	var out []telemetry.ServiceSample
	seen := map[string]bool{}
	for _, s := range slices.Concat(g.services.All(), g.services.Leaving()) {
		if !seen[s.Name()] {
			seen[s.Name()] = true
			out = append(out, sampleOf(s))
		}
	}
	return out
}

func sampleOf(s *service.Service) telemetry.ServiceSample {
	f := s.Figures()
	x := telemetry.ServiceSample{
		Name: s.Name(), Healthy: f.Healthy, InFlight: f.InFlight, Requests: f.Requests, Errors: f.Errors,
		State: f.State, Ejections: f.Ejections, Spared: f.Spared, Share: f.Share,
	}
	if e, at, ok := s.Reported(); ok {
		x.Reports, x.Running, x.Waiting, x.CacheUse, x.Age = true, e.Running, e.Waiting, e.CacheUse, time.Since(at)
	}
	return x
}
