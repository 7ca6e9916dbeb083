package sandbox

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// TestFiguresAreExact: whoever looks, sweeps and fails meanwhile, every call is
// counted once, figures never go back, and no more instances live than may.
func TestFiguresAreExact(t *testing.T) {
	l := newLab(t)
	spec := l.spec(wasmModule{
		imports: []wasmImport{imported("property_get")}, memory: 1,
		funcs: []wasmFunc{
			hook("on_request", cat(callWith(0, 4, 0, 0), []byte{opDrop}, returns(0))...),
			hook("on_done", returns(7)...), // fails
		},
	})
	spec.Limits.Instances = 3
	p := l.load(spec)
	var callers, lookers sync.WaitGroup
	var calls, failed, refused atomic.Uint64
	for n := range 4 {
		callers.Go(func() {
			x := newFake()
			for i := range 2000 {
				if n == 0 && i%100 == 0 {
					_, err := p.Call(abi.OnDone, x)
					if e := err.(*plugins.CallError); e.Kind == plugins.FailureResult {
						failed.Add(1)
					}
				}
				if _, err := p.Call(abi.OnRequest, x); err == nil {
					calls.Add(1)
				} else if e := err.(*plugins.CallError); e.Kind == plugins.FailureBreaker {
					refused.Add(1)
				} else {
					t.Error(err)
				}
			}
		})
	}
	ended := make(chan struct{})
	lookers.Go(func() {
		var last plugins.HookStats
		for {
			s := p.Stats()
			if h := s.Hooks[0]; h.Calls < last.Calls || h.Fuel < last.Fuel || h.Timed < last.Timed || h.Calls-h.Failures > 8000 {
				t.Errorf("%+v after %+v", h, last)
			} else {
				last = h
			}
			if s.Instances > 3 {
				t.Errorf("%d instances", s.Instances)
			}
			if err := p.sweep(); err != nil {
				t.Error(err)
			}
			select {
			case <-ended:
				return
			default:
			}
		}
	})
	callers.Wait()
	close(ended)
	lookers.Wait()
	s := p.Stats()
	each := s.Hooks[0].FuelLast
	if h := s.Hooks[0]; h.Calls != calls.Load() || h.Failures != 0 || h.Refused != refused.Load() || h.Fuel != each*h.Calls {
		t.Errorf("%d calls, %d refused, %+v", calls.Load(), refused.Load(), h)
	}
	if h := s.Hooks[1]; h.Calls != failed.Load() || h.Failures != failed.Load() || failed.Load() == 0 {
		t.Errorf("%d failed, %+v", failed.Load(), h)
	}
	if n := len(idle(p)); n != s.Instances || s.Instances > 3 {
		t.Errorf("%d instances, %d of them idle", s.Instances, n)
	}
}

// TestFiguresOfAnInstanceInACall are behind by less than timeEvery calls.
func TestFiguresOfAnInstanceInACall(t *testing.T) {
	l := newLab(t)
	p := l.load(l.spec(asker))
	const n = 10*timeEvery + 7
	for range n {
		if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
			t.Fatal(err)
		}
	}
	release := make(chan struct{})
	var done sync.WaitGroup
	held(t, p, release, &done)
	if h := p.Stats().Hooks[0]; h.Calls > n || h.Calls <= n-timeEvery {
		t.Errorf("%d calls of %d are counted", h.Calls, n)
	}
	close(release)
	done.Wait()
	if h := p.Stats().Hooks[0]; h.Calls != n+1 || h.Timed != 11 {
		t.Errorf("%d calls of %d are counted, %d timed", h.Calls, n+1, h.Timed)
	}
}

// TestNobodyWaitsBesideAParkedInstance: of two calls for one instance, one ends
// just when the other begins to wait, again and again. Whoever waits for longer
// than a moment waits until it is refused.
func TestNobodyWaitsBesideAParkedInstance(t *testing.T) {
	l := newLab(t)
	spec := l.spec(noop)
	spec.Limits.Instances = 1
	p := l.load(spec)
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() {
			for range 50_000 {
				if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
}

// TestAParkedInstanceIsNotForgotten: it was parked by a call that saw no
// attention, just when another call began to wait or the policy was closed.
func TestAParkedInstanceIsNotForgotten(t *testing.T) {
	l := newLab(t)
	spec := l.spec(noop)
	spec.Limits.Instances = 1
	p := l.load(spec)
	in, e := p.acquire(abi.OnRequest, nil)
	if e != nil {
		t.Fatal(e)
	}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var waiter sync.WaitGroup
		waiter.Go(func() {
			if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if !p.attention.Load() || p.park(in) {
			t.Error("it is parked although a call waits")
		}
		in.free.Store(1)
		p.reclaim()
		waiter.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("the waiter had it after %v", took)
		}
	})
	p.mu.Lock()
	p.pool.closed = true
	p.unlock()
	if in := p.favourite.Load(); in == nil || p.park(in) {
		t.Error("it is parked in a policy that is closed, or nowhere")
	}
	p.reclaim()
	if n := p.Stats().Instances; n != 0 {
		t.Errorf("%d instances after the end", n)
	}
}
