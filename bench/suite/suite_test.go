//go:build linux

package suite

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/bench/peer"
	"github.com/infinirouter/infinirouter/bench/process"
	"github.com/infinirouter/infinirouter/bench/report"
	"github.com/infinirouter/infinirouter/bench/scenarios"
)

// built builds the programs once, without the router's policies.
var built = sync.OnceValues(func() (o Options, err error) {
	dir, err := os.MkdirTemp("", "bench-suite-test-")
	if err != nil {
		return o, err
	}
	o.Programs = peer.Programs{Router: filepath.Join(dir, "infinirouter"), Plugins: dir, Proxies: filepath.Join(dir, "proxies")}
	o.Service = filepath.Join(dir, "service")
	for path, pkg := range map[string]string{o.Programs.Router: "./cmd/infinirouter", o.Programs.Proxies: "./bench/proxies", o.Service: "./bench/service/cmd"} {
		cmd := exec.Command("go", "build", "-o", path, pkg)
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			return o, errors.Join(err, errors.New(string(out)))
		}
	}
	return o, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if o, err := built(); err == nil {
		_ = os.RemoveAll(o.Programs.Plugins)
	}
	os.Exit(code)
}

// shortest returns a shipped scenario with as little of everything as there can
// be, and one case.
func shortest(t *testing.T, name string, targets ...string) scenarios.Scenario {
	t.Helper()
	all, err := scenarios.Load()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(s scenarios.Scenario) bool { return s.Name == name })
	s, _ := all[i].Quickly()
	s.Cases = s.Cases[:1]
	s.Rounds, s.Warmup, s.Duration, s.Targets = 2, 0, scenarios.Duration(100*time.Millisecond), targets
	c := &s.Cases[0]
	c.Connections = min(c.Connections, 20)
	c.Requests = min(c.Requests, 20)
	c.Tokens = min(c.Tokens, 8)
	return s
}

// runSuite runs scenarios and checks that nothing is left behind.
func runSuite(t *testing.T, o Options) *report.Report {
	t.Helper()
	b, err := built()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	o.Programs, o.Service, o.Progress, o.Command, o.Repeat = b.Programs, b.Service, &said, "run", "run -scenarios"
	r, err := Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	nothingRuns(t)
	return r
}

