package suite

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/bench/report"
)

func TestJudge(t *testing.T) {
	const s = time.Second
	good := func(start, took time.Duration) probe { return probe{start, start + took, nil} }
	bad := func(start, took time.Duration, err error) probe { return probe{start, start + took, err} }
	r := judge([]probe{
		good(0, s/100), // before
		good(s, s/10),
		bad(s, s/10, io.ErrUnexpectedEOF),
		good(2*s, s),                        // held up, over at 3 s
		bad(5*s, s/10, errors.New("later")), // after the recovery: no part of settling
		bad(5*s, s/10, context.DeadlineExceeded),
	}, s, 4*s)
	want := report.Round{
		Values: map[string]float64{"errors": 3, "held_up": 1, "settle": 2, "max": 1},
		Errors: map[string]int64{"cut": 1, "later": 1, "timeout": 1},
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("%+v, want %+v", r, want)
	}
}

func TestDifferences(t *testing.T) {
	round := map[string]report.Round{
		"direct":   {Values: map[string]float64{"p50": 1}},
		"router-0": {Values: map[string]float64{"p50": 3, "cpu_per_1000_requests": 10}},
		"x":        {Values: map[string]float64{"p50": 4, "cpu_per_1000_requests": 12}},
	}
	addDifferences(round)
	for _, c := range []struct {
		target, metric string
		want           float64
		has            bool
	}{
		{"x", "added_p50", 3, true},
		{"x", "added_cpu_per_1000_requests", 2, true},
		{"x", "added_p99", 0, false},
		{"direct", "added_p50", 0, false},
		{"router-0", "added_cpu_per_1000_requests", 0, false},
	} {
		if got, has := round[c.target].Values[c.metric]; got != c.want || has != c.has {
			t.Errorf("%s, %s: %v, %v", c.target, c.metric, got, has)
		}
	}
}

func TestSinceTellsHooksApart(t *testing.T) {
	before := []hook{{"on_request", 10, 1, 100}, {"on_event", 5, 1, 10}}
	after := []hook{{"on_request", 30, 3, 400}, {"on_event", 5, 1, 10}, {"on_done", 2, 1, 8}}
	want := []hook{{"on_request", 20, 2, 300}, {"on_done", 2, 1, 8}}
	if got := since(before, after); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := want[0].round().Values; got["hook_time"] != 0.1 || got["hook_fuel"] != 15 {
		t.Errorf("%v", got)
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		cpus []int
		want string
	}{
		{[]int{0}, "not pinned: targets, generator and service share all CPUs"},
		{[]int{0, 1}, "each target has CPU 1 to itself, generator and service share CPU 0"},
		{[]int{0, 1, 2, 3}, "each target has CPUs 2, 3 to itself, the generator CPU 0, the service CPU 1"},
		{[]int{4, 5, 6, 7, 8, 9}, "each target has CPUs 7, 8, 9 to itself, the generator CPU 4, the service CPUs 5, 6"},
	} {
		if got := split(c.cpus).String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.cpus, got, c.want)
		}
	}
}

// TestModulesAreReplaced looks at the module while it is being replaced.
func TestModulesAreReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wasm")
	module := []byte("\x00asm\x01\x00\x00\x00")
	if err := os.WriteFile(path, module, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- replaceEvery(ctx, path, time.Millisecond) }()
	seen := map[string]bool{}
	for len(seen) < 3 {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rest, ours := bytes.CutPrefix(b, module)
		if !ours || len(rest) > 0 && (rest[0] != 0 || int(rest[1]) != len(rest)-2 || !bytes.HasPrefix(rest[2:], []byte("\x07rebuilt"))) {
			t.Fatalf("%q is no module with one more section", b)
		}
		seen[string(b)] = true
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNoisyMachinesAreNamed(t *testing.T) {
	for _, c := range []struct {
		load string
		want int
	}{{"0.10", 0}, {"0.50", 0}, {"0.51", 1}, {"19.4", 1}, {"?", 0}} {
		if got := noisy(c.load, 2); len(got) != c.want {
			t.Errorf("load %s: %v", c.load, got)
		}
	}
}
