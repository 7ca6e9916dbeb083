package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/infinirouter/infinirouter/sdk/sdktest"
)

const users = 6_000

// assign configures arms of these weights and returns every user's arm.
func assign(t *testing.T, weights ...float64) []int {
	t.Helper()
	type table map[string]any
	list := []table{}
	for i, w := range weights {
		list = append(list, table{"name": fmt.Sprint("arm", i), "weight": w})
	}
	config, err := json.Marshal(table{"arms": list})
	if err != nil {
		t.Fatal(err)
	}
	c := sdktest.Case{Config: config}
	if _, err := (&sdktest.Native{Hooks: hooks}).Configure(&c, &sdktest.World{}); err != nil {
		t.Fatal(err)
	}
	got := make([]int, users)
	for u := range got {
		chosen := choose(sdktest.Hash(fmt.Sprint("user-", u)))
		for i := range arms {
			if &arms[i] == chosen {
				got[u] = i
			}
		}
	}
	return got
}

// weightVectors are drawn from a fixed seed: the test is the same every time.
func weightVectors() [][]float64 {
	r := rand.New(rand.NewPCG(1, 2))
	vectors := [][]float64{{95, 5}, {1, 1}, {90, 5, 5}, {0.001, 1000}}
	for range 8 {
		v := make([]float64, 2+r.IntN(4))
		for i := range v {
			v[i] = math.Exp(6 * r.Float64())
		}
		vectors = append(vectors, v)
	}
	return vectors
}

func TestRaisingAWeightOnlyMovesUsersIn(t *testing.T) {
	for _, weights := range weightVectors() {
		before := assign(t, weights...)
		for grown := range weights {
			for _, factor := range []float64{1.01, 2, 50} {
				raised := append([]float64(nil), weights...)
				raised[grown] *= factor
				for u, now := range assign(t, raised...) {
					if now != before[u] && now != grown {
						t.Fatalf("weights %v, arm %d raised by %v: user %d moved from arm %d to %d",
							weights, grown, factor, u, before[u], now)
					}
				}
			}
		}
	}
}

// An operator who writes percentages lowers one arm as he raises the other.
func TestFromFiveToTenPercentNobodyLeavesTheCanary(t *testing.T) {
	five, ten := assign(t, 95, 5), assign(t, 90, 10)
	in := 0
	for u := range five {
		if five[u] == 1 && ten[u] != 1 {
			t.Fatalf("user %d left the canary", u)
		}
		if five[u] != ten[u] {
			in++
		}
	}
	if in == 0 {
		t.Fatal("nobody joined the canary")
	}
}

func TestWeightZeroMovesNobodyElse(t *testing.T) {
	for _, weights := range weightVectors() {
		before := assign(t, weights...)
		for off := range weights {
			without := append([]float64(nil), weights...)
			without[off] = 0
			for u, now := range assign(t, without...) {
				if now == off {
					t.Fatalf("weights %v: user %d is on arm %d, which is off", weights, u, off)
				}
				if before[u] != off && now != before[u] {
					t.Fatalf("weights %v, arm %d off: user %d moved from %d to %d", weights, off, u, before[u], now)
				}
			}
		}
	}
}

// Shares lie within five standard deviations of a fair draw. Keys are fixed,
// so this passes always or never.
func TestSharesFollowWeights(t *testing.T) {
	for _, weights := range weightVectors() {
		total := 0.0
		for _, w := range weights {
			total += w
		}
		counts := make([]int, len(weights))
		for _, a := range assign(t, weights...) {
			counts[a]++
		}
		for i, w := range weights {
			p := w / total
			if off := math.Abs(float64(counts[i]) - p*users); off > 5*math.Sqrt(users*p*(1-p))+1 {
				t.Errorf("weights %v: arm %d has %d of %d users, a share of %.4f is %.0f", weights, i, counts[i], users, p, p*users)
			}
		}
	}
}

// Two canaries over the same users must not pick the same ones: with another
// name as salt, arms are drawn independently.
func TestSaltsDrawIndependently(t *testing.T) {
	both, c := 0, sdktest.Case{}
	hit := make([]bool, users)
	for round, name := range []string{"first", "second"} {
		c.Config = json.RawMessage(`{"name":"` + name + `","arms":[{"name":"a","weight":1},{"name":"b","weight":1}]}`)
		if _, err := (&sdktest.Native{Hooks: hooks}).Configure(&c, &sdktest.World{}); err != nil {
			t.Fatal(err)
		}
		for u := range hit {
			is := choose(sdktest.Hash(fmt.Sprint("user-", u))).name == "a"
			if round == 1 && is && hit[u] {
				both++
			}
			hit[u] = is
		}
	}
	if off := math.Abs(float64(both) - users/4); off > 5*math.Sqrt(users*0.25*0.75) {
		t.Errorf("%d of %d users are on arm a of both, a quarter is %d", both, users, users/4)
	}
}

func TestCostIsTheLogarithm(t *testing.T) {
	hashes := []uint64{0, 1, 1 << 12, 1 << 62, 1<<63 - 1, 1 << 63, math.MaxUint64 - 1<<12, math.MaxUint64}
	r := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		hashes = append(hashes, r.Uint64()>>r.IntN(50), ^(r.Uint64() >> r.IntN(50)))
	}
	for _, h := range hashes {
		u := (float64(h>>12) + 0.5) / (1 << 52)
		k, s := logOf(h)
		got, want := k-series(s), -math.Log(u)
		if got <= 0 || math.IsInf(got, 0) || math.Abs(got-want) > 1e-9*want {
			t.Fatalf("the draw of %#x is %v, want %v, above 0 and finite", h, got, want)
		}
	}
}
