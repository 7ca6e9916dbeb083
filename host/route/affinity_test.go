package route

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/cespare/xxhash/v2"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/engine"
	"github.com/infinirouter/infinirouter/host/service"
)

func all(set *service.Set) []Candidate {
	var cands []Candidate
	for _, s := range set.All() {
		cands = append(cands, Candidate{Service: s, Score: 1})
	}
	return cands
}

// home returns the service that takes the key.
func home(b Balancer, cands []Candidate, key uint64) *service.Service {
	return b.Rank(slices.Clone(cands), key, seeded())[0].Service
}

func TestMinusLog(t *testing.T) {
	r, before := rand.New(rand.NewPCG(3, 3)), uint64(0)
	inputs := []uint64{0, 1, 2, 3, math.MaxUint64, math.MaxUint64 - 1, 1 << 63, 1<<63 - 1, 1<<63 + 1, 1 << 62}
	for range 100_000 {
		inputs = append(inputs, r.Uint64()>>r.IntN(64))
	}
	slices.Sort(inputs)
	for i, u := range inputs {
		got := minusLog(u)
		if want := 64 - math.Log2(math.Max(float64(u), 1)); math.Abs(float64(got)/(1<<point)-want) > 5e-6 {
			t.Fatalf("-log2(%d/2^64) = %v, want %v", u, float64(got)/(1<<point), want)
		}
		if got == 0 || i > 0 && got > before {
			t.Fatalf("it grows, or is nothing, at %d: %d after %d", u, got, before)
		}
		before = got
	}
}

// TestPlacesAreTheSameEverywhere pins places: a router of another version or on
// another machine must not send keys elsewhere.
func TestPlacesAreTheSameEverywhere(t *testing.T) {
	for _, c := range []struct {
		key, name string
		share     int64
		want      uint64
	}{
		{"alice", "a", 1024, 0x3df441bdd2ba3215},
		{"alice", "service_9g8b_8100", 1024, 0x3e15fed11665fa64},
		{"bob", "a", 3072, 0x3e501710d45d00b6},
		{"", "", 1, 0x3d10000000000000},
	} {
		if got := math.Float64bits(placeOf(xxhash.Sum64String(c.key), xxhash.Sum64String(c.name), c.share)); got != c.want {
			t.Errorf("place of %q at %q: %#x, want %#x", c.key, c.name, got, c.want)
		}
	}
}

func TestAffinityByWeight(t *testing.T) {
	set := newSet(t, []int{1, 2, 5, 0, 1})
	b, random, got := newBalancer(config.BalanceSession), seeded(), map[string]float64{}
	const n = 40_000
	for range n {
		got[home(b, candidates(set, "abcde"), random()|1).Name()] += 1. / n
	}
	wantShares(t, got, map[string]float64{"a": 1. / 9, "b": 2. / 9, "c": 5. / 9, "e": 1. / 9}, 0.01)
}

// TestOnlyKeysOfTheOneThatGoesMove, and come back with it; the same for scores,
// which make it another tier.
func TestOnlyKeysOfTheOneThatGoesMove(t *testing.T) {
	set := newSet(t, []int{1, 1, 2, 1, 3, 1, 1, 1})
	b, random := newBalancer(config.BalancePrefix), seeded()
	whole := all(set)
	for range 2000 {
		key := random() | 1
		was := home(b, whole, key)
		second := b.Rank(slices.Clone(whole), key, random)[1].Service
		for gone := range whole {
			rest := slices.Delete(slices.Clone(whole), gone, gone+1)
			want := was
			if whole[gone].Service == was {
				want = second
			}
			if now := home(b, rest, key); now != want {
				t.Fatalf("without %s the key of %s goes to %s, want %s", whole[gone].Service.Name(), was.Name(), now.Name(), want.Name())
			}
			scored := slices.Clone(whole)
			scored[gone].Score = 0.5
			if now := home(b, scored, key); now != want {
				t.Fatalf("with %s scored low the key of %s goes to %s, want %s", whole[gone].Service.Name(), was.Name(), now.Name(), want.Name())
			}
		}
	}
}

