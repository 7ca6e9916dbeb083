package sandbox

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// asker asks for a property, which is where a test can hold it.
var asker = wasmModule{
	imports: []wasmImport{imported("property_get")}, memory: 1,
	funcs: []wasmFunc{hook("on_request", cat(callWith(0, 4, 0, 0), []byte{opDrop}, returns(0))...)},
}

// held starts a call of p that stays in the guest until release is closed.
func held(t *testing.T, p plugins.Policy, release chan struct{}, done *sync.WaitGroup) {
	t.Helper()
	inside := make(chan struct{})
	x := newFake()
	x.boom = func() { close(inside); <-release }
	done.Go(func() {
		if _, err := p.Call(abi.OnRequest, x); err != nil {
			t.Error(err)
		}
	})
	<-inside
}

// idle returns the instances that are in no call, the one that was given back
// last at the end.
func idle(p *handle) []*instance {
	p.mu.Lock()
	defer p.unlock()
	all := slices.Clone(p.pool.idle)
	if in := p.favourite.Load(); in != nil && in.free.Load() == 1 {
		all = append(all, in)
	}
	return all
}

func TestAllInstancesBusy(t *testing.T) {
	l := newLab(t)
	spec := l.spec(asker)
	spec.Limits.Instances = 2
	p := l.load(spec)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var done, others sync.WaitGroup
		held(t, p, release, &done)
		held(t, p, release, &done)
		if n := p.Stats().Instances; n != 2 {
			t.Errorf("%d instances", n)
		}
		began := time.Now()
		e := callFails(t, p, abi.OnRequest, newFake(), plugins.FailureBusy)
		if !strings.Contains(e.Reason, "all 2 instances were in use for 1s (policies.limits.instances)") {
			t.Error(e.Reason)
		}
		if took := time.Since(began); took != acquireWait {
			t.Errorf("it waited for %v", took)
		}
		for range 2 * breakerFailures {
			others.Go(func() { callFails(t, p, abi.OnRequest, newFake(), plugins.FailureBusy) })
		}
		others.Wait()
		if p.Stats().BreakerOpen {
			t.Error("the breaker opened, but being busy is no fault of the plugin's")
		}
		close(release)
		done.Wait()
		if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
			t.Error(err)
		}
	})
	if n := p.Stats().Instances; n != 2 {
		t.Errorf("%d instances after all", n)
	}
}

