package route

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/host/service"
)

var kinds = []string{
	config.BalanceLeastRequest, config.BalanceRoundRobin, config.BalanceRandom,
	config.BalanceLeastLoad, config.BalanceSession, config.BalancePrefix,
}

// testKey is the key of exchanges whose key does not matter.
const testKey = 42

func newBalancer(kind string) Balancer {
	return NewBalancer(config.Route{Balance: kind, Affinity: config.Affinity{LoadBound: 1.25}})
}

func seeded() func() uint64 { return rand.New(rand.NewPCG(1, 2)).Uint64 }

// newSet returns services called a, b, c... with these weights; those with a
// limit take that many requests.
func newSet(t testing.TB, weights []int, limits ...int) *service.Set {
	t.Helper()
	var cfgs []config.Service
	for i, w := range weights {
		cfg := config.Service{Name: name(i), URL: "http://127.0.0.1:1", Weight: w}
		if i < len(limits) {
			cfg.MaxInFlight = limits[i]
		}
		cfgs = append(cfgs, cfg)
	}
	probe := func(context.Context, service.Target) service.Report {
		return service.Report{Healthy: true, Discovered: true, Models: []openai.Model{{ID: "m"}}}
	}
	set, err := service.NewSet(cfgs, config.Health{Interval: time.Hour}, time.Second, nil, service.Options{Probe: probe})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(set.Release)
	return set
}

func name(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return fmt.Sprintf("s%d", i)
}

// candidates returns services of the set, by name, each with score 1.
func candidates(set *service.Set, names string) []Candidate {
	var cands []Candidate
	for _, n := range names {
		cands = append(cands, Candidate{Service: set.ByName(string(n)), Score: 1})
	}
	return cands
}

func ranked(cands []Candidate) string {
	var b strings.Builder
	for _, c := range cands {
		b.WriteString(c.Service.Name())
	}
	return b.String()
}

// shares returns how often each candidate came to stand at place in n ranks.
func shares(b Balancer, cands []Candidate, place, n int, random func() uint64) map[string]float64 {
	m := map[string]float64{}
	work := make([]Candidate, len(cands))
	for range n {
		copy(work, cands)
		m[b.Rank(work, testKey, random)[place].Service.Name()]++
	}
	for name := range m {
		m[name] /= float64(n)
	}
	return m
}

func wantShares(t *testing.T, got, want map[string]float64, within float64) {
	t.Helper()
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s has a share of %.3f, want none", name, got[name])
		}
	}
	for name := range want {
		if math.Abs(got[name]-want[name]) > within {
			t.Errorf("%s has a share of %.3f, want %.3f", name, got[name], want[name])
		}
	}
}

// TestEveryBalancerHeedsScoresWeightsAndSlots checks what they have in common.
func TestEveryBalancerHeedsScoresWeightsAndSlots(t *testing.T) {
	for _, kind := range kinds {
		set := newSet(t, []int{1, 2, 1, 0, 3, 1}, 0, 1, 0, 0, 1, 1) // b, e and f take one request each
		for _, n := range []string{"b", "e"} {
			set.ByName(n).Acquire()
		}
		for what, c := range map[string]struct {
			names  string
			scores []float64
			want   string // ranks split by "|"; the order within one is free
		}{
			"nothing":               {"", nil, ""},
			"one":                   {"a", []float64{1}, "a"},
			"one, excluded":         {"a", []float64{0}, ""},
			"one, drained":          {"d", []float64{1}, ""},
			"one, full":             {"b", []float64{1}, "b"},
			"equal scores":          {"acf", []float64{1, 1, 1}, "acf"},
			"score before all":      {"acf", []float64{1, 0.5, 2}, "f|a|c"},
			"two tiers":             {"acf", []float64{1, 2, 1}, "c|af"},
			"excluded and NaN":      {"acf", []float64{0, math.NaN(), 1}, "f"},
			"below zero":            {"acf", []float64{1, -1, math.Inf(-1)}, "a"},
			"full last":             {"abcef", []float64{1, 1, 1, 1, 1}, "acf|be"},
			"full last, scored":     {"abcef", []float64{1, 9, 1, 1, 0.1}, "ac|f|b|e"},
			"full tiers keep order": {"be", []float64{1, 2}, "e|b"},
			"drained goes":          {"abcdef", []float64{1, 1, 1, 100, 1, 1}, "acf|be"},
			"all excluded":          {"abc", []float64{0, 0, 0}, ""},
		} {
			cands := candidates(set, c.names)
			for i := range cands {
				cands[i].Score = c.scores[i]
			}
			want := map[string]float64{}
			for _, cand := range cands {
				want[cand.Service.Name()] = cand.Score
			}
			got := newBalancer(kind).Rank(cands, testKey, seeded())
			for _, cand := range got {
				if cand.Score != want[cand.Service.Name()] {
					t.Errorf("%s, %s: %s comes back with score %v", kind, what, cand.Service.Name(), cand.Score)
				}
			}
			rest := ranked(got)
			for tier := range strings.SplitSeq(c.want, "|") {
				if len(rest) < len(tier) || sorted(rest[:len(tier)]) != tier {
					t.Errorf("%s, %s: ranked %s, want %s", kind, what, ranked(got), c.want)
					break
				}
				rest = rest[len(tier):]
			}
			if len(got) != len(strings.ReplaceAll(c.want, "|", "")) {
				t.Errorf("%s, %s: ranked %s, want %s", kind, what, ranked(got), c.want)
			}
		}
	}
}

