package host

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/cmd/infinirouter/build"
	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/host/route"
	"github.com/infinirouter/infinirouter/plugins/sandbox"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// shippedChain loads the policies of the shipped router.toml as serve does.
func shippedChain(tb testing.TB, names ...string) *chain {
	tb.Helper()
	dir := tb.TempDir()
	targets, err := build.Find(filepath.Join("..", "policies"))
	if err != nil {
		tb.Fatal(err)
	}
	for i := range targets {
		targets[i].Out = filepath.Join(dir, targets[i].Name+".wasm")
	}
	if _, err := build.Run(context.Background(), targets, build.Options{}); err != nil {
		tb.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join("..", "router.toml"))
	if err != nil {
		tb.Fatal(err)
	}
	file := filepath.Join(dir, "router.toml")
	moved := strings.Replace(string(text), `dir = "policies"`, `dir = "."`, 1)
	if err := os.WriteFile(file, []byte(moved), 0o600); err != nil {
		tb.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		tb.Fatal(err)
	}
	loader, err := sandbox.New(sandbox.Options{CacheDir: filepath.Join(dir, "cache"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	g := &generation{config: cfg, policies: map[string]policy{}}
	if err := g.loadPolicies(context.Background(), loader); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		g.releasePolicies()
		if err := loader.Close(); err != nil {
			tb.Error(err)
		}
	})
	return newChain(names, g.policies)
}

// oneKilobyteChat is a request that every shipped policy has work with.
var oneKilobyteChat = `{"model":"gpt-4o","temperature":2.5,"top_p":0.9,"max_tokens":100,"user":"u-17","messages":[{"role":"user","content":"` + strings.Repeat("hello world ", 75) + `"}]}`

// policyPass is what policies cost one request on this side and theirs: all
// hooks up to the candidates, transactions and edits included. Parsing and
// rendering, which are the router's own, are left out.
func policyPass(tb testing.TB, c *chain) func() {
	x := newTestExchange(tb, oneKilobyteChat)
	x.asked = []byte("gpt-4o")
	x.cands = make([]route.Candidate, 0, 4)
	log := slog.New(slog.DiscardHandler)
	return func() {
		x.vars.reset()
		if err := x.body.doc.Parse(x.body.raw, openai.Limits{}); err != nil {
			tb.Fatal(err)
		}
		x.stage = stageRequest
		if _, err := c.run(abi.OnRequest, x, log); err != nil {
			tb.Fatal(err)
		}
	}
}

// chains are what the benchmarks call, by name.
func chains(b *testing.B, run func(b *testing.B, pass func())) {
	for _, names := range [][]string{{}, {"alias"}, {"clamp"}, {"canary"}, {"alias", "clamp", "canary"}} {
		name := strings.Join(names, "+")
		if name == "" {
			name = "none"
		}
		b.Run(name, func(b *testing.B) {
			pass := policyPass(b, shippedChain(b, names...))
			pass()
			b.ReportAllocs()
			run(b, pass)
		})
	}
}

// BenchmarkPolicies: subtract "none", which parses, to have the policies alone.
func BenchmarkPolicies(b *testing.B) {
	chains(b, func(b *testing.B, pass func()) {
		for b.Loop() {
			pass()
		}
	})
}

// BenchmarkPoliciesCold is BenchmarkPolicies where nothing of the request before is
// left in the processor's second cache, as in a router that gets few: other
// programs, or other guests of the machine, have been there meanwhile.
func BenchmarkPoliciesCold(b *testing.B) {
	others := make([]byte, 16<<20)
	chains(b, func(b *testing.B, pass func()) {
		var took []time.Duration
		for b.Loop() {
			for i := 0; i < len(others); i += 64 { // a cache line each
				others[i]++
			}
			start := time.Now()
			pass()
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2]), "ns/request")
		b.ReportMetric(0, "ns/op")
	})
}

func TestPoliciesAllocateNothingHere(t *testing.T) {
	if raceEnabled {
		return // the race detector allocates
	}
	pass := policyPass(t, shippedChain(t, "alias", "clamp", "canary"))
	for range 100 {
		pass()
	}
	if n := testing.AllocsPerRun(1000, pass); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}
