package sandbox

import (
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestRecentMaximum(t *testing.T) {
	var f figures
	want := func(recent, ever uint64) {
		t.Helper()
		if s := f.read(abi.OnRoute, 100); s.FuelRecentMax != recent || s.FuelMax != ever {
			t.Errorf("most fuel %d of late and %d ever, want %d and %d", s.FuelRecentMax, s.FuelMax, recent, ever)
		}
	}
	f.spend(70)
	f.spend(30)
	want(70, 70)
	f.turn()
	f.spend(20)
	want(70, 70) // one to two minutes
	f.turn()
	want(20, 70)
	f.turn()
	want(0, 70)
	f.spend(90)
	want(90, 90)
	if s := f.read(abi.OnRoute, 100); s.Fuel != 210 || s.FuelLast != 90 || s.FuelLimit != 100 || s.Hook != abi.OnRoute || s.ByKind != nil {
		t.Errorf("%+v", s)
	}
}

// TestFiguresOfFailures: each kind by itself, calls that an open breaker
// refused apart, and a call out of fuel with all that it had.
func TestFiguresOfFailures(t *testing.T) {
	l := newLab(t)
	spec := l.spec(wasmModule{memory: 1, funcs: []wasmFunc{
		hook("on_request", opLoop, void, opBr, 0, opEnd, opI32Const, 0),
		hook("on_done", returns(7)...),
	}})
	spec.Limits.Fuel = 5000
	p := l.load(spec)
	for range 2 {
		callFails(t, p, abi.OnRequest, newFake(), plugins.FailureFuel)
	}
	for range 3 {
		callFails(t, p, abi.OnDone, newFake(), plugins.FailureResult)
	}
	callFails(t, p, abi.OnDone, newFake(), plugins.FailureBreaker)
	s := p.Stats()
	request, done := s.Hooks[0], s.Hooks[1]
	if request.Calls != 2 || request.Failures != 2 || request.ByKind[plugins.FailureFuel] != 2 ||
		request.FuelMax != 5000 || request.FuelLast != 5000 || request.Fuel != 10_000 || request.FuelLimit != 5000 {
		t.Errorf("on_request: %+v", request)
	}
	if done.Calls != 3 || done.Failures != 3 || done.ByKind[plugins.FailureResult] != 3 || len(done.ByKind) != 1 || done.Refused != 1 ||
		done.FuelMax == 0 || done.FuelMax >= 5000 {
		t.Errorf("on_done: %+v", done)
	}
	if s.InitFuel != 0 || s.InitFuelLimit != 2_000_000_000 || s.InstancesMade < 5 {
		t.Errorf("%+v", s)
	}
}
