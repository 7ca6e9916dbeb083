package sandbox

import (
	"context"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestGoGuest(t *testing.T) {
	l := newLab(t)
	x := newFake()
	if action, err := l.load(l.goSpec("alias")).Call(abi.OnRequest, x); err != nil || action != 0 || string(x.model) != "gpt-4-alias" {
		t.Errorf("alias: action %d, error %v, model %s", action, err, x.model)
	}
	x = newFake()
	if action, err := l.load(l.goSpec("reply")).Call(abi.OnRequest, x); err != nil || action != abi.Replied || x.replied != 429 {
		t.Errorf("reply: action %d, error %v, status %d", action, err, x.replied)
	}
	for _, do := range []string{"garbage", "sleep", "goroutine"} {
		spec := l.goSpec(do)
		spec.Limits.Fuel = 500_000_000 // a collection of garbage costs millions
		p := l.load(spec)
		for range 3 { // instances are used again
			if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
				t.Errorf("%s: %v", do, err)
			}
		}
		if n := p.Stats().Instances; n != 1 {
			t.Errorf("%s: %d instances", do, n)
		}
	}
	p := l.load(l.goSpec("narrow"))
	if p.Hooks() != plugins.HookSet(0).With(abi.OnRequest) {
		t.Errorf("narrow: hooks %b", p.Hooks())
	}
}

func TestGoGuestPrints(t *testing.T) {
	l := newLab(t)
	if _, err := l.load(l.goSpec("print")).Call(abi.OnRequest, newFake()); err != nil {
		t.Fatal(err)
	}
	log := l.log.String()
	// No arguments, no environment, no files.
	if !strings.Contains(log, `text="hello 1700000000000 0 0"`) || !strings.Contains(log, "/etc/passwd") {
		t.Errorf("log:\n%s", log)
	}
}

func TestGoGuestFails(t *testing.T) {
	l := newLab(t)
	for _, c := range []struct {
		do   string
		kind plugins.FailureKind
		want string
	}{
		{"panic", plugins.FailureTrap, "it wrote: panic: out of ideas"},
		{"exit", plugins.FailureTrap, "the plugin called exit(3)"},
		{"spin", plugins.FailureFuel, "main.onRequest < on_request"},
		{"deadlock", plugins.FailureTrap, "deadlock"},
		{"hoard", plugins.FailureTrap, "out of memory"},
	} {
		t.Run(c.do, func(t *testing.T) {
			p, x := l.load(l.goSpec(c.do)), newFake()
			if c.do == "hoard" {
				spec := l.goSpec(c.do)
				spec.Limits.Fuel = 5_000_000_000
				p = l.load(spec)
			}
			e := callFails(t, p, abi.OnRequest, x, c.kind)
			if !strings.Contains(e.Reason, c.want) || strings.Contains(e.Reason, ".go:") {
				t.Errorf("reason: %s\nwant ... %s", e.Reason, c.want)
			}
			if string(x.model) != "gpt-4" || x.commits != 0 || p.Stats().Instances != 0 {
				t.Errorf("exchange %+v, %d instances", x, p.Stats().Instances)
			}
		})
	}
}

func TestGoGuestRefusesItsConfig(t *testing.T) {
	l := newLab(t)
	for do, want := range map[string]string{
		"refuse":      `it refuses its config: key "colour" is unknown\n`,
		"panic early": "it wrote: panic: no config, no life",
	} {
		if _, err := l.Load(context.Background(), l.goSpec(do)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", do, err)
		}
	}
	spec := l.goSpec("alias")
	spec.Limits.Memory = 64 * pageSize / 4
	if _, err := l.Load(context.Background(), spec); err == nil || !strings.Contains(err.Error(), "policies.limits.memory") {
		t.Errorf("1 MiB of memory: %v", err)
	}
	spec = l.goSpec("alias")
	spec.Limits.InitFuel = 1000
	if _, err := l.Load(context.Background(), spec); err == nil || !strings.Contains(err.Error(), "_initialize failed: out of fuel") {
		t.Errorf("1000 init fuel: %v", err)
	}
}
