package service

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/openai"
)

func TestModelsAreTheUnionOfHealthyServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		a, b, c := named("a"), named("b"), named("c")
		f.set("a", Report{Healthy: true, Discovered: true, Models: []openai.Model{{ID: "z", Raw: []byte("z of a")}, {ID: "both", Raw: []byte("both of a")}}})
		f.set("b", Report{Healthy: true, Discovered: true, Models: []openai.Model{{ID: "both", Raw: []byte("both of b")}, {ID: "B", Raw: []byte("B of b")}, {ID: "", Raw: []byte("nameless")}}})
		c.Models = []string{"down"}
		s := f.newSet(t, nil, a, b, c)
		s.Start(t.Context())
		defer s.Release()
		s.WaitReady(t.Context(), time.Minute)

		check := func(want ...string) {
			t.Helper()
			var got []string
			for _, m := range s.Models() {
				got = append(got, string(m.Raw))
			}
			if !slices.Equal(got, want) {
				t.Errorf("models %q, want %q", got, want)
			}
		}
		check("B of b", "both of a", "z of a")
		for model, want := range map[string][]string{"both": {"a", "b"}, "z": {"a"}, "B": {"b"}, "down": {}, "": {}, "other": {}} {
			if got := serviceNames(s.Serving(nil, []byte(model))); !slices.Equal(got, want) {
				t.Errorf("serving %q: %v, want %v", model, got, want)
			}
		}
		for model, want := range map[string]bool{"both": true, "down": true, "other": false, "": false} {
			if got := s.Knows([]byte(model)); got != want {
				t.Errorf("knows %q: %v", model, got)
			}
		}
		if _, ok := s.OnlyModel(); ok {
			t.Error("one of three models is the only one")
		}

		f.set("a", Report{Reason: "gone"})
		time.Sleep(30*time.Second + 3*recheck)
		synctest.Wait()
		check("B of b", "both of b")
		if !s.Knows([]byte("z")) {
			t.Error("an unhealthy service's model is forgotten")
		}
		f.set("b", up("B"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if only, ok := s.OnlyModel(); !ok || only != "B" {
			t.Errorf("only model %q, %v", only, ok)
		}
		if dst := s.Serving([]*Service{s.ByName("c")}, []byte("B")); !slices.Equal(serviceNames(dst), []string{"c", "b"}) {
			t.Errorf("Serving does not append: %v", serviceNames(dst))
		}
	})
}

func TestReloadCarriesOver(t *testing.T) {
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	writeCA(t, caFile)
	base := named("a")
	base.URL = "https://a:8100/prefix"
	base.CAFile = caFile
	const kept, updated, replaced = "kept", "updated", "replaced"
	for name, c := range map[string]struct {
		change  func(*config.Service)
		connect time.Duration
		want    string
	}{
		"nothing":            {func(*config.Service) {}, time.Second, kept},
		"weight":             {func(c *config.Service) { c.Weight = 5 }, time.Second, updated},
		"labels":             {func(c *config.Service) { c.Labels = map[string]string{"tier": "gold"} }, time.Second, updated},
		"max_in_flight":      {func(c *config.Service) { c.MaxInFlight = 3 }, time.Second, updated},
		"models":             {func(c *config.Service) { c.Models = []string{"x"} }, time.Second, updated},
		"api_key":            {func(c *config.Service) { c.APIKey = "k" }, time.Second, updated},
		"pass_authorization": {func(c *config.Service) { c.PassAuthorization = true }, time.Second, updated},
		"v1":                 {func(c *config.Service) { c.V1 = false }, time.Second, updated},
		"health_path":        {func(c *config.Service) { c.HealthPath = "/x" }, time.Second, updated},
		"url":                {func(c *config.Service) { c.URL = "https://a:8101/prefix" }, time.Second, replaced},
		"prefix":             {func(c *config.Service) { c.URL = "https://a:8100/other" }, time.Second, replaced},
		"verification":       {func(c *config.Service) { c.InsecureSkipVerify = true }, time.Second, replaced},
		"ca_file":            {func(c *config.Service) { c.CAFile = "" }, time.Second, replaced},
		"connect_timeout":    {func(*config.Service) {}, 2 * time.Second, replaced},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakes()
				old := f.run(t, base, named("gone"))
				before := old.ByName("a")
				before.Observe(Succeeded, time.Second)
				before.Acquire()
				cfg := base
				c.change(&cfg)
				next, err := NewSet([]config.Service{named("new"), cfg}, testHealth, c.connect, old, Options{Probe: f.probe})
				if err != nil {
					t.Fatal(err)
				}
				want := Changes{Added: []string{"new"}, Removed: []string{"gone"}}
				switch c.want {
				case kept:
					want.Kept = []string{"a"}
				case updated:
					want.Updated = []string{"a"}
				case replaced:
					want.Replaced = []string{"a"}
				}
				if got := next.Changes(); !reflect.DeepEqual(got, want) {
					t.Errorf("changes %+v, want %+v", got, want)
				}
				after := next.ByName("a")
				if (after == before) != (c.want == kept) {
					t.Errorf("the same *Service: %v", after == before)
				}
				carried := c.want != replaced
				if (after.Client() == before.Client()) != carried || after.Healthy() != carried ||
					(after.Figures().Requests == 1) != carried || (after.InFlight() == 1) != carried {
					t.Errorf("carried over: pool %v, healthy %v, figures %+v", after.Client() == before.Client(), after.Healthy(), after.Figures())
				}
				if !reflect.DeepEqual(after.Config(), cfg) || !reflect.DeepEqual(before.Config(), base) {
					t.Error("a view does not keep its generation's configuration")
				}
				if before.HasModel("x") {
					t.Error("the old view has the new generation's models")
				}
				old.Release()
				next.Release()
			})
		})
	}
}

