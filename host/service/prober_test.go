package service

import (
	"bytes"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
)

// gaps returns the times between probes in seconds, rounded.
func gaps(times []time.Time) []int {
	list := []int{}
	for i := 1; i < len(times); i++ {
		list = append(list, int(times[i].Sub(times[i-1]).Round(time.Second)/time.Second))
	}
	return list
}

func TestProbesAtOnceAndThenEveryInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, start := newFakes(), time.Now()
		s := f.run(t, named("a"))
		defer s.Release()
		time.Sleep(95 * time.Second)
		times := f.times("a")
		if !times[0].Equal(start) {
			t.Errorf("first probe after %v, want at once", times[0].Sub(start))
		}
		if got := gaps(times); !slices.Equal(got, []int{30, 30, 30}) {
			t.Errorf("gaps %v", got)
		}
		if fig := s.ByName("a").Figures(); fig.Probes != 4 || !fig.LastProbe.Equal(times[3]) || fig.Reason != "" {
			t.Errorf("figures %+v", fig)
		}
	})
}

func TestJitterSpreadsServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		f.set("a", up("m"))
		h := testHealth
		h.Jitter = 0.5
		s := f.newSetWith(t, h, nil, named("a"))
		s.Start(t.Context())
		time.Sleep(100 * h.Interval)
		s.Release()
		times, distinct := f.times("a"), map[time.Duration]bool{}
		for i := 1; i < len(times); i++ {
			gap := times[i].Sub(times[i-1])
			distinct[gap] = true
			if gap < 22500*time.Millisecond || gap > 37500*time.Millisecond {
				t.Errorf("gap %v is outside 30 s give or take a quarter", gap)
			}
		}
		if len(times) < 80 || len(times) > 134 {
			t.Errorf("%d probes in 100 intervals", len(times))
		}
		if len(distinct) < len(times)/2 {
			t.Errorf("only %d different gaps in %d", len(distinct), len(times))
		}
	})
}

func TestThresholdsOfProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		s := f.run(t, named("a"))
		defer s.Release()
		a := s.ByName("a")
		if !a.Healthy() || s.Healthy() != 1 {
			t.Fatal("not healthy after its first successful probe")
		}
		f.set("a", Report{Reason: "GET /health: status 503"})
		time.Sleep(30 * time.Second) // failed once
		synctest.Wait()
		if !a.Healthy() {
			t.Fatal("one failed probe took it out")
		}
		time.Sleep(2 * time.Second) // twice
		synctest.Wait()
		if !a.Healthy() {
			t.Fatal("two failed probes took it out")
		}
		time.Sleep(2 * time.Second) // three times
		synctest.Wait()
		if a.Healthy() || s.Healthy() != 0 {
			t.Fatal("still healthy after unhealthy_after probes failed")
		}
		if fig := a.Figures(); fig.Reason != "GET /health: status 503" || fig.Healthy || fig.Requests != 0 || fig.Errors != 0 {
			t.Errorf("figures %+v", fig)
		}
		if got := ids(a.Models()); !slices.Equal(got, []string{"m", "a"}) {
			t.Errorf("an unhealthy service's models: %v, want the last known ones", got)
		}
		f.set("a", up("m"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if a.Healthy() {
			t.Fatal("back after one success, healthy_after is 2")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !a.Healthy() || a.Figures().Reason != "" {
			t.Fatal("not back after healthy_after successes")
		}
		n := len(f.times("a"))
		time.Sleep(29 * time.Second)
		if extra := len(f.times("a")) - n; extra != 0 {
			t.Errorf("%d probes within an interval after it was well again", extra)
		}
	})
}

// TestBusyServiceStays fails the checks of a service that answers requests: it
// goes only when it answers no more.
func TestBusyServiceStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		s := f.run(t, named("a"))
		defer s.Release()
		a := s.ByName("a")
		f.set("a", Report{Reason: "GET /health: no answer"})
		for range 60 { // a stream gives a sign of life every few seconds
			time.Sleep(5 * time.Second)
			a.Alive()
			synctest.Wait()
			if !a.Healthy() {
				t.Fatal("a service that answers was taken out by its checks")
			}
		}
		if fig := a.Figures(); fig.Reason != "GET /health: no answer" || fig.State != "healthy" {
			t.Errorf("figures %+v", fig)
		}
		quiet := time.Now()
		for a.Healthy() {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if took := time.Since(quiet); took > 2*30*time.Second+3*recheck {
			t.Errorf("out only %v after its last answer", took)
		}
	})
}

