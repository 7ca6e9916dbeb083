package sandbox

import (
	"errors"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/hostile"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// tryModule loads a module and calls its hooks, within little. Whatever its
// bytes are: it is refused, or fails, in one line and by a kind that is its own
// fault, or it does what a plugin may; and nothing of it is left.
func tryModule(t *testing.T, l *lab, module []byte) {
	t.Helper()
	defer func(was testing.TB) { l.t = was }(l.t)
	l.t = t
	spec := l.spec(noop)
	spec.Path, spec.Limits.Memory = l.file("tried.wasm", module), 1<<20
	spec.Limits.Fuel, spec.Limits.EventFuel, spec.Limits.InitFuel = 20_000, 20_000, 20_000
	p, err := l.Load(t.Context(), spec)
	if err != nil {
		oneLine(t, err)
	} else {
		for h := range abi.Hook(abi.HookCount) {
			if p.Hooks().Has(h) {
				x := newFake()
				_, err := p.Call(h, x)
				var e *plugins.CallError
				if err != nil && (!errors.As(err, &e) || e.Kind == plugins.FailureInternal || x.commits > 0) {
					t.Errorf("%v: %v, %d commits", h, err, x.commits)
				}
				oneLine(t, err)
			}
		}
		p.Release()
	}
	if n := l.policies.size() + l.programs.size() + len(l.lane.places); n != 0 {
		t.Errorf("%d things are left", n)
	}
}

func oneLine(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if text := err.Error(); len(text) > 8*maxReason || strings.ContainsAny(text, "\n\r\x1b\x00") || strings.Contains(text, "runtime error") {
		t.Errorf("the error is %q", text)
	}
}

// FuzzLoad loads and runs files of any bytes; see tryModule.
func FuzzLoad(f *testing.F) {
	villains, err := hostile.All()
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range villains {
		module, err := v.Module()
		if err != nil {
			f.Fatal(err)
		}
		if len(module) < 1024 {
			f.Add(module)
		}
	}
	f.Add(noop.bytes())
	f.Add(editor("on_response", returns(1)...).bytes())
	l := newLab(f)
	f.Fuzz(func(t *testing.T, module []byte) {
		if len(module) > 8192 { // larger ones only make the compiler slow
			return
		}
		tryModule(t, l, module)
	})
}