func nothingRuns(t *testing.T) {
	t.Helper()
	u, err := process.Measure(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if u.Processes != 1 {
		t.Errorf("%d processes are left", u.Processes-1)
	}
}

// figures checks that a target has figures in each round, all above 0.
func figures(t *testing.T, s report.Scenario, target string, metrics ...string) {
	t.Helper()
	i := slices.IndexFunc(s.Cells, func(c report.Cell) bool { return c.Target == target })
	if i < 0 {
		t.Fatalf("%s has no cell of %s", s.Name, target)
	}
	for _, r := range s.Cells[i].Rounds {
		for _, m := range metrics {
			if r.Values[m] <= 0 {
				t.Errorf("%s, %s: %s is %v", s.Name, target, m, r.Values[m])
			}
		}
		if r.Values["errors"] != 0 {
			t.Errorf("%s, %s: errors %v", s.Name, target, r.Errors)
		}
	}
}

func TestOverheadOfProxies(t *testing.T) {
	r := runSuite(t, Options{Scenarios: []scenarios.Scenario{shortest(t, "overhead", "direct", "reverseproxy", "fasthttp")}})
	s := r.Scenarios[0]
	for _, name := range []string{"direct", "reverseproxy", "fasthttp"} {
		figures(t, s, name, "requests", "p50", "p99")
	}
	for _, name := range []string{"reverseproxy", "fasthttp"} {
		figures(t, s, name, "cpu_per_1000_requests", "peak_rss", "files")
	}
	for _, c := range s.Cells {
		if len(c.Rounds) != 2 || len(c.Rounds[0].Curves["latency"]) < 5 || c.Bytes != 1024 {
			t.Errorf("cell %+v", c)
		}
		if _, added := c.Rounds[0].Values["added_p50"]; added == (c.Target == "direct") {
			t.Errorf("%s has an added latency: %v", c.Target, added)
		}
	}
	if len(r.Missing) != 0 || len(r.Targets) != 2 || s.Command != "run -scenarios overhead" {
		t.Errorf("missing %v, targets %v, command %s", r.Missing, r.Targets, s.Command)
	}
	for _, text := range []func() error{
		func() error { return r.Markdown(&bytes.Buffer{}, 2, nil) },
		func() error { return r.HTML(&bytes.Buffer{}, nil) },
	} {
		if err := text(); err != nil {
			t.Error(err)
		}
	}
}

func TestOtherScenarios(t *testing.T) {
	streams := shortest(t, "streams", "router-0", "fasthttp")
	streams.Duration = scenarios.Duration(10 * time.Second) // ends with its requests
	cancel := shortest(t, "cancel", "router-0")
	cancel.Cases[0].Connections = 2
	cancel.Duration = scenarios.Duration(10 * time.Second) // until it is seen
	r := runSuite(t, Options{Scenarios: []scenarios.Scenario{streams, shortest(t, "idle", "router-0"), cancel}})
	figures(t, r.Scenarios[0], "router-0", "cpu_per_1000_events", "events_per_second", "gap_p50", "first_token_p50")
	figures(t, r.Scenarios[0], "fasthttp", "cpu_per_1000_events")
	figures(t, r.Scenarios[1], "router-0", "connections", "rss", "files")
	figures(t, r.Scenarios[2], "router-0", "seen_p50")
}

func TestFailover(t *testing.T) {
	for _, fault := range []string{"dies", "hangs"} {
		s := shortest(t, "failover", "router-0", "fasthttp")
		s.Rounds, s.Duration = 1, scenarios.Duration(time.Second)
		c := &s.Cases[0]
		c.Fault, c.Rate = fault, 50
		c.FaultAt, c.BackAt = scenarios.Duration(100*time.Millisecond), scenarios.Duration(300*time.Millisecond)
		r := runSuite(t, Options{Scenarios: []scenarios.Scenario{s}})
		if len(r.Scenarios[0].Cells) != 1 || r.Scenarios[0].Cells[0].Rounds[0].Values["max"] <= 0 {
			t.Errorf("%s: %+v", fault, r.Scenarios[0].Cells)
		}
		if len(r.Missing) != 1 || r.Missing[0] != (report.Missing{Name: "fasthttp", Reason: "cannot look after two services"}) {
			t.Errorf("missing %v", r.Missing)
		}
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	s := shortest(t, "overhead", "all")
	s.Rounds = 1
	gone := External{Name: "gone", URL: "http://127.0.0.1:1", PID: 1 << 30}
	r := runSuite(t, Options{Scenarios: []scenarios.Scenario{s}, Targets: []string{"gone", "fasthttp"}, External: []External{gone}})
	figures(t, r.Scenarios[0], "fasthttp", "requests")
	if len(r.Missing) != 1 || r.Missing[0].Name != "gone" || !strings.Contains(r.Missing[0].Reason, "no such file") {
		t.Errorf("missing %v", r.Missing)
	}
	b, err := built()
	if err != nil {
		t.Fatal(err)
	}
	b.Scenarios, b.Targets, b.Progress = []scenarios.Scenario{s}, []string{"nginy"}, &bytes.Buffer{}
	if _, err := Run(t.Context(), b); err == nil || !strings.Contains(err.Error(), `"nginy"`) {
		t.Errorf("error %v", err)
	}
}

// TestFailedScenarioCostsNoOther: its time was spent, and what it found is to be
// read. The policies that the second one replaces are not built here.
func TestFailedScenarioCostsNoOther(t *testing.T) {
	o, err := built()
	if err != nil {
		t.Fatal(err)
	}
	last := shortest(t, "overhead", "fasthttp")
	o.Scenarios, o.Progress = []scenarios.Scenario{shortest(t, "idle", "fasthttp"), shortest(t, "reload", "router-3"), last}, &bytes.Buffer{}
	r, err := Run(t.Context(), o)
	if r == nil || err == nil || !strings.Contains(err.Error(), "scenario reload: ") {
		t.Fatalf("error %v", err)
	}
	if len(r.Scenarios) != 2 || r.Scenarios[1].Name != "overhead" {
		t.Errorf("%d scenarios", len(r.Scenarios))
	}
	if len(r.Missing) != 1 || r.Missing[0].Name != "scenario reload" {
		t.Errorf("missing %v", r.Missing)
	}
	figures(t, r.Scenarios[1], "fasthttp", "requests")
	nothingRuns(t)
}

func TestCancelledRunLeavesNothing(t *testing.T) {
	o, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := shortest(t, "overhead", "direct", "fasthttp", "reverseproxy")
	s.Duration = scenarios.Duration(time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	o.Scenarios = []scenarios.Scenario{s}
	o.Progress = writer(func(b []byte) { // at the first step everything runs
		if regexp.MustCompile(`overhead, 1 KiB`).Match(b) {
			cancel()
		}
	})
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	nothingRuns(t)
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) {
	w(b)
	return len(b), nil
}
