package sandbox

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestBreakerCountsWithinItsWindow(t *testing.T) {
	var b breaker
	now := time.Unix(1000, 0)
	for range 3 * breakerFailures { // one in 2.6 s: the fifth is 10.4 s after the first
		if b.fail(now, false) {
			t.Fatal("it opened on failures far apart")
		}
		now = now.Add(breakerWindow/(breakerFailures-1) + 100*time.Millisecond)
	}
	now = now.Add(time.Hour)
	for i := range breakerFailures {
		if opened := b.fail(now, false); opened != (i == breakerFailures-1) {
			t.Fatalf("failure %d: opened %v", i+1, opened)
		}
		now = now.Add(breakerWindow / (breakerFailures - 1))
	}
}

// trapper traps while the model begins with a letter below "m".
var trapper = wasmModule{
	imports: []wasmImport{imported("property_get")}, memory: 1,
	funcs: []wasmFunc{hook("on_request", cat(
		callWith(0, 4, 0, 32), []byte{opDrop},
		[]byte{opI32Const, 0, 0x2d, 0, 0, opI32Const, 0xed, 0x00, 0x49}, // memory[0] < 'm'
		[]byte{0x04, void, opUnreachable, opEnd}, returns(0))...)},
}

func TestBreaker(t *testing.T) {
	l := newLab(t)
	p := l.load(l.spec(trapper))
	good, bad := newFake(), newFake()
	good.model = []byte("qwen")
	synctest.Test(t, func(t *testing.T) {
		if _, err := p.Call(abi.OnRequest, good); err != nil {
			t.Fatal(err)
		}
		for range breakerFailures {
			callFails(t, p, abi.OnRequest, bad, plugins.FailureTrap)
		}
		wait := breakerWait
		for range 8 { // 1, 2, 4, 8, 16, 32, 60, 60
			if !p.Stats().BreakerOpen {
				t.Fatal("the breaker is closed")
			}
			time.Sleep(wait - time.Millisecond)
			calls := p.Stats().Hooks[0].Calls
			callFails(t, p, abi.OnRequest, good, plugins.FailureBreaker)
			if p.Stats().Hooks[0].Calls != calls {
				t.Error("a call that was not made was counted")
			}
			time.Sleep(time.Millisecond)
			callFails(t, p, abi.OnRequest, bad, plugins.FailureTrap) // the trial
			callFails(t, p, abi.OnRequest, good, plugins.FailureBreaker)
			wait = min(2*wait, breakerMaxWait)
		}
		time.Sleep(breakerMaxWait)
		if _, err := p.Call(abi.OnRequest, good); err != nil {
			t.Errorf("the trial: %v", err)
		}
		if p.Stats().BreakerOpen {
			t.Error("the trial went well and the breaker is open")
		}
		for range breakerFailures - 1 { // all is forgotten
			callFails(t, p, abi.OnRequest, bad, plugins.FailureTrap)
		}
		if _, err := p.Call(abi.OnRequest, good); err != nil {
			t.Error(err)
		}
		callFails(t, p, abi.OnRequest, bad, plugins.FailureTrap)
		time.Sleep(breakerWait)
		if _, err := p.Call(abi.OnRequest, good); err != nil {
			t.Errorf("after a second: %v", err)
		}
	})
	if !strings.Contains(l.log.String(), "policy keeps failing") || !strings.Contains(l.log.String(), "works again") {
		t.Errorf("log:\n%s", l.log)
	}
}

func TestOneTrialAtATime(t *testing.T) {
	l := newLab(t)
	p := l.load(l.spec(trapper))
	good, bad := newFake(), newFake()
	good.model = []byte("qwen")
	synctest.Test(t, func(t *testing.T) {
		for range breakerFailures {
			callFails(t, p, abi.OnRequest, bad, plugins.FailureTrap)
		}
		time.Sleep(breakerWait)
		good.boom = func() { // while the trial is under way
			good.boom = nil
			callFails(t, p, abi.OnRequest, newFake(), plugins.FailureBreaker)
		}
		if _, err := p.Call(abi.OnRequest, good); err != nil {
			t.Error(err)
		}
		if _, err := p.Call(abi.OnRequest, good); err != nil {
			t.Errorf("after the trial: %v", err)
		}
	})
}

func TestAnOpenBreakerCostsNothing(t *testing.T) {
	l := newLab(t)
	p := l.load(l.spec(trapper))
	x := newFake()
	for range breakerFailures {
		callFails(t, p, abi.OnRequest, x, plugins.FailureTrap)
	}
	p.mu.Lock()
	p.breaker.until = time.Now().Add(time.Hour)
	p.unlock()
	n := testing.AllocsPerRun(100, func() {
		if _, err := p.Call(abi.OnRequest, x); err == nil {
			t.Error("called")
		}
	})
	if n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}