func sorted(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(b)
}

// TestNoBalancerLosesACandidate ranks many random lists: what comes out is what
// went in, however many tiers and full services there are.
func TestNoBalancerLosesACandidate(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	weights, limits := make([]int, 40), make([]int, 40)
	for i := range weights {
		weights[i], limits[i] = r.IntN(4), r.IntN(2)
	}
	set := newSet(t, weights, limits...)
	for i, s := range set.All() {
		if i%3 == 0 {
			s.Acquire()
		}
	}
	for _, kind := range kinds {
		b := newBalancer(kind)
		for range 500 {
			var cands []Candidate
			want := map[*service.Service]float64{}
			for _, s := range set.All()[:r.IntN(41)] {
				c := Candidate{Service: s, Score: float64(r.IntN(4))}
				cands = append(cands, c)
				if c.Score > 0 && s.Weight() > 0 {
					want[s] = c.Score
				}
			}
			got := b.Rank(cands, testKey, r.Uint64)
			for i, c := range got {
				if want[c.Service] != c.Score {
					t.Fatalf("%s: %s is there twice, or with another score", kind, c.Service.Name())
				}
				delete(want, c.Service)
				if i > 0 && !inOrder(got[i-1], c) {
					t.Fatalf("%s: %s before %s", kind, got[i-1].Service.Name(), c.Service.Name())
				}
			}
			if len(want) > 0 {
				t.Fatalf("%s: %d candidates lost", kind, len(want))
			}
		}
	}
}

func inOrder(a, b Candidate) bool {
	if a.Service.Full() != b.Service.Full() {
		return b.Service.Full()
	}
	return a.Score >= b.Score
}

func TestRandomByWeight(t *testing.T) {
	const n = 100_000
	set := newSet(t, []int{1, 2, 5, 0, 1, 1, 1})
	b := newBalancer(config.BalanceRandom)
	wantShares(t, shares(b, candidates(set, "abcd"), 0, n, seeded()), map[string]float64{"a": 0.125, "b": 0.25, "c": 0.625}, 0.01)
	wantShares(t, shares(b, candidates(set, "aefg"), 0, n, seeded()), map[string]float64{"a": 0.25, "e": 0.25, "f": 0.25, "g": 0.25}, 0.01)
	// Second place: c is first in 5 of 8, then a and b are in for 1 and 2 of 3...
	wantShares(t, shares(b, candidates(set, "abc"), 1, n, seeded()), map[string]float64{
		"a": 2./8*1/6 + 5./8*1/3,
		"b": 1./8*2/7 + 5./8*2/3,
		"c": 1./8*5/7 + 2./8*5/6,
	}, 0.01)
}

