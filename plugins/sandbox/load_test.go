package sandbox

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

var noop = wasmModule{funcs: []wasmFunc{hook("on_request", returns(0)...)}}

func TestEqualSpecsShareOnePolicy(t *testing.T) {
	l := newLab(t)
	spec := l.spec(noop)
	load := func(change func(*plugins.Spec)) *handle {
		t.Helper()
		s := spec
		if change != nil {
			change(&s)
		}
		p, err := l.Load(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		return p.(*handle)
	}
	first, second := load(nil), load(nil)
	if first == second || first.policy != second.policy {
		t.Fatal("equal specs are not shared")
	}
	if _, err := first.Call(abi.OnRequest, newFake()); err != nil {
		t.Fatal(err)
	}
	if second.Stats().Hooks[0].Calls != 1 {
		t.Error("figures are not carried over")
	}
	moved := load(func(s *plugins.Spec) {
		s.Path = l.file("moved.wasm", noop.bytes())
	})
	if moved.policy != first.policy {
		t.Error("the path decides, not the bytes")
	}
	others := []*handle{
		load(func(s *plugins.Spec) { s.Name = "q" }),
		load(func(s *plugins.Spec) { s.Config = []byte(`{"a":1}`) }),
		load(func(s *plugins.Spec) { s.Grants = abi.GrantKV }),
		load(func(s *plugins.Spec) { s.Limits.Fuel++ }),
	}
	wide := load(func(s *plugins.Spec) { s.Limits.Memory *= 2 })
	for i, o := range append(others, wide) {
		if o.policy == first.policy {
			t.Errorf("spec %d differs and is shared", i)
		}
		if o.program != first.program {
			t.Errorf("spec %d: compiled code is not shared", i)
		}
	}
	if l.policies.size() != 6 || l.programs.size() != 1 {
		t.Errorf("%d policies, %d programs", l.policies.size(), l.programs.size())
	}
	wide.Release()
	if l.programs.size() != 1 {
		t.Errorf("after a release: %d programs", l.programs.size())
	}
	first.Release()
	first.Release() // a second time is nothing
	moved.Release()
	if _, err := second.Call(abi.OnRequest, newFake()); err != nil {
		t.Errorf("a policy that is still held: %v", err)
	}
	second.Release()
	for _, o := range others {
		o.Release()
	}
	if n := l.policies.size() + l.programs.size(); n != 0 {
		t.Errorf("%d shared things are left", n)
	}
	if in := first.pool.alive; in != 0 {
		t.Errorf("%d instances are left", in)
	}
}

// TestLargeMemoryHoldsNoPlace: one that was made and is idle has no place of those
// for long work, or policies that begin with much memory wait for each other forever.
func TestLargeMemoryHoldsNoPlace(t *testing.T) {
	l := newLab(t)
	places := cap(l.lane.host)
	for i := range places + 1 {
		spec := l.spec(wasmModule{memory: 2 * smallRoom / pageSize, funcs: []wasmFunc{hook("on_request", returns(0)...)}})
		spec.Name = fmt.Sprint("large", i)
		spec.Limits.Memory = 2 * smallRoom
		l.load(spec)
		if n := len(l.lane.host); n != 0 {
			t.Fatalf("%d of %d places are taken", n, places)
		}
	}
}

func TestALoaderInUseDoesNotClose(t *testing.T) {
	l := newLab(t)
	p, err := l.Load(context.Background(), l.spec(noop))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), "1 policies were not released") {
		t.Errorf("Close: %v", err)
	}
	p.Release()
}

func TestLoadsFromManySides(t *testing.T) {
	l := newLab(t)
	spec := l.spec(noop)
	bad := l.spec(wasmModule{funcs: []wasmFunc{hook("on_request", returns(0)...), hook("configure", returns(1)...)}})
	bad.Path = l.file("bad.wasm", wasmModule{funcs: []wasmFunc{hook("on_request", returns(0)...), hook("configure", returns(1)...)}}.bytes())
	spec.Path = l.file("good.wasm", noop.bytes())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				p, err := l.Load(context.Background(), spec)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
					t.Error(err)
				}
				p.Release()
				if _, err := l.Load(context.Background(), bad); err == nil {
					t.Error("a refused config was loaded")
				}
			}
		})
	}
	wg.Wait()
}

func TestConfigureRefuses(t *testing.T) {
	l := newLab(t)
	configure := func(body ...byte) plugins.Spec {
		return l.spec(wasmModule{
			imports: []wasmImport{imported("fail")}, memory: 1, data: "unknown key \"x\"\n",
			funcs: []wasmFunc{hook("on_request", returns(0)...), hook("configure", body...)},
		})
	}
	for _, c := range []struct {
		want string
		body []byte
	}{
		{`it refuses its config: unknown key "x"\n`, cat(callWith(0, 0, 16), returns(1))},
		{"it refuses its config: it gave no reason", returns(5)},
		{"configure failed: trap: unreachable", []byte{opUnreachable}},
		{"configure failed: out of fuel: it had 5000 (policies.limits.init_fuel)", []byte{opLoop, void, opBr, 0, opEnd, opUnreachable}},
	} {
		spec := configure(c.body...)
		spec.Limits.InitFuel = 5000
		if _, err := l.Load(context.Background(), spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want ... %s", err, c.want)
		}
	}
	if n := l.policies.size() + l.programs.size(); n != 0 {
		t.Errorf("refusals left %d things behind", n)
	}
}

func TestWhatRunsBeforeTheFirstHook(t *testing.T) {
	l := newLab(t)
	// start stores 1, _initialize adds 2, configure adds 4, the hook traps unless it is 7.
	add := func(n byte) []byte {
		return []byte{opI32Const, 0, opI32Const, 0, 0x28, 2, 0, opI32Const, n, 0x6a, 0x36, 2, 0}
	}
	m := wasmModule{memory: 1, start: 1, funcs: []wasmFunc{
		hook("on_done", opI32Const, 0, 0x28, 2, 0, opI32Const, 7, 0x6b),
		{body: add(1)},
		{export: "_initialize", body: add(2)},
		hook("configure", cat(add(4), returns(0))...),
	}}
	if _, err := l.load(l.spec(m)).Call(abi.OnDone, newFake()); err != nil {
		t.Error(err)
	}
	m.funcs[1].body = []byte{opLoop, void, opBr, 0, opEnd}
	spec := l.spec(m)
	spec.Limits.InitFuel = 100_000
	if _, err := l.Load(context.Background(), spec); err == nil || !strings.Contains(err.Error(), "init_fuel") {
		t.Errorf("a start function that loops: %v", err)
	}
}

func TestInterestNarrowsTheHooks(t *testing.T) {
	l := newLab(t)
	p := l.load(l.spec(wasmModule{
		imports: []wasmImport{imported("interest_set")},
		funcs: []wasmFunc{
			hook("on_request", returns(0)...), hook("on_event", returns(0)...),
			hook("configure", cat(callWith(0, 1<<abi.OnRequest|1<<abi.OnDone), []byte{opDrop}, returns(0))...),
		},
	}))
	if p.Hooks() != plugins.HookSet(0).With(abi.OnRequest) {
		t.Errorf("hooks: %b", p.Hooks())
	}
	if s := p.Stats(); len(s.Hooks) != 1 {
		t.Errorf("figures of %d hooks", len(s.Hooks))
	}
}
