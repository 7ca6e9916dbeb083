package sandbox

import (
	"context"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/hostile"
	"github.com/infinirouter/infinirouter/plugins/meter"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// TestGarbageCollectionWaitsForNoGuest forces collections while guests spin on
// every instance. Compiled code cannot be stopped, so each collection waits for
// guests to come by; that must be for a slice of fuel and not for all that they
// have. What shows it without a clock is that collections end, one after
// another, while every guest is still in the very call that it was in.
func TestGarbageCollectionWaitsForNoGuest(t *testing.T) {
	module, err := hostile.Assemble(`(module (memory (export "memory") 1)
	  (func (export "on_request") (result i32)
	    (loop $again (br $again)) unreachable))`)
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t)
	const guests, collections = 2, 2
	spec := l.spec(noop)
	spec.Path, spec.Limits.Instances = l.file("spin.wasm", module), guests
	spec.Limits.CPUPercent = 10_000                        // nobody pauses
	spec.Limits.Fuel = 40_000 * meter.DefaultCosts().Slice // some hundred times what the collections take
	p, err := l.Load(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Release()
	var calls sync.WaitGroup
	ended := make(chan struct{}, guests)
	for range guests {
		calls.Go(func() {
			callFails(t, p, abi.OnRequest, newFake(), plugins.FailureFuel)
			ended <- struct{}{}
		})
	}
	for p.Stats().Instances < guests || len(l.lane.places) == 0 {
		runtime.Gosched()
	}
	before, began := stopping(), time.Now()
	for range collections {
		runtime.GC()
	}
	took := time.Since(began)
	select {
	case <-ended:
		t.Errorf("%d collections took until a guest's fuel was gone", collections)
	default:
	}
	calls.Wait()
	t.Logf("%d collections in %v while %d guests spun, the longest wait for the world to stop under %v",
		collections, took, guests, longest(before, stopping()))
}

// stopping is the runtime's histogram of how long the world took to stop.
func stopping() *metrics.Float64Histogram {
	sample := []metrics.Sample{{Name: "/sched/pauses/stopping/gc:seconds"}}
	metrics.Read(sample)
	return sample[0].Value.Float64Histogram()
}

// longest is the upper bound of the longest pause of after that before has not.
func longest(before, after *metrics.Float64Histogram) time.Duration {
	for i := len(after.Counts) - 1; i >= 0; i-- {
		if after.Counts[i] > before.Counts[i] {
			return time.Duration(after.Buckets[i+1] * float64(time.Second))
		}
	}
	return 0
}
