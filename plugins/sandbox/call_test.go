package sandbox

import (
	"context"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// editor imports model_set and log-free reply, and sets the model to "qwen"
// before it does what body says.
func editor(name string, body ...byte) wasmModule {
	return wasmModule{
		imports: []wasmImport{imported("model_set"), imported("reply"), imported("fail")},
		memory:  1, data: "qwen bad config",
		funcs: []wasmFunc{hook(name, cat(callWith(0, 0, 4), []byte{opDrop}, body)...)},
	}
}

func TestEditsAreCommittedOnSuccessOnly(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		kind plugins.FailureKind
		want string
	}{
		{"success", returns(0), "", ""},
		{"trap", []byte{opUnreachable}, plugins.FailureTrap, "trap: unreachable"},
		{"bounds", []byte{opI32Const, 0x7f, 0x28, 2, 0}, plugins.FailureTrap, "trap: out of bounds memory access"},
		{"fuel", []byte{opLoop, void, opBr, 0, opEnd, opUnreachable}, plugins.FailureFuel, "it had 50000000 (policies.limits.fuel)"},
		{"above", returns(2), plugins.FailureResult, "it returned 2, allowed are 0 to 1"},
		{"below", returns(0x7f), plugins.FailureResult, "it returned -1"},
		{"no reply", returns(1), plugins.FailureResult, "it returned 1 without a reply"},
		{
			"reasoned", cat(callWith(2, 5, 10), returns(7)), plugins.FailureResult,
			"it returned 7, allowed are 0 to 1; its reason: bad config",
		},
		{
			"pointer", cat([]byte{opI32Const, 0x7f, opI32Const, 4, opCall, 0}), plugins.FailureTrap,
			"model_set was handed memory that the plugin does not have",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			p, x := l.load(l.spec(editor("on_request", c.body...))), newFake()
			if c.kind == "" {
				if action, err := p.Call(abi.OnRequest, x); err != nil || action != abi.Continue {
					t.Fatalf("action %d, error %v", action, err)
				}
				if string(x.model) != "qwen" || x.begins != 1 || x.commits != 1 || x.rollbacks != 0 {
					t.Errorf("exchange is %+v", x)
				}
				return
			}
			e := callFails(t, p, abi.OnRequest, x, c.kind)
			if !strings.Contains(e.Reason, c.want) || strings.ContainsAny(e.Reason, "\n\r") || len(e.Reason) > maxReason+3 {
				t.Errorf("reason %q, want ... %q", e.Reason, c.want)
			}
			if string(x.model) != "gpt-4" || x.begins != 1 || x.commits != 0 || x.rollbacks != 1 {
				t.Errorf("exchange is %+v", x)
			}
			s := p.Stats()
			if s.Instances != 0 || s.Hooks[0].Failures != 1 || s.Hooks[0].Calls != 1 || s.LastError != e.Error() {
				t.Errorf("stats are %+v: a failed instance must not live", s)
			}
			// The next call gets a fresh instance.
			if _, err := p.Call(abi.OnRequest, newFake()); err == nil || err.Error() != e.Error() {
				t.Errorf("second call: %v", err)
			}
		})
	}
}

func TestACallThatEditsNothingOpensNoTransaction(t *testing.T) {
	l := newLab(t)
	p, x := l.load(l.spec(wasmModule{funcs: []wasmFunc{hook("on_done", returns(0)...)}})), newFake()
	if _, err := p.Call(abi.OnDone, x); err != nil || x.begins+x.commits+x.rollbacks != 0 {
		t.Errorf("error %v, exchange %+v", err, x)
	}
}

func TestReply(t *testing.T) {
	l := newLab(t)
	body := cat([]byte{opI32Const, 0xad, 0x03}, callWith(1, 0, 0, 0, 4), []byte{opDrop}, returns(1)) // 429
	p, x := l.load(l.spec(editor("on_request", body...))), newFake()
	if action, err := p.Call(abi.OnRequest, x); err != nil || action != abi.Replied || x.replied != 429 || x.commits != 1 {
		t.Errorf("action %d, error %v, exchange %+v", action, err, x)
	}
}

