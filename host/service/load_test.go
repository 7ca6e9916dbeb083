package service

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
)

func TestSlotsNeverExceedTheLimit(t *testing.T) {
	f := newFakes()
	cfg := named("a")
	cfg.MaxInFlight = 3
	s := f.newSet(t, nil, cfg)
	defer s.Release()
	a := s.ByName("a")
	var taken, most, refused atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				if !a.Acquire() {
					refused.Add(1)
					continue
				}
				n := taken.Add(1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				taken.Add(-1)
				a.Release()
			}
		})
	}
	wg.Wait()
	if most.Load() > 3 || a.InFlight() != 0 {
		t.Errorf("%d slots at once, %d left over", most.Load(), a.InFlight())
	}
	for range 3 {
		if a.Full() || !a.Acquire() {
			t.Fatal("refused below the limit")
		}
	}
	if !a.Full() || a.Acquire() || a.InFlight() != 3 {
		t.Error("not refused at the limit")
	}
}

func TestFiguresCountEachRequestOnce(t *testing.T) {
	f := newFakes()
	s := f.run(t, named("a"))
	defer s.Release()
	a := s.ByName("a")
	near := func(got, want float64) bool { return math.Abs(got-want) < 1e-9 }

	a.Observe(Neutral, time.Hour)
	if fig := a.Figures(); fig.Requests != 1 || fig.Errors != 0 || fig.ResponseTime != 0 || fig.ErrorRate != 0 {
		t.Errorf("a client that left: %+v", fig)
	}
	a.Observe(Succeeded, 2*time.Second)
	if fig := a.Figures(); fig.Requests != 2 || !near(fig.ResponseTime, 2) {
		t.Errorf("the first response is the average: %+v", fig)
	}
	a.Observe(Succeeded, 3*time.Second)
	if fig := a.Figures(); !near(fig.ResponseTime, 2.1) {
		t.Errorf("the second moves it by a tenth: %+v", fig)
	}
	a.Observe(Failed, time.Millisecond)
	if fig := a.Figures(); fig.Requests != 4 || fig.Errors != 1 || !near(fig.ResponseTime, 2.1) || !near(fig.ErrorRate, 0.05) {
		t.Errorf("a failure counts, and not as a fast response: %+v", fig)
	}
	for range 20 {
		a.Observe(Errored, time.Millisecond)
	}
	if fig := a.Figures(); fig.Errors != 21 || !near(fig.ResponseTime, 2.1) || !a.Healthy() {
		t.Errorf("errors on requests count, and say nothing of health: %+v", fig)
	}
	for range 1000 {
		a.Observe(Succeeded, time.Second)
	}
	if fig := a.Figures(); math.Abs(fig.ResponseTime-1) > 1e-6 || fig.ErrorRate > 1e-6 || fig.Requests != 1024 {
		t.Errorf("after a thousand good ones: %+v", fig)
	}
}

// TestEverythingAtOnce is for the race detector: requests, probes, readers and
// reloads together.
func TestEverythingAtOnce(t *testing.T) {
	f := newFakes()
	cfgs := []config.Service{named("a"), named("b"), named("c")}
	h := testHealth
	h.Interval, h.Jitter, h.SlowStart = time.Millisecond, 1, time.Millisecond
	h.Outlier.BaseEjection, h.Outlier.MaxEjection = 100*time.Microsecond, time.Millisecond
	for _, cfg := range cfgs {
		f.set(cfg.Name, up("m", cfg.Name))
	}
	first := f.newSetWith(t, h, nil, cfgs...)
	first.Start(t.Context())
	if !first.WaitReady(t.Context(), time.Minute) {
		t.Fatal("not ready")
	}
	var set atomic.Pointer[Set]
	set.Store(first)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			var dst []*Service
			for i := worker; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				s := set.Load()
				dst = s.Serving(dst[:0], []byte("m"))
				for _, service := range dst {
					if service.Acquire() {
						if i%5 == 0 {
							service.Answered()
						}
						service.Observe(Result(i%4), time.Millisecond)
						service.Release()
					}
				}
				s.Models()
				s.Knows([]byte("a"))
				s.OnlyModel()
				s.Healthy()
				s.Leaving()
				s.All()[i%3].Figures()
				s.All()[i%3].Share()
			}
		})
	}
	for i := range 100 {
		cfgs[0].Weight = i
		cfgs[0].Drain = i%7 == 0
		cfgs[1].URL = []string{"http://b:1", "http://b:2"}[i%2]
		cfgs[2].Models = [][]string{nil, {"m", "x"}}[i%2]
		old := set.Load()
		next := f.newSetWith(t, h, old, cfgs...)
		next.Start(t.Context())
		next.WaitReady(t.Context(), time.Minute)
		set.Store(next)
		old.Release()
	}
	close(stop)
	wg.Wait()
	last := set.Load()
	last.Release()
	for _, service := range last.All() {
		<-service.stopped
		if service.InFlight() != 0 {
			t.Errorf("%s: %d slots left over", service.Name(), service.InFlight())
		}
	}
}