func TestLeastRequest(t *testing.T) {
	const n = 100_000
	b := newBalancer("")
	t.Run("idle services are met by weight", func(t *testing.T) {
		set := newSet(t, []int{1, 3})
		wantShares(t, shares(b, candidates(set, "ab"), 0, n, seeded()), map[string]float64{"a": 0.25, "b": 0.75}, 0.01)
	})
	t.Run("of two the less loaded", func(t *testing.T) {
		set := newSet(t, []int{1, 1})
		set.ByName("a").Acquire()
		wantShares(t, shares(b, candidates(set, "ab"), 0, n, seeded()), map[string]float64{"b": 1}, 0)
	})
	t.Run("load is per weight", func(t *testing.T) {
		set := newSet(t, []int{1, 4})
		set.ByName("a").Acquire()
		for range 3 {
			set.ByName("b").Acquire()
		}
		wantShares(t, shares(b, candidates(set, "ab"), 0, n, seeded()), map[string]float64{"b": 1}, 0)
		set.ByName("b").Acquire() // 1/1 and 4/4: equal, so by weight
		wantShares(t, shares(b, candidates(set, "ab"), 0, n, seeded()), map[string]float64{"a": 0.2, "b": 0.8}, 0.01)
	})
	t.Run("of many the busiest is never first, the idlest has two chances", func(t *testing.T) {
		set := newSet(t, []int{1, 1, 1, 1})
		for i, s := range set.All() {
			for range i {
				s.Acquire()
			}
		}
		wantShares(t, shares(b, candidates(set, "abcd"), 0, n, seeded()), map[string]float64{"a": 1. / 2, "b": 1. / 3, "c": 1. / 6}, 0.01)
	})
	t.Run("both are drawn by weight", func(t *testing.T) {
		set := newSet(t, []int{1, 2, 3}) // a stays idle, b is busier, c the busiest
		for range 2 {
			set.ByName("b").Acquire()
		}
		for range 6 {
			set.ByName("c").Acquire()
		}
		wantShares(t, shares(b, candidates(set, "abc"), 0, n, seeded()), map[string]float64{
			"a": 1./6 + 2./6*1/4 + 3./6*1/3,
			"b": 2./6*3/4 + 3./6*2/3,
		}, 0.01)
	})
	t.Run("load evens out", func(t *testing.T) {
		weights := []int{1, 2, 1, 3, 1, 1, 1, 2} // 12 in all
		set := newSet(t, weights)
		random, work := seeded(), make([]Candidate, len(weights))
		for range 1200 {
			copy(work, candidates(set, "abcdefgh"))
			b.Rank(work, testKey, random)[0].Service.Acquire()
		}
		for i, s := range set.All() {
			if want := int64(100 * weights[i]); s.InFlight() < want*9/10 || s.InFlight() > want*11/10 {
				t.Errorf("%s of weight %d holds %d, want about %d", s.Name(), weights[i], s.InFlight(), want)
			}
		}
	})
}

func TestRoundRobinIsSmooth(t *testing.T) {
	set := newSet(t, []int{5, 1, 1, 2})
	for names, want := range map[string]string{
		"abc": "aabacaaaabacaa",
		"bc":  "bcbcbc",
		"cb":  "cbcbcb",
		"abd": "adaabada",
		"b":   "bbb",
	} {
		b, got := newBalancer(config.BalanceRoundRobin), ""
		for range want {
			got += ranked(b.Rank(candidates(set, names), testKey, seeded())[:1])
		}
		if got != want {
			t.Errorf("%s: turns %s, want %s", names, got, want)
		}
	}
}

func TestRoundRobinRetriesWithTheNeighbour(t *testing.T) {
	set := newSet(t, []int{1, 1, 1, 1})
	b := newBalancer(config.BalanceRoundRobin)
	for _, want := range []string{"abcd", "bcda", "cdab", "dabc", "abcd"} {
		if got := ranked(b.Rank(candidates(set, "abcd"), testKey, seeded())); got != want {
			t.Errorf("ranked %s, want %s", got, want)
		}
	}
}

// TestRoundRobinTakesTurnsInATierOfMany has more candidates than a sort can
// shuffle by chance into the right order.
func TestRoundRobinTakesTurnsInATierOfMany(t *testing.T) {
	set := newSet(t, slices.Repeat([]int{1}, 100))
	b := newBalancer(config.BalanceRoundRobin)
	for turn := range 100 {
		var cands []Candidate
		for i, s := range set.All() {
			cands = append(cands, Candidate{Service: s, Score: float64(1 + i%2)}) // the odd ones are preferred
		}
		if got, want := b.Rank(cands, testKey, seeded())[0].Service, set.All()[turn*2%100+1]; got != want {
			t.Fatalf("turn %d: %s, want %s", turn, got.Name(), want.Name())
		}
	}
}

