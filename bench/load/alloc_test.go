//go:build unix && !race

package load

import (
	"runtime"
	"testing"

	"github.com/infinirouter/infinirouter/bench/service/fast"
)

// TestRequestsDoNotAlloc: neither the generator nor the service allocates per
// request or event; what remains is per run.
func TestRequestsDoNotAlloc(t *testing.T) {
	for _, job := range []Job{
		{Connections: 8, Requests: 20_000},
		{Connections: 8, Requests: 2_000, BodyBytes: 100 << 10},
		{Connections: 8, Requests: 2_000, Stream: true, Tokens: 20},
	} {
		s := serve(t, fast.Config{})
		var before, after runtime.MemStats
		job.Connections = 8
		do(t, s, job) // whatever grows has grown
		job.Begin = func() { runtime.ReadMemStats(&before) }
		job.End = func() { runtime.ReadMemStats(&after) }
		r := do(t, s, job)
		clean(t, r, job.Requests)
		if per := float64(after.Mallocs-before.Mallocs) / float64(job.Requests); per > 0.2 {
			t.Errorf("%.2f allocations a request of %+v", per, job)
		}
	}
}
