package meter

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// sharedRuntime has WASI and a host function env.double, for all tests.
var sharedRuntime = sync.OnceValue(func() wazero.Runtime {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2).WithMemoryLimitPages(1024))
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	_, err := r.NewHostModuleBuilder("env").NewFunctionBuilder().
		WithFunc(func(v uint32) uint32 { return 2 * v }).Export("double").Instantiate(ctx)
	if err != nil {
		panic(err)
	}
	return r
})

// largeModules keeps what takes long to compile, by content.
var largeModules = map[string]wazero.CompiledModule{}

func compile(tb testing.TB, wasm []byte) (wazero.CompiledModule, error) {
	tb.Helper()
	if c := largeModules[string(wasm)]; c != nil {
		return c, nil
	}
	ctx := context.Background()
	c, err := sharedRuntime().CompileModule(ctx, wasm)
	switch {
	case err != nil:
	case len(wasm) > 1<<20:
		largeModules[string(wasm)] = c
	default:
		tb.Cleanup(func() { c.Close(ctx) })
	}
	return c, err
}

// compiles returns what wazero has against a module.
func compiles(tb testing.TB, wasm []byte) error {
	tb.Helper()
	_, err := compile(tb, wasm)
	return err
}

// instance is a running module; fuel is nil for one that is not metered.
type instance struct {
	module        api.Module
	fuel, reserve api.MutableGlobal
}

// start instantiates a module. A start function or _initialize of the guest is
// run with the fuel given.
func start(tb testing.TB, wasm []byte, fuel int64) (*instance, error) {
	tb.Helper()
	ctx := context.Background()
	c, err := compile(tb, wasm)
	if err != nil {
		return nil, err
	}
	m, err := sharedRuntime().InstantiateModule(ctx, c, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, err
	}
	tb.Cleanup(func() { m.Close(ctx) })
	in := &instance{module: m}
	if g := m.ExportedGlobal(FuelGlobal); g != nil {
		in.fuel = g.(api.MutableGlobal)
		in.reserve = m.ExportedGlobal(ReserveGlobal).(api.MutableGlobal)
		if in.left() != 0 {
			tb.Fatalf("fuel is %d before the host set it", in.left())
		}
	}
	for _, name := range []string{StartExport, "_initialize"} {
		if m.ExportedFunction(name) != nil {
			if _, err := in.call(fuel, name); err != nil {
				return in, err
			}
		}
	}
	return in, nil
}

func (in *instance) left() int64 { return int64(in.fuel.Get()) + int64(in.reserve.Get()) }

// fill gives fuel, the first slice of it empty: a guest must not notice.
func (in *instance) fill(fuel int64) {
	in.fuel.Set(0)
	in.reserve.Set(uint64(fuel))
}

func (in *instance) call(fuel int64, name string, args ...uint64) ([]uint64, error) {
	if in.fuel != nil {
		in.fill(fuel)
	}
	return in.module.ExportedFunction(name).Call(context.Background(), args...)
}