// TestFailedRequestsHastenChecks: requests fail of the only service, which is
// not ejected; its checks come soon all the same.
func TestFailedRequestsHastenChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		s := f.run(t, named("a"))
		defer s.Release()
		a := s.ByName("a")
		f.set("a", Report{Reason: "refused"})
		time.Sleep(time.Second)
		start := time.Now()
		a.Alive() // which is the past, once they fail
		for range 3 {
			a.Observe(Failed, 0)
		}
		if !a.Healthy() {
			t.Fatal("the only service was ejected")
		}
		for a.Healthy() {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if took := time.Since(start); took != 3*recheck {
			t.Errorf("out after %v, want %v", took, 3*recheck)
		}
		if fig := a.Figures(); fig.Spared != 1 || fig.Ejections != 0 || fig.State != "unhealthy" {
			t.Errorf("figures %+v", fig)
		}
	})
}

func TestServiceThatStartsLateAndLoadsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		s := f.newSet(t, nil, named("a"))
		s.Start(t.Context())
		defer s.Release()
		a := s.ByName("a")
		if !s.WaitReady(t.Context(), time.Second) {
			t.Fatal("a failed probe is a probe too")
		}
		if a.Healthy() || a.Figures().Reason != "nobody there" {
			t.Fatal("healthy before a probe succeeded")
		}
		time.Sleep(3 * time.Second)
		f.set("a", Report{Healthy: true, Reason: "GET /v1/models: status 503"}) // up, loading
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !a.Healthy() || s.Knows([]byte("m")) || a.Figures().Reason != "GET /v1/models: status 503" {
			t.Fatalf("while loading: %+v", a.Figures())
		}
		f.set("a", up("m"))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := serviceNames(s.Serving(nil, []byte("m"))); !slices.Equal(got, []string{"a"}) {
			t.Fatal("the model was not found soon after it had loaded")
		}
		time.Sleep(60 * time.Second)
		if got := gaps(f.times("a")); !slices.Equal(got, []int{2, 2, 2, 30, 30}) {
			t.Errorf("gaps %v", got)
		}
	})
}

func TestFailedDiscoveryKeepsTheLastModels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		s := f.run(t, named("a"))
		defer s.Release()
		for _, step := range []struct {
			report Report
			want   []string
		}{
			{Report{Healthy: true, Reason: "GET /v1/models: status 500"}, []string{"a", "m"}},
			{up("m", "n"), []string{"m", "n"}},
			{up("n"), []string{"n"}},
			{Report{Healthy: true, Discovered: true}, []string{}},
			{up("n", "n"), []string{"n"}},
		} {
			f.set("a", step.report)
			time.Sleep(30 * time.Second)
			synctest.Wait()
			if got := ids(s.Models()); !slices.Equal(got, step.want) {
				t.Errorf("after %+v: %v, want %v", step.report, got, step.want)
			}
		}
	})
}

func TestConfiguredModelsAreNotDiscovered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		cfg := named("a")
		cfg.Models = []string{"one", `q"uote`}
		cfg.APIKey = "sk-secret"
		s := f.run(t, cfg)
		defer s.Release()
		if got := ids(s.Models()); !slices.Equal(got, []string{"one", `q"uote`}) {
			t.Errorf("models %v", got)
		}
		raw := string(s.Models()[1].Raw)
		want := `{"id":"q\"uote","object":"model","created":946684800,"owned_by":"a"}` // when a bubble's clock starts
		if raw != want {
			t.Errorf("object %s, want %s", raw, want)
		}
		got := f.target("a")
		if got.Discover || got.APIKey != "sk-secret" || got.HealthPath != "/health" || got.Timeout != testHealth.Timeout || got.URL != "http://a:8100" {
			t.Errorf("probe was told %+v", got)
		}
	})
}

func TestReleaseStopsAProbeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		f.delay = time.Hour
		s := f.newSet(t, nil, named("a"), named("b"))
		s.Start(t.Context())
		if s.WaitReady(t.Context(), time.Minute) {
			t.Error("ready while its probes hang")
		}
		start := time.Now()
		s.Release()
		s.Release()
		<-s.All()[0].stopped
		<-s.All()[1].stopped
		if took := time.Since(start); took != 0 {
			t.Errorf("probers ended %v after the release", took)
		}
		s.Start(t.Context()) // too late: a goroutine left here fails the bubble
		if s.ByName("a").Figures().Probes != 0 {
			t.Error("the cancelled probe counted")
		}
	})
}

func TestNewSettingsProbeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			change func(*config.Service, *config.Health)
			probes int
		}{
			"api key":     {func(c *config.Service, _ *config.Health) { c.APIKey = "new" }, 1},
			"health path": {func(c *config.Service, _ *config.Health) { c.HealthPath = "/ready" }, 1},
			"discovery":   {func(c *config.Service, _ *config.Health) { c.Models = []string{"m"} }, 1},
			"timeout":     {func(_ *config.Service, h *config.Health) { h.Timeout = time.Second }, 1},
			"weight":      {func(c *config.Service, _ *config.Health) { c.Weight = 7 }, 0},
			"labels":      {func(c *config.Service, _ *config.Health) { c.Labels = map[string]string{"a": "b"} }, 0},
			"nothing":     {func(*config.Service, *config.Health) {}, 0},
		} {
			f := newFakes()
			old := f.run(t, named("a"))
			time.Sleep(10 * time.Second)
			cfg, h := named("a"), testHealth
			c.change(&cfg, &h)
			f.mu.Lock()
			f.delay = time.Second
			f.mu.Unlock()
			next := f.newSetWith(t, h, old, cfg)
			synctest.Wait()
			if n := len(f.times("a")); n != 1 {
				t.Errorf("%s: probed %d times before Start", name, n)
			}
			start := time.Now()
			next.Start(t.Context())
			if !next.WaitReady(t.Context(), time.Minute) {
				t.Errorf("%s: never ready", name)
			}
			if took, want := time.Since(start), time.Duration(c.probes)*time.Second; took != want {
				t.Errorf("%s: ready after %v, want %v", name, took, want)
			}
			if n := len(f.times("a")); n != 1+c.probes {
				t.Errorf("%s: %d probes, want %d", name, n, 1+c.probes)
			}
			old.Release()
			next.Release()
		}
	})
}

func TestLogTellsChangesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer // written by the prober, read after synctest.Wait
		f := newFakes()
		cfg := named("a")
		cfg.APIKey = "sk-secret"
		s, err := NewSet([]config.Service{cfg}, testHealth, time.Second, nil,
			Options{Probe: f.probe, Logger: slog.New(slog.NewTextHandler(&out, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
		s.Start(t.Context())
		for _, step := range []struct {
			report Report
			want   []string
		}{
			{Report{Reason: "refused"}, []string{"service is not up"}},
			{Report{Healthy: true, Reason: "no list"}, []string{"service is healthy, its models are not known"}},
			{up("m"), []string{"service's models changed"}},
			{up("m"), nil},
			{Report{Reason: "refused"}, []string{"service is unhealthy"}},
			{up("m", "n"), []string{"service is healthy", "service's models changed"}},
		} {
			f.set("a", step.report)
			synctest.Wait()
			time.Sleep(5 * 30 * time.Second)
			synctest.Wait()
			var got []string
			for line := range strings.Lines(out.String()) {
				_, message, _ := strings.Cut(line, `msg="`)
				message, _, _ = strings.Cut(message, `"`)
				got = append(got, message)
			}
			slices.Sort(got)
			if !slices.Equal(got, step.want) {
				t.Errorf("after %+v: logged %q, want %q", step.report, got, step.want)
			}
			if strings.Contains(out.String(), "sk-secret") {
				t.Error("the log has the key in it")
			}
			out.Reset()
		}
	})
}