func TestActionsOfEachHook(t *testing.T) {
	for h := range abi.Hook(abi.HookCount) {
		for n := range abi.Action(4) {
			if n == abi.Replied && (h == abi.OnRequest || h == abi.OnResponse) {
				continue // needs a reply: see TestReply
			}
			l := newLab(t)
			p := l.load(l.spec(wasmModule{funcs: []wasmFunc{hook(h.String(), returns(byte(n))...)}}))
			if !p.Hooks().Has(h) || p.Hooks() != plugins.HookSet(0).With(h) {
				t.Errorf("hooks: %b", p.Hooks())
			}
			action, err := p.Call(h, newFake())
			if ok := n <= abi.MaxAction(h); ok != (err == nil) || ok && action != n {
				t.Errorf("%v returning %d: action %d, error %v", h, n, action, err)
			}
		}
	}
}

func TestAHookThatIsNotThere(t *testing.T) {
	l := newLab(t)
	p := l.load(l.spec(wasmModule{funcs: []wasmFunc{hook("on_done", returns(0)...)}}))
	callFails(t, p, abi.OnRequest, newFake(), plugins.FailureInternal)
	callFails(t, p, abi.Hook(77), newFake(), plugins.FailureInternal)
}

func TestEventsHaveFuelOfTheirOwn(t *testing.T) {
	l := newLab(t)
	loop := []byte{opLoop, void, opBr, 0, opEnd, opUnreachable}
	spec := l.spec(wasmModule{funcs: []wasmFunc{hook("on_event", loop...), hook("configure", returns(0)...)}})
	spec.Limits.EventFuel = 12345
	e := callFails(t, l.load(spec), abi.OnEvent, newFake(), plugins.FailureFuel)
	if !strings.Contains(e.Reason, "it had 12345 (policies.limits.event_fuel)") {
		t.Error(e.Reason)
	}
}

func TestRecursionIsStoppedBeforeItsStackIsLarge(t *testing.T) {
	l := newLab(t)
	spec := l.spec(wasmModule{funcs: []wasmFunc{hook("on_request", callWith(0)...), hook("on_done", returns(0)...)}})
	p := l.load(spec)
	e := callFails(t, p, abi.OnRequest, newFake(), plugins.FailureLimit)
	if !strings.Contains(e.Reason, "the limit is 1048576 (policies.limits.stack) in $5 < $0 < $0") {
		t.Error(e.Reason)
	}
	if h := p.Stats().Hooks[0]; h.FuelMax == 0 || h.FuelMax > uint64(spec.Limits.Fuel/10) {
		t.Errorf("it took %d fuel of %d", h.FuelMax, spec.Limits.Fuel)
	}
	// With less fuel than a slice nobody looks; that is not deep either.
	spec.Limits.Fuel = costs.Slice
	callFails(t, l.load(spec), abi.OnRequest, newFake(), plugins.FailureFuel)
}

func TestRecursionInConfigureIsStopped(t *testing.T) {
	l := newLab(t)
	spec := l.spec(wasmModule{funcs: []wasmFunc{hook("configure", callWith(0)...), hook("on_done", returns(0)...)}})
	_, err := l.Load(context.Background(), spec)
	if err == nil || !strings.Contains(err.Error(), "configure failed: its stack of calls takes ") {
		t.Error(err)
	}
}

func TestHostCallLimit(t *testing.T) {
	l := newLab(t)
	spec := l.spec(wasmModule{
		imports: []wasmImport{imported("now_ms")},
		funcs:   []wasmFunc{hook("on_request", cat([]byte{opLoop, void, opCall, 0, opDrop, opBr, 0, opEnd}, returns(0))...)},
	})
	e := callFails(t, l.load(spec), abi.OnRequest, newFake(), plugins.FailureLimit)
	if !strings.Contains(e.Reason, "more than 1000 host calls (policies.limits.host_calls)") {
		t.Error(e.Reason)
	}
}

func TestMemoryLimit(t *testing.T) {
	// Grows by a page until it cannot, and returns how often it could: the limit
	// is met where memory.size says so. 0 when that is 4 pages, else a trap.
	body := cat(
		[]byte{opLoop, void, opI32Const, 1, opMemoryGrow, 0, opI32Const, 0x7f, 0x47, 0x0d, 0, opEnd}, // br_if grow(1) != -1
		[]byte{opMemorySize, 0, opI32Const, 4, 0x6b},                                                 // size - 4
	)
	l := newLab(t)
	spec := l.spec(wasmModule{memory: 1, funcs: []wasmFunc{hook("on_done", body...)}})
	spec.Limits.Memory = 4*pageSize + 100
	if _, err := l.load(spec).Call(abi.OnDone, newFake()); err != nil {
		t.Error(err)
	}
	spec.Limits.Memory, spec.Name = 5*pageSize, "wider"
	callFails(t, l.load(spec), abi.OnDone, newFake(), plugins.FailureResult)
}

