package sandbox

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestRefusals(t *testing.T) {
	good := hook("on_request", returns(0)...)
	for _, c := range []struct {
		name string
		m    wasmModule
		want string
	}{
		{
			"no hook",
			wasmModule{funcs: []wasmFunc{hook("hello", returns(0)...)}},
			"exports no hook, expected at least one of on_request, on_route, on_response, on_event, on_done, each () -> i32",
		},
		{"misspelt hook", wasmModule{funcs: []wasmFunc{hook("onRequest", returns(0)...)}}, "it exports onRequest: did you mean on_request?"},
		{"program", wasmModule{funcs: []wasmFunc{{export: "_start"}}}, "it is a program, with _start; build it as a library"},
		{
			"hook signature",
			wasmModule{funcs: []wasmFunc{{export: "on_event", params: []byte{i32, i64}, body: nil}}},
			"it exports on_event as (i32, i64) -> (), expected () -> i32",
		},
		{
			"configure signature",
			wasmModule{funcs: []wasmFunc{good, {export: "configure"}}},
			"it exports configure as () -> (), expected () -> i32",
		},
		{
			"_initialize signature",
			wasmModule{funcs: []wasmFunc{good, hook("_initialize", returns(0)...)}},
			"it exports _initialize as () -> i32, expected () -> ()",
		},
		{"no memory", wasmModule{memory: -1, funcs: []wasmFunc{good}}, `it exports no memory, expected a memory named "memory"`},
		{"hidden memory", wasmModule{memory: 1, hidden: true, funcs: []wasmFunc{good}}, `it exports no memory`},
		{
			"foreign module",
			wasmModule{funcs: []wasmFunc{good}, imports: []wasmImport{{"env", "abort", nil, nil}}},
			"it imports function env.abort: a plugin may import functions of router_v1 and wasi_snapshot_preview1 only",
		},
		{
			"next version",
			wasmModule{funcs: []wasmFunc{good}, imports: []wasmImport{{"router_v2", "now_ms", nil, []byte{i64}}}},
			"it imports function router_v2.now_ms",
		},
		{
			"misspelt function",
			wasmModule{funcs: []wasmFunc{good}, imports: []wasmImport{{"router_v1", "json_gett", []byte{i32}, []byte{i32}}}},
			"it imports router_v1.json_gett (i32) -> i32, and there is no such function (did you mean json_get, (i32, i32, i32, i32) -> i32?)",
		},
		{
			"unknown function",
			wasmModule{funcs: []wasmFunc{good}, imports: []wasmImport{{"router_v1", "launch_missiles", nil, nil}}},
			"it imports router_v1.launch_missiles () -> (), and there is no such function",
		},
		{
			"function signature",
			wasmModule{funcs: []wasmFunc{good}, imports: []wasmImport{{"router_v1", "hash", []byte{i32, i32}, []byte{i32}}}},
			"it imports router_v1.hash as (i32, i32) -> i32, expected (i32, i32) -> i64",
		},
		{
			"wasi signature",
			wasmModule{funcs: []wasmFunc{good}, imports: []wasmImport{{"wasi_snapshot_preview1", "fd_close", []byte{f64}, []byte{i32}}}},
			"it imports wasi_snapshot_preview1.fd_close as (f64) -> i32, expected (i32) -> i32",
		},
		{"memory", wasmModule{memory: 513, funcs: []wasmFunc{good}}, "policies.limits.memory"},
		{"ill-typed", wasmModule{funcs: []wasmFunc{hook("on_request", 0x42, 0)}}, ""},
		{
			"hostile name",
			wasmModule{funcs: []wasmFunc{good}, imports: []wasmImport{{"e\nnv\x1b[2J", strings.Repeat("x", 500), nil, nil}}},
			`e\nnv\x1b[2J.` + strings.Repeat("x", 100) + "...",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			spec := l.spec(c.m)
			_, err := l.Load(context.Background(), spec)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "policy p: plugin "+spec.Path) {
				t.Errorf("Load: %v\nwant ... %s", err, c.want)
			}
			r, err := l.Inspect(spec.Path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.OK || len(r.Problems) == 0 || !strings.Contains(strings.Join(r.Problems, "\n"), c.want) {
				t.Errorf("Inspect: %+v\nwant ... %s", r, c.want)
			}
		})
	}
}

