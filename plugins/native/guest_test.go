package native

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

const (
	memoryPages = 2
	memoryEnd   = memoryPages << 16
	plenty      = uint64(1) << 50 // fuel
)

// guest is a module that imports every host function and exports a function of
// the same signature that does nothing but call it.
type guest struct {
	t      testing.TB
	mod    api.Module
	call   *Call
	x      *fakeExchange
	policy *Policy
	log    *bytes.Buffer
	top    uint64 // where the next text goes
	fns    map[string]api.Function
}

type guestOption func(*Options)

func withGrants(g abi.Grant) guestOption { return func(o *Options) { o.Grants = g } }

func newGuest(t testing.TB, opts ...guestOption) *guest {
	t.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { rt.Close(ctx) })
	if err := Instantiate(ctx, rt); err != nil {
		t.Fatal(err)
	}
	g := &guest{t: t, x: newFake(), log: &bytes.Buffer{}, top: 1024, fns: map[string]api.Function{}}
	o := Options{
		Name: "p", Config: []byte(`{"k":"v"}`), Limits: plugins.DefaultLimits(), SHA256: [32]byte{1, 2, 3},
		Logger: slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, opt := range opts {
		opt(&o)
	}
	g.policy = NewPolicy(o)
	g.call = g.policy.NewCall()
	mod, err := rt.InstantiateWithConfig(g.call, forwarder(), wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	g.mod = mod
	used, reserve := mod.ExportedGlobal("fuel").(api.MutableGlobal), mod.ExportedGlobal("reserve").(api.MutableGlobal)
	fuel, err := NewFuel(used, reserve, slice, func() {})
	if err != nil {
		t.Fatal(err)
	}
	g.call.Bind(mod.ExportedMemory("memory"), fuel)
	g.call.Fuel().Fill(int64(plenty))
	g.call.Start(abi.OnRequest, g.x)
	return g
}

// try calls a host function from the guest.
func (g *guest) try(name string, args ...uint64) (uint64, error) {
	g.t.Helper()
	f := g.fns[name]
	if f == nil {
		if f = g.mod.ExportedFunction(name); f == nil {
			g.t.Fatalf("no host function %s", name)
		}
		g.fns[name] = f
	}
	stack := make([]uint64, 10)
	copy(stack, args)
	err := f.CallWithStack(g.call, stack)
	return stack[0], err
}

func (g *guest) do(name string, args ...uint64) uint64 {
	g.t.Helper()
	r, err := g.try(name, args...)
	if err != nil {
		g.t.Fatalf("%s%v: %v", name, args, err)
	}
	return r
}

// code is do for functions whose result is an i32.
func (g *guest) code(name string, args ...any) int32 {
	g.t.Helper()
	return int32(uint32(g.do(name, g.args(args)...)))
}

// args puts texts into guest memory, as pointer and length, and passes numbers.
func (g *guest) args(args []any) []uint64 {
	g.t.Helper()
	var out []uint64
	for _, a := range args {
		switch v := a.(type) {
		case string:
			out = append(out, g.put(v), uint64(len(v)))
		case int:
			out = append(out, uint64(v))
		case float64:
			out = append(out, api.EncodeF64(v))
		default:
			g.t.Fatalf("argument %T", a)
		}
	}
	return out
}

func (g *guest) put(s string) uint64 {
	g.t.Helper()
	at := g.top
	if !g.mod.Memory().Write(uint32(at), []byte(s)) {
		g.t.Fatal("guest memory is full")
	}
	g.top += uint64(len(s)) + 1
	return at
}

// buffer is where results go: pointer and capacity at the start of memory.
const buffer, bufferSize = 16, 512

// text calls a function whose last parameters are a buffer and returns what it
// wrote, and the code.
func (g *guest) text(name string, args ...any) (string, int32) {
	g.t.Helper()
	g.top = 1024
	n := g.code(name, append(args, buffer, bufferSize)...)
	if n < 0 || n > bufferSize {
		return "", n
	}
	b, _ := g.mod.Memory().Read(buffer, uint32(n))
	return string(b), n
}

func (g *guest) logged(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(g.log.String(), w) {
			t.Errorf("the log lacks %q:\n%s", w, g.log)
		}
	}
}

// forwarder assembles the module.
func forwarder() []byte {
	var types, imports, functions, exports, codes [][]byte
	add := func(module string, f abi.Function) {
		n := len(types)
		types = append(types, cat([]byte{0x60}, vec(typesOf(f.Params)), vec(typesOf(f.Results))))
		imports = append(imports, cat(name(module), name(f.Name), []byte{0}, uleb(n)))
		functions = append(functions, uleb(n))
		var body []byte
		for i := range f.Params {
			body = append(append(body, 0x20), uleb(i)...)
		}
		body = cat([]byte{0}, body, []byte{0x10}, uleb(n), []byte{0x0b})
		codes = append(codes, cat(uleb(len(body)), body))
		exports = append(exports, cat(name(f.Name), []byte{0}, nil))
	}
	for _, f := range abi.Functions {
		add(abi.ImportModule, f)
	}
	for _, f := range WASIFunctions() {
		add(WASIModule, f)
	}
	for i := range exports { // a wrapper's index follows those of the imports
		exports[i] = append(exports[i], uleb(len(imports)+i)...)
	}
	exports = append(exports, cat(name("memory"), []byte{2, 0}), cat(name("fuel"), []byte{3, 0}), cat(name("reserve"), []byte{3, 1}))
	return cat([]byte("\x00asm\x01\x00\x00\x00"),
		section(1, types), section(2, imports), section(3, functions),
		section(5, [][]byte{{1, memoryPages, memoryPages}}),
		section(6, [][]byte{{0x7e, 1, 0x42, 0, 0x0b}, {0x7e, 1, 0x42, 0, 0x0b}}),
		section(7, exports), section(10, codes))
}

func typesOf(types []abi.Type) []byte {
	var out []byte
	for _, t := range types {
		out = append(out, byte(t))
	}
	return out
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
func vec(b []byte) []byte        { return cat(uleb(len(b)), b) }
func name(s string) []byte       { return vec([]byte(s)) }

func section(id byte, items [][]byte) []byte {
	body := cat(uleb(len(items)), cat(items...))
	return cat([]byte{id}, vec(body))
}

func uleb(n int) []byte {
	var out []byte
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}