func noMap() map[int]int { return nil }

func TestAPanicOfTheRouterStaysWithTheRouter(t *testing.T) {
	l := newLab(t)
	p := l.load(l.spec(wasmModule{
		imports: []wasmImport{imported("property_get")},
		funcs:   []wasmFunc{hook("on_request", callWith(0, 1, 0, 0)...)},
		memory:  1,
	}))
	for _, boom := range []func(){
		func() { noMap()[1] = 1 },
		func() { panic("a plain text") },
		func() { var s []int; _ = s[len(s)] },
	} {
		x := newFake()
		x.boom = boom
		e := callFails(t, p, abi.OnRequest, x, plugins.FailureInternal)
		if e.Reason != "fault of the router in host function property_get; the log has it" {
			t.Errorf("reason: %s", e.Reason)
		}
	}
	if log := l.log.String(); !strings.Contains(log, "assignment to entry in nil map") || !strings.Contains(log, "goroutine") {
		t.Errorf("the log lacks the panic:\n%s", log)
	}
}

func TestFailWithoutFailingIsLogged(t *testing.T) {
	l := newLab(t)
	p := l.load(l.spec(editor("on_request", cat(callWith(2, 5, 10), returns(0))...)))
	if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(l.log.String(), `text="bad config"`) {
		t.Errorf("log:\n%s", l.log)
	}
}

func TestTrapText(t *testing.T) {
	for in, want := range map[string]string{
		"wasm error: unreachable\nwasm stack trace:\n\t.main.(*T).Do(i32,i32) i32\n\t.on_request() i32": "trap: unreachable in main.(*T).Do < on_request",
		"stack overflow": "trap: stack overflow",
		"wasm error: x\nwasm stack trace:\n\t.a\x1bb()\n\n\nGo runtime stack trace:\ngoroutine 1 [running]": `trap: x in a\x1bb`,
		"odd\nsecond line": `trap: odd\nsecond line`,
		"wasm error: deep\nwasm stack trace:\n\t" + strings.Repeat(".f()\n\t", 30): "trap: deep in f" + strings.Repeat(" < f", maxFrames-1),
	} {
		if got := trapText(errorText(in)); got != want {
			t.Errorf("%q:\n got %s\nwant %s", in, got, want)
		}
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }

func TestStats(t *testing.T) {
	l := newLab(t)
	spec := l.spec(editor("on_request", returns(0)...))
	spec.Grants = abi.GrantKV | abi.GrantContent
	p := l.load(spec)
	for range 3 * timeEvery {
		if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
			t.Fatal(err)
		}
	}
	s := p.Stats()
	h := s.Hooks[0]
	if len(s.Hooks) != 1 || h.Hook != abi.OnRequest || h.Calls != 3*timeEvery || h.Failures != 0 || h.Timed != 3 || h.Time <= 0 {
		t.Errorf("hook figures: %+v", h)
	}
	if h.Fuel == 0 || h.Fuel%h.Calls != 0 {
		t.Errorf("%d fuel for %d equal calls", h.Fuel, h.Calls)
	}
	if s.Plugin != "m.wasm" || len(s.SHA256) != 64 || s.Size == 0 || s.Instances != 1 || s.BreakerOpen || s.LastError != "" ||
		strings.Join(s.Imports, " ") != "fail model_set reply" || strings.Join(s.Grants, " ") != "content kv" {
		t.Errorf("stats: %+v", s)
	}
}

func TestCallsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Log("not measured under the race detector")
		return
	}
	l := newLab(t)
	noop := l.load(l.spec(wasmModule{funcs: []wasmFunc{hook("on_request", returns(0)...)}}))
	spec := l.spec(editor("on_request", returns(0)...))
	spec.Name = "editor"
	edit := l.load(spec)
	alias := l.load(l.goSpec("alias"))
	for name, p := range map[string]plugins.Policy{"no-op": noop, "editor": edit, "go alias": alias} {
		x := newFake()
		x.model, x.pending = make([]byte, 0, 1<<16), make([]byte, 0, 1<<16)
		n := testing.AllocsPerRun(500, func() {
			x.model = append(x.model[:0], "gpt-4"...)
			if _, err := p.Call(abi.OnRequest, x); err != nil {
				panic(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: %v allocations a call", name, n)
		}
	}
}
