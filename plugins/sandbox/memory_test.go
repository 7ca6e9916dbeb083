package sandbox

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/hostile"
	"github.com/infinirouter/infinirouter/plugins/meter"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestMemoryGrowsInPlace(t *testing.T) {
	m := linearMemory{limit: 3 * pageSize}
	b := m.Reallocate(pageSize)
	if len(b) != pageSize || cap(b) != pageSize {
		t.Fatalf("%d bytes, room for %d", len(b), cap(b))
	}
	first := &b[0]
	b[0], b[pageSize-1] = 1, 2
	b = m.Reallocate(3 * pageSize)
	if len(b) != 3*pageSize || &b[0] != first || b[0] != 1 || b[pageSize-1] != 2 || b[pageSize] != 0 {
		t.Error("what was there is not there any more")
	}
	b[3*pageSize-1] = 3
	if m.Reallocate(3*pageSize+1) != nil {
		t.Error("the limit did not hold")
	}
	m.Free()
	m.Free() // a second time is nothing
	if m.room.all != nil {
		t.Error("memory was kept")
	}
}

// TestTheModulesOwnMaximumHolds: the module is compiled without it.
func TestTheModulesOwnMaximumHolds(t *testing.T) {
	l := newLab(t)
	// 0 when a second page is granted and a third is not.
	body := cat([]byte{
		opI32Const, 1, opMemoryGrow, 0, opI32Const, 1, 0x6b, // grow(1) - 1
		opI32Const, 1, opMemoryGrow, 0, opI32Const, 0x7f, 0x6b, // grow(1) + 1
		0x72,
	})
	p := l.load(l.spec(wasmModule{memory: 1, max: 2, funcs: []wasmFunc{hook("on_done", body...)}}))
	if _, err := p.Call(abi.OnDone, newFake()); err != nil {
		t.Error(err)
	}
}

func TestMemoryThatTheSystemDoesNotGive(t *testing.T) {
	l := newLab(t)
	p := l.load(l.spec(wasmModule{memory: 1, funcs: []wasmFunc{hook("on_done", returns(0)...)}}))
	p.memory = 1 << 62
	if _, err := p.newInstance(); err == nil || !strings.Contains(err.Error(), "it cannot be instantiated") {
		t.Errorf("4 EiB of memory: %v", err)
	}
	if _, err := p.Call(abi.OnDone, newFake()); err != nil {
		t.Errorf("the instance that was there: %v", err)
	}
}

func TestTurnsGoRound(t *testing.T) {
	l, s := newLane(2), newShare(100_000)
	first, second := &linearMemory{lane: l, share: s}, &linearMemory{lane: l, share: s}
	first.turn()
	came := make(chan int)
	go func() {
		second.turn()
		came <- 1
		second.rest()
		came <- 2
	}()
	select {
	case <-came:
		t.Fatal("two guests in a lane for one")
	default:
	}
	first.rest()
	for want := 1; want <= 2; want++ {
		if got := <-came; got != want {
			t.Errorf("step %d, want %d", got, want)
		}
	}
	for range 3 {
		first.turn()
		first.turn() // alone, it comes in again at once
		first.rest()
		first.rest() // a second time is nothing
	}
	if n := len(l.places); n != 0 {
		t.Errorf("%d places are taken", n)
	}
}

// TestShare: a policy may take its part of a processor, save up a little, and
// owe a little.
func TestShare(t *testing.T) {
	const ms = time.Millisecond
	s := newShare(25)
	now := s.last
	for i, step := range []struct{ later, used, pause time.Duration }{
		{0, shareBurst, 0}, // what was saved up
		{0, ms / 8, 0},     // too little for a pause
		{ms / 2, 0, 0},
		{0, 1 * ms, 4 * ms},
		{4 * ms, 0, 0}, // paid back
		{40 * ms, 10 * ms, 0},
		{0, 2 * ms, 8 * ms},
		{0, time.Hour, 400 * ms}, // debts have an end
		{400 * ms, 1 * ms, 4 * ms},
		{time.Hour, shareBurst, 0},
		{0, 1 * ms, 4 * ms},
	} {
		now += step.later
		if got := s.spend(step.used, now); got != step.pause {
			t.Errorf("step %d: pause %v, want %v", i, got, step.pause)
		}
	}
}

// TestLongCallsLeaveTheLane, however they end.
func TestLongCallsLeaveTheLane(t *testing.T) {
	l := newLab(t)
	long := func(end ...byte) plugins.Policy {
		// for i := 1 << 20; i != 0; i-- {}
		body := cat(
			[]byte{opI32Const, 0, opI32Const, 0x80, 0x80, 0xc0, 0, 0x36, 2, 0},
			[]byte{opLoop, void, opI32Const, 0, opI32Const, 0, 0x28, 2, 0, opI32Const, 1, 0x6b, 0x36, 2, 0},
			[]byte{opI32Const, 0, 0x28, 2, 0, 0x0d, 0, opEnd}, end)
		return l.load(l.spec(wasmModule{memory: 1, funcs: []wasmFunc{hook("on_done", body...)}}))
	}
	if p := long(returns(0)...); true {
		for range 3 {
			x := newFake()
			if _, err := p.Call(abi.OnDone, x); err != nil {
				t.Fatal(err)
			}
			if x.detached == 0 {
				t.Error("the exchange does not know that its call takes long")
			}
		}
		if used := p.Stats().Hooks[0].FuelMax; used <= uint64(meter.DefaultCosts().Slice) {
			t.Fatalf("%d units are one slice: this test shows nothing", used)
		}
	}
	callFails(t, long(opUnreachable), abi.OnDone, newFake(), plugins.FailureTrap)
	callFails(t, long(opLoop, void, opBr, 0, opEnd, opUnreachable), abi.OnDone, newFake(), plugins.FailureFuel)
	if n := len(l.lane.places); n != 0 {
		t.Errorf("%d places are taken", n)
	}
}

