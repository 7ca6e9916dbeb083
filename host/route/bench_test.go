package route

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/service"
)

// BenchmarkPlan is what routing costs a request: match its route, list the
// services that have the model, rank them, take and give back a slot.
func BenchmarkPlan(b *testing.B) {
	for _, kind := range kinds {
		for _, weighted := range []bool{false, true} {
			for _, n := range []int{2, 16, 256} {
				b.Run(fmt.Sprintf("%s/weighted=%v/services=%d", kind, weighted, n), func(b *testing.B) {
					weights := make([]int, n)
					for i := range weights {
						weights[i] = 1
						if weighted {
							weights[i] += i % 4
						}
					}
					benchmarkPlan(b, kind, newSet(b, weights))
				})
			}
		}
	}
}

func benchmarkPlan(b *testing.B, kind string, set *service.Set) {
	set.Start(b.Context())
	if !set.WaitReady(b.Context(), time.Minute) {
		b.Fatal("services are not ready")
	}
	table := NewTable([]config.Route{
		{Path: "/v1/audio/*"},
		{Path: "/*", Models: []string{"other", "gpt-*"}},
		{Path: "/v1/chat/completions", Models: []string{"*"}, Balance: kind},
	})
	path, model := []byte("/v1/chat/completions"), []byte("m")
	random := rand.New(rand.NewPCG(1, 2)).Uint64
	var serving []*service.Service
	var cands []Candidate
	b.ReportAllocs()
	for b.Loop() {
		r := table.Match(path, model, nil)
		serving = set.Serving(serving[:0], model)
		cands = cands[:0]
		for _, s := range serving {
			cands = append(cands, Candidate{Service: s, Score: 1})
		}
		ranked := r.Balancer.Rank(cands, random(), random)
		if len(ranked) != len(set.All()) || !ranked[0].Service.Acquire() {
			b.Fatal("no candidate")
		}
		ranked[0].Service.Release()
	}
}