// metered instruments a test module, which must be accepted.
func metered(tb testing.TB, wasm []byte) []byte {
	tb.Helper()
	out, _, err := Instrument(wasm, DefaultLimits(), DefaultCosts())
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// plenty is fuel that no test here uses up.
const plenty = 1 << 40

// guests are modules with an export "run", (i32) -> (i32), that does the same
// metered and not. They cover what the rewriting touches.
var guests = map[string]func(b *builder){
	"sum loop": func(b *builder) {
		b.hook("run", tI32, tI32, code(1, 1, typeI32),
			opBlock, 0x40, opLoop, 0x40, get(0), opI32Eqz, opBrIf, 1,
			get(1), get(0), opI32Add, set(1), get(0), i32(1), opI32Sub, set(0), opBr, 0, opEnd, opEnd, get(1))
	},
	"nested loops": func(b *builder) {
		b.hook("run", tI32, tI32, code(1, 3, typeI32),
			opLoop, 0x40, i32(0), set(2),
			opLoop, 0x40, get(3), get(2), opI32Add, i32(3), opI32Mul, set(3),
			get(2), i32(1), opI32Add, opLocalTee, 2, get(0), opI32LtU, opBrIf, 0, opEnd,
			get(1), i32(1), opI32Add, opLocalTee, 1, get(0), opI32LtU, opBrIf, 0, opEnd, get(3))
	},
	"fib": func(b *builder) {
		b.hook("run", tI32, tI32, nil, get(0), i32(2), opI32LtU, opIf, typeI32, get(0), opElse,
			get(0), i32(1), opI32Sub, call(0), get(0), i32(2), opI32Sub, call(0), opI32Add, opEnd)
	},
	"br_table": func(b *builder) {
		b.hook("run", tI32, tI32, nil, opBlock, 0x40, opBlock, 0x40, opBlock, 0x40,
			get(0), opBrTable, 2, 0, 1, 2, opEnd, i32(10), opReturn, opEnd, i32(20), opReturn, opEnd, i32(30))
	},
	"bulk memory": func(b *builder) {
		b.memory(1, 1)
		b.raw[sectionDataCount] = u(1)
		b.add(sectionData, 1, str("hello, meter"))
		b.hook("run", tI32, tI32, nil,
			i32(64), get(0), i32(40), 0xfc, 11, 0, // fill
			i32(70), i32(0), i32(12), 0xfc, 8, 0, 0, // init
			i32(4), i32(60), i32(30), 0xfc, 10, 0, 0, // copy
			0xfc, 9, 0, // drop
			i32(8), opI32Load, 2, 0, i32(14), opI32Load, 2, 0, opI32Add)
	},
	"memory.grow": func(b *builder) {
		b.memory(1, 4)
		b.hook("run", tI32, tI32, nil, get(0), opMemoryGrow, 0, i32(100), opI32Mul, opMemorySize, 0, opI32Add)
	},
	"multi-value": func(b *builder) {
		pair := b.typ(tI32+tI32, tI32+tI32)
		swap := b.fn(tI32+tI32, tI32+tI32, nil, get(1), get(0))
		b.hook("run", tI32, tI32, code(1, 1, typeI32), get(0), i32(7),
			opLoop, u(pair), call(swap), get(1), i32(1), opI32Add, opLocalTee, 1, i32(3), opI32LtU, opBrIf, 0, opEnd,
			i32(10), opI32Mul, opI32Add)
	},
	"call_indirect and table instructions": func(b *builder) {
		b.table(6)
		unary := b.typ(tI32, tI32)
		f := b.fn(tI32, tI32, nil, get(0), i32(1), opI32Add)
		g := b.fn(tI32, tI32, nil, get(0), i32(5), opI32Mul)
		b.elem(0, f, g)
		b.add(sectionElement, 1, 0, 2, u(g), u(f))
		b.hook("run", tI32, tI32, nil,
			i32(2), i32(0), i32(2), 0xfc, 12, 1, 0, // table.init: 2 g, 3 f
			i32(4), i32(2), i32(2), 0xfc, 14, 0, 0, // table.copy: 4 g, 5 f
			0xfc, 13, 1,
			get(0), i32(3), opCallIndirect, u(unary), 0)
	},
	"host call, directly and through the table": func(b *builder) {
		unary := b.typ(tI32, tI32)
		double := b.imp("env", "double", unary)
		b.table(1)
		b.elem(0, double)
		b.hook("run", tI32, tI32, nil, get(0), call(double), i32(0), opCallIndirect, u(unary), 0)
	},
	"own globals": func(b *builder) {
		b.add(sectionGlobal, typeI32, 1, i32(40), opEnd)
		b.export("counter", KindGlobal, 0)
		b.hook("run", tI32, tI32, nil, opGlobalGet, 0, get(0), opI32Add, opGlobalSet, 0, opGlobalGet, 0)
	},
	"typed select": func(b *builder) {
		b.hook("run", tI32, tI32, nil, i32(11), i32(22), get(0), opSelectTyped, 1, typeI32, get(0), i32(9), i32(0), opSelectTyped, 1, typeI32, opI32Add)
	},
	"traps": func(b *builder) {
		b.hook("run", tI32, tI32, nil, i32(100), get(0), i32(2), opI32Sub, 0x6d)
	},
	"start": func(b *builder) {
		b.memory(1, 1)
		b.raw[sectionStart] = u(b.fn("", "", nil, i32(0), i32(77), opI32Store, 2, 0))
		b.hook("run", tI32, tI32, nil, i32(0), opI32Load, 2, 0, get(0), opI32Add)
	},
}

// TestSameResults runs every guest metered and not.
func TestSameResults(t *testing.T) {
	for name, build := range guests {
		t.Run(name, func(t *testing.T) {
			b := &builder{}
			build(b)
			wasm := b.bytes()
			for arg := range uint64(12) {
				bare, err := start(t, wasm, 0)
				if err != nil {
					t.Fatal(err)
				}
				want, wantErr := bare.call(0, "run", arg)
				in, err := start(t, metered(t, b.bytes()), plenty)
				if err != nil {
					t.Fatal(err)
				}
				got, gotErr := in.call(plenty, "run", arg)
				if fmt.Sprint(got) != fmt.Sprint(want) || (gotErr == nil) != (wantErr == nil) {
					t.Fatalf("run(%d): got %v, %v, want %v, %v", arg, got, gotErr, want, wantErr)
				}
				if in.left() >= plenty || in.left() < 0 {
					t.Fatalf("run(%d) left %d of %d fuel", arg, in.left(), int64(plenty))
				}
			}
		})
	}
}

// TestExactFuel: what a run spends is enough for the same run, one less is not,
// and running it again spends the same.
func TestExactFuel(t *testing.T) {
	for name, build := range guests {
		t.Run(name, func(t *testing.T) {
			b := &builder{}
			build(b)
			wasm := metered(t, b.bytes())
			fresh := func() *instance {
				in, err := start(t, wasm, plenty)
				if err != nil {
					t.Fatal(err)
				}
				return in
			}
			const arg = 9
			in := fresh()
			if _, err := in.call(plenty, "run", arg); err != nil {
				t.Fatal(err)
			}
			spent := plenty - in.left()
			in = fresh()
			if _, err := in.call(spent, "run", arg); err != nil || in.left() != 0 {
				t.Fatalf("with the %d it spends: %v, %d left", spent, err, in.left())
			}
			in = fresh()
			if _, err := in.call(spent-1, "run", arg); err == nil || in.left() >= 0 {
				t.Fatalf("with one less than the %d it spends: %v, %d left", spent, err, in.left())
			}
		})
	}
}
