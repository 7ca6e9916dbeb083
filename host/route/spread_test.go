package route

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/engine"
	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/host/service"
)

// newReporting returns n started services that say of themselves what figures
// says; those without an engine say nothing. The caller is in a bubble.
func newReporting(t *testing.T, n int, figures func(name string) engine.Figures) *service.Set {
	t.Helper()
	var cfgs []config.Service
	for i := range n {
		cfgs = append(cfgs, config.Service{Name: name(i), URL: "http://127.0.0.1:1", Weight: 1, Metrics: config.MetricsAuto})
	}
	probe := func(context.Context, service.Target) service.Report {
		return service.Report{Healthy: true, Discovered: true, Models: []openai.Model{{ID: "m"}}}
	}
	look := func(_ context.Context, t service.Target, _ string) (engine.Figures, error) {
		f := figures(t.Name)
		if !f.Known() {
			return f, errors.New("nothing to say")
		}
		return f, nil
	}
	set, err := service.NewSet(cfgs, config.Health{Interval: time.Hour}, time.Second, nil, service.Options{
		Probe: probe, Look: look, ByLoad: true,
		Polling: config.Polling{Interval: time.Second, Timeout: time.Second, Expire: 10 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	set.Start(t.Context())
	t.Cleanup(set.Release)
	synctest.Wait()
	return set
}

// The traffic of the table: 125 conversations of 8 turns, with five system
// prompts of which some are popular. At 20 requests a second, each of which takes
// some seconds, about 64 are open at a time.
const (
	conversations = 125
	turns         = 8
	fleetSize     = 8
	perSecond     = 20
	meanSeconds   = 3.2
)

// turn is one request: its conversation, and the blocks of its prompt, each of
// so many bytes.
type turn struct {
	conversation int
	body         string
	blocks       []string
}

func traffic(r *rand.Rand) []turn {
	systems := make([]string, 5)
	for i := range systems {
		systems[i] = fmt.Sprintf(`{"role":"system","content":"%d %s"}`, i, strings.Repeat("be good ", 500))
	}
	history := make([][]string, conversations)
	for i := range history {
		history[i] = []string{systems[min(int(r.ExpFloat64()), 4)]}
	}
	var out []turn
	for n := range turns {
		for _, c := range r.Perm(conversations) {
			history[c] = append(history[c], fmt.Sprintf(`{"role":"user","content":"%d of %d: %s"}`, n, c, strings.Repeat("why ", 100)))
			out = append(out, turn{c, `{"messages":[` + strings.Join(history[c], ",") + `]}`, slices.Clone(history[c])})
			history[c] = append(history[c], fmt.Sprintf(`{"role":"assistant","content":"%d of %d: %s"}`, n, c, strings.Repeat("so ", 300)))
		}
	}
	return out
}

// figures are one row of the table.
type figures struct {
	requests float64 // of the service with most, over the mean
	peak     float64 // most open at a time at one service, over the mean of all then
	home     float64 // share of turns, but the first, that went where the one before went
	cached   float64 // share of the prompts' bytes that the service had seen
	foreign  float64 // peak, where two services have 24 requests of another router
}

// caches remember which beginnings of prompts each service has seen.
type caches map[string]bool

func (c caches) add(to string, blocks []string) (hit, all int) {
	seen, prefix := true, to
	for _, b := range blocks {
		prefix = fmt.Sprintf("%x", xxhash.Sum64String(prefix+b))
		all += len(b)
		if seen = seen && c[prefix]; seen {
			hit += len(b)
		}
		c[prefix] = true
	}
	return hit, all
}

// keyOf is what the handler gives Rank for a balancer.
func keyOf(t *testing.T, kind string, x turn) uint64 {
	switch kind {
	case config.BalanceSession:
		return xxhash.Sum64String(fmt.Sprint("conversation ", x.conversation))
	case config.BalancePrefix:
		var d openai.Document
		if err := d.Parse([]byte(x.body), openai.Limits{}); err != nil {
			t.Fatal(err)
		}
		return d.PrefixHash(1024)
	}
	return 0
}

type open struct {
	service *service.Service
	until   time.Time
}

// spread sends the traffic through a balancer and says how it was spread.
// foreign is how many requests of another router a and b have.
func spread(t *testing.T, kind string, bound, foreign float64) (f figures) {
	synctest.Test(t, func(t *testing.T) {
		var known atomic.Pointer[service.Set] // by those who look
		others := func(name string) float64 {
			if name == "a" || name == "b" {
				return foreign
			}
			return 0
		}
		set := newReporting(t, fleetSize, func(name string) engine.Figures {
			n := others(name)
			if set := known.Load(); set != nil {
				n += float64(set.ByName(name).InFlight())
			}
			return engine.Figures{Engine: "x", Running: n}
		})
		known.Store(set)
		time.Sleep(2 * time.Second)
		r := rand.New(rand.NewPCG(11, 12))
		b, list := NewBalancer(config.Route{Balance: kind, Affinity: config.Affinity{LoadBound: bound}}), traffic(r)
		var flights []open
		count, last, cache := map[string]float64{}, map[int]string{}, caches{}
		hit, size, stayed := 0, 0, 0
		for i, x := range list {
			time.Sleep(time.Duration(r.ExpFloat64() / perSecond * float64(time.Second)))
			flights = slices.DeleteFunc(flights, func(o open) bool {
				over := !o.until.After(time.Now())
				if over {
					o.service.Release()
				}
				return over
			})
			s := b.Rank(all(set), keyOf(t, kind, x), r.Uint64)[0].Service
			s.Acquire()
			flights = append(flights, open{s, time.Now().Add(time.Duration(r.ExpFloat64() * meanSeconds * float64(time.Second)))})
			count[s.Name()]++
			h, n := cache.add(s.Name(), x.blocks)
			hit, size = hit+h, size+n
			if last[x.conversation] == s.Name() {
				stayed++
			}
			last[x.conversation] = s.Name()
			if i >= 200 { // by then as many end as begin
				total := float64(len(flights)) + 2*foreign
				f.peak = max(f.peak, (float64(s.InFlight())+others(s.Name()))/(total/fleetSize))
			}
		}
		for _, n := range count {
			f.requests = max(f.requests, n/(conversations*turns/fleetSize))
		}
		f.home = float64(stayed) / (conversations * (turns - 1))
		f.cached = float64(hit) / float64(size)
		for _, o := range flights {
			o.service.Release()
		}
	})
	return f
}

// moved returns the shares of 1,000 keys that go elsewhere when one of eight
// services goes, and when a ninth comes; NaN for balancers without keys.
func moved(t *testing.T, kind string) (goes, comes float64) {
	if kind != config.BalanceSession && kind != config.BalancePrefix {
		return math.NaN(), math.NaN()
	}
	set := newSet(t, slices.Repeat([]int{1}, fleetSize+1))
	nine := all(set)
	eight, seven := nine[:fleetSize], nine[:fleetSize-1]
	b, random := newBalancer(kind), seeded()
	for range 1000 {
		key := random() | 1
		before := home(b, eight, key)
		if now := home(b, seven, key); now != before {
			goes += 1. / 1000
			if before != eight[fleetSize-1].Service {
				t.Errorf("%s: a key of %s moved, which stayed", kind, before.Name())
			}
		}
		if now := home(b, nine, key); now != before {
			comes += 1. / 1000
			if now != nine[fleetSize].Service {
				t.Errorf("%s: a key moved to %s, which was there before", kind, now.Name())
			}
		}
	}
	return goes, comes
}

// TestSpread is the table of RATIONALE.md, and what holds of it. Run with -v.
func TestSpread(t *testing.T) {
	rows := []string{"balancer       most/mean  peak/mean  peak beside others  stays home  cached  moves: one goes  one comes"}
	got := map[string]figures{}
	for _, kind := range kinds {
		f := spread(t, kind, 1.25, 0)
		f.foreign = spread(t, kind, 1.25, 24).peak
		goes, comes := moved(t, kind)
		got[kind] = f
		row := fmt.Sprintf("%-14s %9.2f  %9.2f  %18.2f  %9.0f%%  %5.0f%%", kind, f.requests, f.peak, f.foreign, 100*f.home, 100*f.cached)
		if math.IsNaN(goes) {
			rows = append(rows, row)
		} else {
			rows = append(rows, fmt.Sprintf("%s  %14.1f%%  %8.1f%%", row, 100*goes, 100*comes))
			// 1/n, and three standard deviations of 1,000 keys.
			checkAtMost(t, kind+": keys that move when one goes", goes, 1./8+3*math.Sqrt(1./8*7/8/1000))
			checkAtMost(t, kind+": keys that move when one comes", comes, 1./9+3*math.Sqrt(1./9*8/9/1000))
		}
	}
	loose := spread(t, config.BalancePrefix, 2, 0)
	rows = append(rows, fmt.Sprintf("%-14s %9.2f  %9.2f  %18s  %9.0f%%  %5.0f%%", "prefix, bound 2", loose.requests, loose.peak, "", 100*loose.home, 100*loose.cached))
	checkAtMost(t, "prefix with a bound of 2: peak over the mean", loose.peak, 2+1)
	if tight := got[config.BalancePrefix]; loose.home <= tight.home || loose.cached < tight.cached {
		t.Errorf("a looser bound keeps no more at home: %+v and %+v", loose, tight)
	}
	t.Log("\n" + strings.Join(rows, "\n"))
	for kind, limits := range map[string]figures{
		config.BalanceRoundRobin:   {requests: 1.01, peak: 2.5},
		config.BalanceRandom:       {requests: 1.4, peak: 3},
		config.BalanceLeastRequest: {requests: 1.15, peak: 1.8},
		config.BalanceLeastLoad:    {requests: 1.15, peak: 1.8, foreign: 2.2},
		config.BalanceSession:      {requests: 1.4, peak: 1.25 + 1},
		config.BalancePrefix:       {requests: 1.4, peak: 1.25 + 1},
	} {
		f := got[kind]
		checkAtMost(t, kind+": requests of the busiest over the mean", f.requests, limits.requests)
		checkAtMost(t, kind+": peak over the mean", f.peak, limits.peak)
		checkAtMost(t, kind+": peak beside another router's", f.foreign, cmp.Or(limits.foreign, math.Inf(1)))
	}
	for _, kind := range []string{config.BalanceSession, config.BalancePrefix} {
		if got[kind].home < 4*got[config.BalanceLeastRequest].home || got[kind].cached < 1.4*got[config.BalanceLeastRequest].cached {
			t.Errorf("%s finds little in caches: %+v", kind, got[kind])
		}
	}
	if got[config.BalanceLeastLoad].foreign > 0.8*got[config.BalanceLeastRequest].foreign {
		t.Errorf("least_load does not see another router's requests: %+v", got)
	}
}

func checkAtMost(t *testing.T, what string, got, most float64) {
	t.Helper()
	if got > most {
		t.Errorf("%s: %.3f, want %.3f at most", what, got, most)
	}
}