func TestAllProblemsAreNamedAtOnce(t *testing.T) {
	l := newLab(t)
	_, err := l.Load(context.Background(), l.spec(wasmModule{memory: -1, imports: []wasmImport{{"env", "a", nil, nil}, {"env", "b", nil, nil}}}))
	for _, want := range []string{"env.a", "env.b", "no memory", "no hook"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
}

func TestFilesThatAreNoPlugins(t *testing.T) {
	l := newLab(t)
	big := l.file("big.wasm", nil)
	if err := os.Truncate(big, 500<<20); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(l.dir, "none.wasm"):        "no such file",
		l.dir:                                    "not a regular file",
		l.file("empty.wasm", nil):                "is empty",
		big:                                      "a plugin may have",
		l.file("text.wasm", []byte("hello you")): "",
		l.file("half.wasm", wasmModule{funcs: []wasmFunc{hook("on_request", returns(0)...)}}.bytes()[:30]): "",
	} {
		if _, err := l.Load(context.Background(), plugins.Spec{Name: "p", Path: path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want ... %s", path, err, want)
		}
	}
	if _, err := l.Inspect(filepath.Join(l.dir, "none.wasm"), nil); err == nil {
		t.Error("a missing file was inspected")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := l.Load(ctx, l.spec(wasmModule{})); err == nil || !strings.Contains(err.Error(), "canceled") {
		t.Errorf("cancelled: %v", err)
	}
}

func TestInspect(t *testing.T) {
	l := newLab(t)
	spec := l.spec(wasmModule{
		imports: []wasmImport{imported("json_get"), imported("kv_add"), imported("header_get"), imported("now_ms")},
		funcs: []wasmFunc{
			hook("on_request", returns(0)...), hook("on_event", returns(0)...), hook("configure", returns(0)...),
		},
		memory: 2, max: 10,
	})
	r, err := l.Inspect(spec.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK || len(r.Hooks) != 2 || r.Hooks[1].Name != "on_event" || r.Functions != 3 || !r.Configure || r.Initialize ||
		r.MemoryMin != 2*pageSize || r.MemoryMax != 10*pageSize || len(r.SHA256) != 64 || r.Size == 0 {
		t.Errorf("report: %+v", r)
	}
	var grants []string
	for _, im := range r.Imports {
		s := im.Name + ":" + im.Grant
		if im.NeedsGrant {
			s += "!"
		}
		grants = append(grants, s)
	}
	if want := []string{"json_get:content", "kv_add:kv!", "header_get:credentials", "now_ms:"}; !slices.Equal(grants, want) {
		t.Errorf("grants: %v, want %v", grants, want)
	}
	if n := l.programs.size(); n != 0 {
		t.Errorf("an inspection left %d things behind", n)
	}
}

func TestInspectTheGoGuest(t *testing.T) {
	l := newLab(t)
	r, err := l.Inspect(l.goSpec("").Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK || !r.Configure || !r.Initialize || len(r.Hooks) != 2 {
		t.Errorf("report: %+v", r)
	}
}

func TestNearest(t *testing.T) {
	hooks := hookNames()
	for in, want := range map[string]string{
		"on_reqest": "on_request", "onrequest": "on_request", "on_donee": "on_done", "on_rout": "on_route", "xyz": "", "": "",
		"memory": "", "on_response_": "on_response",
	} {
		if got := nearest(in, hooks); got != want {
			t.Errorf("nearest(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSignatures(t *testing.T) {
	if got := signature([]byte{i32, 0x7d, 0x7b, 0x70}, []byte{i64, f64}); got != "(i32, f32, v128, type 0x70) -> (i64, f64)" {
		t.Error(got)
	}
	for _, f := range abi.Functions {
		if strings.Contains(functionSignature(f), "0x") {
			t.Errorf("%s: %s", f.Name, functionSignature(f))
		}
	}
}