// TestGrowingShareTakesKeysAndGivesNone: what a slow start does.
func TestGrowingShareTakesKeysAndGivesNone(t *testing.T) {
	names := make([]uint64, 8)
	for i := range names {
		names[i] = xxhash.Sum64String(name(i))
	}
	best := func(key uint64, share int64) int {
		first, most := 0, 0.
		for i, n := range names {
			s := int64(1024)
			if i == 3 {
				s = share
			}
			if p := placeOf(key, n, s); p > most {
				first, most = i, p
			}
		}
		return first
	}
	random := seeded()
	for range 2000 {
		key := random()
		before := best(key, 0)
		for share := int64(102); share <= 1024; share += 102 {
			now := best(key, share)
			if now != before && now != 3 {
				t.Fatalf("a share of %d: the key went from %d to %d", share, before, now)
			}
			before = now
		}
	}
}

// TestHotKeyOverflows: requests of one key beyond the bound go to the next
// places, in order, and come home when there is room.
func TestHotKeyOverflows(t *testing.T) {
	set := newSet(t, []int{1, 1, 1, 1})
	b, cands := newBalancer(config.BalanceSession), all(set)
	order := b.Rank(slices.Clone(cands), testKey, seeded())
	for i := range 400 {
		to := home(b, cands, testKey)
		if !to.Acquire() {
			t.Fatal("no slot")
		}
		if mean := float64(i+1) / 4; float64(to.InFlight()) > max(room, math.Ceil(1.25*mean)) {
			t.Fatalf("%s has %d of %d requests", to.Name(), to.InFlight(), i+1)
		}
	}
	for i := 1; i < 4; i++ {
		if before, after := order[i-1].Service, order[i].Service; before.InFlight() < after.InFlight() {
			t.Errorf("place %d has %d, place %d has %d", i, before.InFlight(), i+1, after.InFlight())
		}
	}
	if n := order[0].Service.InFlight(); n != 125 {
		t.Errorf("the first has %d of 400", n)
	}
	order[0].Service.Release()
	if home(b, cands, testKey) != order[0].Service {
		t.Error("there is room, and the key does not come home")
	}
}

// TestFewRequestsStayTogether: below room, the bound is not heeded.
func TestFewRequestsStayTogether(t *testing.T) {
	set := newSet(t, []int{1, 1, 1, 1})
	b, cands := newBalancer(config.BalanceSession), all(set)
	first := home(b, cands, testKey)
	for range room {
		if home(b, cands, testKey) != first {
			t.Fatal("a few requests of one key were parted")
		}
		first.Acquire()
	}
	if home(b, cands, testKey) == first {
		t.Error("there is no end to it")
	}
}

func TestWithoutAKeyAsLeastRequest(t *testing.T) {
	set := newSet(t, []int{1, 1})
	set.ByName("a").Acquire()
	for range 100 {
		if got := newBalancer(config.BalancePrefix).Rank(all(set), 0, rand.Uint64)[0].Service.Name(); got != "b" {
			t.Fatal("the busier one first")
		}
	}
}

// TestLeastLoad: b says that it is busy with what others sent, d says nothing.
func TestLeastLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := newReporting(t, 4, func(name string) engine.Figures {
			switch name {
			case "b":
				return engine.Figures{Engine: "x", Running: 6}
			case "d":
				return engine.Figures{}
			}
			return engine.Figures{Engine: "x", Running: float64(1)}
		})
		b := newBalancer(config.BalanceLeastLoad)
		for pair, want := range map[string]string{"ab": "a", "cb": "c", "db": "d", "da": "d"} {
			wantShares(t, shares(b, candidates(set, pair), 0, 100, seeded()), map[string]float64{want: 1}, 0)
		}
		for range 6 {
			set.ByName("a").Acquire()
		}
		wantShares(t, shares(b, candidates(set, "ab"), 0, 100, seeded()), map[string]float64{"b": 1}, 0)
	})
}

func TestSources(t *testing.T) {
	got := sources([]string{"header:X-User", "field:user", "field:a/b~c", "field:/metadata/user_id", "api_key", "client_address"})
	want := []Source{
		{Kind: SourceHeader, Header: "X-User"},
		{Kind: SourceField, Path: []byte("/user")},
		{Kind: SourceField, Path: []byte("/a~1b~0c")},
		{Kind: SourceField, Path: []byte("/metadata/user_id")},
		{Kind: SourceAPIKey},
		{Kind: SourceClientAddress},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i].Kind != want[i].Kind || got[i].Header != want[i].Header || string(got[i].Path) != string(want[i].Path) {
			t.Errorf("source %d: %+v, want %+v", i, got[i], want[i])
		}
	}
}