// TestCallsThatWaitSaySo, and others do not.
func TestCallsThatWaitSaySo(t *testing.T) {
	l := newLab(t)
	spec := l.spec(asker)
	spec.Limits.Instances = 2
	p := l.load(spec)
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var done sync.WaitGroup
		call := func(detached int) {
			x := newFake()
			if _, err := p.Call(abi.OnRequest, x); err != nil || x.detached != detached {
				t.Errorf("detached %d times, want %d, error %v", x.detached, detached, err)
			}
		}
		call(0)
		held(t, p, release, &done)
		call(1) // makes an instance
		call(0)
		held(t, p, release, &done)
		done.Go(func() { call(1) }) // waits
		synctest.Wait()
		close(release)
		done.Wait()
		call(0)
	})
}

// TestLargeGrowthIsWork: what is large is made ready piece by piece, and each is
// work of the host's.
func TestLargeGrowthIsWork(t *testing.T) {
	pieces := 0
	m := &linearMemory{limit: 32 << 20, work: func() { pieces++ }}
	defer m.Free()
	for _, step := range []struct {
		size uint64
		want int
	}{{pageSize, 0}, {smallRoom, 0}, {smallRoom + 1<<20, 2}, {smallRoom + 1<<20 + pageSize, 1}, {24 << 20, 30}} {
		pieces = 0
		if all := m.Reallocate(step.size); uint64(len(all)) != step.size || pieces != step.want {
			t.Errorf("to %d: %d bytes in %d pieces, want %d", step.size, len(all), pieces, step.want)
		}
	}
	if pieces = 0; m.Reallocate(33<<20) != nil || pieces != 0 {
		t.Errorf("%d pieces beyond the limit", pieces)
	}
}

// TestTheHostWorksApart: what it does for a guest may take many slices, and is
// on its policy's account all the same.
func TestTheHostWorksApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(2)
		s := newShare(50)
		m, other := &linearMemory{lane: l, share: s}, &linearMemory{lane: l, share: newShare(50)}
		m.turn()
		m.aside()
		other.turn() // or all would stand still here
		time.Sleep(shareBurst + 10*time.Millisecond)
		other.rest()
		if pause := m.rest(); pause < 10*time.Millisecond || pause > 20*time.Millisecond {
			t.Errorf("a pause of %v for 10ms too many at a half", pause)
		}
		if m.rest() != 0 || len(l.places)+len(l.host) != 0 {
			t.Error("it rests twice, or has a place")
		}
	})
}

// TestDebtsOfEarlierCallsArePaid: a policy that is behind pauses at the first
// slice of its next call, whatever it is behind for.
func TestDebtsOfEarlierCallsArePaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLane(2), newShare(50)
		m := &linearMemory{lane: l, share: s}
		s.spend(shareBurst+5*time.Millisecond, clock())
		began := clock()
		m.aside()
		if took := clock() - began; took != 10*time.Millisecond {
			t.Errorf("a pause of %v for 5ms too many at a half", took)
		}
		m.rest()
	})
}

// TestSendingIsOnThePolicysAccount, if what it wrote is sent.
func TestSendingIsOnThePolicysAccount(t *testing.T) {
	l := newLab(t)
	load := func(end string) *handle {
		module, err := hostile.Assemble(`(module
		  (import "router_v1" "model_set" (func $set (param i32 i32) (result i32)))
		  (memory (export "memory") 16)
		  (func (export "on_request") (result i32)
		    (memory.fill (i32.const 0) (i32.const 97) (i32.const 1000000))
		    (drop (call $set (i32.const 0) (i32.const 1000000)))
		    ` + end + `))`)
		if err != nil {
			t.Fatal(err)
		}
		spec := l.spec(noop)
		spec.Path = l.file("writes.wasm", module)
		return l.load(spec)
	}
	sent, failed := load("(i32.const 0)"), load("unreachable")
	synctest.Test(t, func(t *testing.T) { // in which work takes no time
		sent.share, failed.share = newShare(50), newShare(50)
		if _, err := sent.Call(abi.OnRequest, newFake()); err != nil {
			t.Fatal(err)
		}
		if took := shareBurst - sent.share.left; took != time.Millisecond {
			t.Errorf("a megabyte took %v of its policy's share", took)
		}
		callFails(t, failed, abi.OnRequest, newFake(), plugins.FailureTrap)
		if took := shareBurst - failed.share.left; took != 0 {
			t.Errorf("an edit that was undone took %v of its policy's share", took)
		}
	})
}