func TestWaitersAreServedInTurn(t *testing.T) {
	l := newLab(t)
	spec := l.spec(asker)
	spec.Limits.Instances = 1
	p := l.load(spec)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var holder, waiters sync.WaitGroup
		held(t, p, release, &holder)
		var order []int
		for i := range 3 {
			waiters.Go(func() {
				x := newFake()
				x.boom = func() { order = append(order, i) } // one instance: one at a time
				if _, err := p.Call(abi.OnRequest, x); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		close(release)
		holder.Wait()
		waiters.Wait()
		if !slices.Equal(order, []int{0, 1, 2}) {
			t.Errorf("served in the order %v", order)
		}
	})
	if n := p.Stats().Instances; n != 1 {
		t.Errorf("%d instances", n)
	}
}

func TestAWaiterReplacesAFailedInstance(t *testing.T) {
	l := newLab(t)
	spec := l.spec(asker)
	spec.Limits.Instances = 1
	p := l.load(spec)
	in, e := p.acquire(abi.OnRequest, nil)
	if e != nil {
		t.Fatal(e)
	}
	p.mu.Lock()
	w := &waiter{turn: make(chan *instance, 1), since: clock()}
	p.pool.waiters = append(p.pool.waiters, w)
	p.giveUpPlace()
	p.unlock()
	if got, e := p.await(w, abi.OnRequest, false); e != nil || got != nil {
		t.Errorf("the waiter got %v, %v, want the place to make an instance", got, e)
	}
	p.mu.Lock()
	p.put(in)
	p.unlock()
	if s := p.Stats(); s.Instances != 1 {
		t.Errorf("%d instances", s.Instances)
	}
}

func TestTheOrderInWhichInstancesAreTaken(t *testing.T) {
	l := newLab(t)
	spec := l.spec(asker)
	spec.Limits.Instances = 3
	p := l.load(spec)
	var taken [3]*instance
	for i := range taken {
		var e *plugins.CallError
		if taken[i], e = p.acquire(abi.OnRequest, nil); e != nil {
			t.Fatal(e)
		}
	}
	p.mu.Lock()
	for _, in := range taken {
		p.put(in)
	}
	p.unlock()
	var again [3]*instance
	for i := range again {
		again[i], _ = p.acquire(abi.OnRequest, nil)
	}
	if again != [3]*instance{taken[0], taken[2], taken[1]} {
		t.Error("not the favourite first, which was the first there was, then those that came back last")
	}
	p.mu.Lock()
	for _, in := range again {
		p.put(in)
	}
	p.unlock()
}

func TestWornInstancesAreReplaced(t *testing.T) {
	l := newLab(t)
	// Each call grows the memory by a page.
	grow := []byte{opI32Const, 1, opMemoryGrow, 0, opDrop, opI32Const, 0}
	spec := l.spec(wasmModule{memory: 1, funcs: []wasmFunc{hook("on_done", grow...)}})
	spec.Limits.Memory = 16 * pageSize
	p := l.load(spec)
	first := idle(p)[0]
	for i := range 12 { // from 1 page to 13 of 16
		if len(idle(p)) != 1 {
			t.Fatalf("the instance was given up after %d calls", i)
		}
		if _, err := p.Call(abi.OnDone, newFake()); err != nil {
			t.Fatal(err)
		}
	}
	if len(idle(p)) != 0 || p.Stats().Instances != 0 {
		t.Error("an instance that filled its memory was pooled")
	}
	if _, err := p.Call(abi.OnDone, newFake()); err != nil {
		t.Fatal(err)
	}
	second := idle(p)[0]
	if second == first {
		t.Error("the same instance again")
	}
	second.calls = maxCalls - 1
	if _, err := p.Call(abi.OnDone, newFake()); err != nil {
		t.Fatal(err)
	}
	if len(idle(p)) != 0 {
		t.Error("an instance outlived its calls")
	}
	// One that is born large is not replaced for that.
	spec = l.spec(wasmModule{memory: 15, funcs: []wasmFunc{hook("on_done", returns(0)...)}})
	spec.Limits.Memory = 16 * pageSize
	p = l.load(spec)
	first = idle(p)[0]
	for range 3 {
		if _, err := p.Call(abi.OnDone, newFake()); err != nil {
			t.Fatal(err)
		}
	}
	if len(idle(p)) != 1 || idle(p)[0] != first {
		t.Error("a large instance was replaced")
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	l := newLab(t)
	spec := l.spec(editor("on_request", returns(0)...))
	spec.Limits.Instances = 3
	p := l.load(spec)
	var done sync.WaitGroup
	var ok, busy atomic.Int64
	for range 8 {
		done.Go(func() {
			for range 500 {
				x := newFake()
				_, err := p.Call(abi.OnRequest, x)
				switch e, _ := err.(*plugins.CallError); {
				case err == nil && string(x.model) == "qwen" && x.commits == 1:
					ok.Add(1)
				case e != nil && e.Kind == plugins.FailureBusy:
					busy.Add(1)
				default:
					t.Errorf("error %v, model %s", err, x.model)
				}
			}
		})
	}
	done.Wait()
	s := p.Stats()
	if ok.Load()+busy.Load() != 8*500 || ok.Load() == 0 || s.Instances > 3 || s.Hooks[0].Calls != 8*500 ||
		s.Hooks[0].Failures != uint64(busy.Load()) {
		t.Errorf("%d went well, %d were refused, stats %+v", ok.Load(), busy.Load(), s)
	}
}

// TestWaitersAreBounded: beyond so many, a call does not wait at all.
func TestWaitersAreBounded(t *testing.T) {
	l := newLab(t)
	spec := l.spec(asker)
	spec.Limits.Instances = 2
	p := l.load(spec)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var holders, waiters sync.WaitGroup
		held(t, p, release, &holders)
		held(t, p, release, &holders)
		for range 2 * waitersEach {
			waiters.Go(func() {
				if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		began := time.Now()
		e := callFails(t, p, abi.OnRequest, newFake(), plugins.FailureBusy)
		if took := time.Since(began); took != 0 {
			t.Errorf("it waited for %v", took)
		}
		if want := "all 2 instances are in use and 128 calls wait for one already (policies.limits.instances)"; !strings.Contains(e.Reason, want) {
			t.Errorf("reason: %s\nwant:   %s", e.Reason, want)
		}
		close(release)
		holders.Wait()
		waiters.Wait() // in time, all of them
	})
	if s := p.Stats(); s.Hooks[0].ByKind[plugins.FailureBusy] != 1 || s.Instances != 2 {
		t.Errorf("%+v", s)
	}
}

// TestNobodyWaitsForAPolicyThatFails: when those in front open the breaker,
// those behind them are not called one by one.
func TestNobodyWaitsForAPolicyThatFails(t *testing.T) {
	l := newLab(t)
	spec := l.spec(trapper)
	spec.Limits.Instances = 1
	p := l.load(spec)
	synctest.Test(t, func(t *testing.T) {
		x, inside, release := newFake(), make(chan struct{}), make(chan struct{})
		x.boom = func() { close(inside); <-release }
		var calls sync.WaitGroup
		calls.Go(func() { callFails(t, p, abi.OnRequest, x, plugins.FailureTrap) })
		<-inside
		for range 50 {
			calls.Go(func() {
				if _, err := p.Call(abi.OnRequest, newFake()); err == nil {
					t.Error("a call went well")
				}
			})
			synctest.Wait()
		}
		close(release)
		calls.Wait()
	})
	s := p.Stats()
	if h := s.Hooks[0]; h.Calls != breakerFailures || h.Refused != 51-breakerFailures || s.Instances != 0 || len(p.pool.waiters) != 0 {
		t.Errorf("%d calls, %d refused, %d instances, %d waiters", h.Calls, h.Refused, s.Instances, len(p.pool.waiters))
	}
}