func TestRenewedCertificatesAreNewConnections(t *testing.T) {
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	writeCA(t, caFile)
	cfg := named("a")
	cfg.URL, cfg.CAFile = "https://a", caFile
	f := newFakes()
	old := f.newSet(t, nil, cfg)
	defer old.Release()
	writeCA(t, caFile)
	next := f.newSet(t, old, cfg)
	defer next.Release()
	if got := next.Changes().Replaced; !slices.Equal(got, []string{"a"}) {
		t.Errorf("replaced %v after the file behind ca_file changed", got)
	}
}

func TestLastSetToLetGoStopsTheProber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		sets := []*Set{f.run(t, named("a"))}
		for range 3 {
			next := f.newSet(t, sets[len(sets)-1], named("a"))
			next.Start(t.Context())
			sets = append(sets, next)
		}
		refused := f.newSet(t, sets[0], named("a"), named("b")) // a generation that came to nothing
		refused.Release()
		b := sets[0].ByName("a").backend
		for _, i := range []int{3, 0, 2, 1} {
			n := len(f.times("a"))
			time.Sleep(30 * time.Second)
			synctest.Wait()
			if got := len(f.times("a")) - n; got != 1 {
				t.Fatalf("%d probes in an interval, want 1", got)
			}
			sets[i].Release()
		}
		<-b.stopped
		if got := len(f.times("b")); got != 0 {
			t.Errorf("a service of a set that never started was probed %d times", got)
		}
		if late := f.newSet(t, sets[0], named("a")); late.ByName("a").backend == b {
			t.Error("a backend that was let go came back")
		} else {
			late.Release()
		}
	})
}

func TestOldGenerationSeesChangesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		old := f.run(t, named("a"))
		cfg := named("a")
		cfg.Weight, cfg.MaxInFlight = 5, 1
		next := f.newSet(t, old, cfg)
		next.Start(t.Context())
		old.Models()
		f.set("a", up("other"))
		time.Sleep(30 * time.Second)
		synctest.Wait()
		for _, s := range []*Set{old, next} {
			if got := ids(s.Models()); !slices.Equal(got, []string{"other"}) {
				t.Errorf("models %v", got)
			}
		}
		was, is := old.ByName("a"), next.ByName("a")
		if was.Weight() != 1 || is.Weight() != 5 || was.Serial() == is.Serial() {
			t.Errorf("weights %d and %d, serials %d and %d", was.Weight(), is.Weight(), was.Serial(), is.Serial())
		}
		if !was.Acquire() || is.Acquire() || !was.Acquire() {
			t.Error("slots are counted together and limited by each view")
		}
		old.Release()
		next.Release()
	})
}

func TestNewSetRefuses(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := func(name string, change func(*config.Service)) config.Service {
		cfg := named(name)
		change(&cfg)
		return cfg
	}
	f := newFakes()
	good := f.newSet(t, nil, named("good"))
	defer good.Release()
	_, err := NewSet([]config.Service{
		named("good"),
		bad("scheme", func(c *config.Service) { c.URL = "ftp://x" }),
		bad("host", func(c *config.Service) { c.URL = "http:///path" }),
		bad("syntax", func(c *config.Service) { c.URL = "http://[::1" }),
		bad("absent", func(c *config.Service) { c.URL, c.CAFile = "https://x", filepath.Join(dir, "absent.pem") }),
		bad("empty", func(c *config.Service) { c.URL, c.CAFile = "https://x", empty }),
		named("good"),
	}, testHealth, time.Second, good, Options{})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`service "scheme": url: scheme "ftp": want http or https`,
		`service "host": url: "http:///path" has no host`,
		`service "syntax": url: `,
		`service "absent": ca_file: open ` + dir,
		`service "empty": ca_file ` + empty + `: no PEM certificate in it`,
		`service "good": there are two of this name`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q:\n%v", want, err)
		}
	}
	if refs := good.ByName("good").refs; refs != 1 {
		t.Errorf("a refused set left %d references on a service of the one before", refs)
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	f := newFakes()
	cfgs := []config.Service{}
	for i := range 16 {
		cfgs = append(cfgs, named(fmt.Sprintf("s%d", i)))
	}
	cfgs[0].MaxInFlight = 5
	s := f.run(t, cfgs...)
	defer s.Release()
	dst, model, a := make([]*Service, 0, 16), []byte("m"), s.All()[0]
	for name, run := range map[string]func(){
		"Serving":           func() { dst = s.Serving(dst[:0], model) },
		"Knows":             func() { s.Knows(model) },
		"Models":            func() { s.Models() },
		"OnlyModel":         func() { s.OnlyModel() },
		"HasModelBytes":     func() { a.HasModelBytes(model) },
		"HasModel":          func() { a.HasModel("m") },
		"Acquire":           func() { a.Acquire(); a.Release() },
		"Observe succeeded": func() { a.Observe(Succeeded, time.Second) },
		"Observe failed":    func() { a.Observe(Failed, 0); a.Observe(Succeeded, time.Second) },
		"Config":            func() { _ = a.Config() },
		"Figures":           func() { _ = a.Figures() },
		"Answered":          func() { a.Answered() },
		"Alive":             func() { a.Alive() },
		"Full":              func() { a.Full() },
		"Share":             func() { a.Share() },
		"Healthy":           func() { a.Healthy() },
	} {
		if n := testing.AllocsPerRun(100, run); n != 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if len(dst) != 16 || !a.HasModelBytes(model) || !a.HasModel("s0") || a.HasModel("s1") || a.HasModelBytes(nil) {
		t.Error("the lookups find the wrong things")
	}
}