// TestRoundRobinKeepsModelsApart alternates between models that overlapping
// services serve, in awkward rhythms: each is spread by weight all the same.
func TestRoundRobinKeepsModelsApart(t *testing.T) {
	set := newSet(t, []int{1, 1, 1, 2})
	for _, rhythm := range [][]string{
		{"ab", "bc"}, {"ab", "bc", "ca"}, {"ab", "ab", "bc"}, {"abc", "ab"}, {"abcd", "ad", "ad", "cd", "bcd"},
	} {
		b := newBalancer(config.BalanceRoundRobin)
		picks := map[string]map[string]int{}
		for range 600 {
			for _, names := range rhythm {
				first := ranked(b.Rank(candidates(set, names), testKey, seeded())[:1])
				if picks[names] == nil {
					picks[names] = map[string]int{}
				}
				picks[names][first]++
			}
		}
		for names, got := range picks {
			total, turns := 0, 0
			for _, c := range candidates(set, names) {
				total += c.Service.Weight()
			}
			for _, n := range got {
				turns += n
			}
			for _, c := range candidates(set, names) {
				if n := c.Service.Name(); got[n] != turns*c.Service.Weight()/total {
					t.Errorf("rhythm %v: %s got %d of %d turns among %s", rhythm, n, got[n], turns, names)
				}
			}
		}
	}
}

func TestRoundRobinForgetsWhenThereAreTooManySets(t *testing.T) {
	set := newSet(t, slices.Repeat([]int{1}, 12))
	b := newRoundRobin()
	for mask := 1; mask < 1<<12; mask++ { // every subset
		var cands []Candidate
		for i, s := range set.All() {
			if mask>>i&1 == 1 {
				cands = append(cands, Candidate{Service: s, Score: 1})
			}
		}
		if got := b.Rank(slices.Clone(cands), testKey, seeded())[0]; got.Service != cands[0].Service {
			t.Fatalf("subset %b begins with %s", mask, got.Service.Name())
		}
		if len(b.rings) > maxRings {
			t.Fatalf("%d sets are remembered, more than %d", len(b.rings), maxRings)
		}
	}
}

func TestRoundRobinSurvivesEqualKeys(t *testing.T) {
	set := newSet(t, []int{1, 1, 1})
	b := newRoundRobin()
	b.Rank(candidates(set, "ab"), testKey, seeded())
	for key, r := range b.rings { // as if ab and the others had one key
		r.services = []*service.Service{set.ByName("b"), set.ByName("c")}
		b.rings[key] = r
	}
	if got := ranked(b.Rank(candidates(set, "ab"), testKey, seeded())); got != "ab" {
		t.Errorf("ranked %s by the turns of other services", got)
	}
}

// TestBalancersAtOnce is for the race detector, and for turns lost between two.
func TestBalancersAtOnce(t *testing.T) {
	set := newSet(t, []int{1, 2, 3})
	for _, kind := range kinds {
		b := newBalancer(kind)
		var mu sync.Mutex
		total := map[string]int{}
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				random, work, mine := rand.New(rand.NewPCG(uint64(i), 0)).Uint64, make([]Candidate, 3), map[string]int{}
				for range 1500 {
					copy(work, candidates(set, "abc"))
					first := b.Rank(work, testKey, random)[0].Service
					first.Acquire()
					mine[first.Name()]++
					first.Release()
				}
				mu.Lock()
				defer mu.Unlock()
				for n, count := range mine {
					total[n] += count
				}
			})
		}
		wg.Wait()
		if kind == config.BalanceRoundRobin && (total["a"] != 1000 || total["b"] != 2000 || total["c"] != 3000) {
			t.Errorf("turns %v, want 1000, 2000 and 3000", total)
		}
		if total["a"]+total["b"]+total["c"] != 6000 {
			t.Errorf("%s: picks %v", kind, total)
		}
	}
}

func TestRankDoesNotAllocate(t *testing.T) {
	weights := make([]int, 16)
	for i := range weights {
		weights[i] = 1 + i%3
	}
	set, random := newSet(t, weights, 1, 1), seeded()
	set.All()[1].Acquire()
	cands, work := candidates(set, "abcdefghijklmnop"), make([]Candidate, 16)
	cands[3].Score, cands[9].Score, cands[10].Score = 2, 2, 0
	for _, kind := range kinds {
		b := newBalancer(kind)
		b.Rank(slices.Clone(cands), testKey, random)
		if n := testing.AllocsPerRun(100, func() { copy(work, cands); b.Rank(work, testKey, random) }); n != 0 && !raceEnabled {
			t.Errorf("%s: %v allocations", kind, n)
		}
	}
}
