package meter

import (
	"context"
	"testing"
)

func BenchmarkInstrumentGoGuest(b *testing.B) {
	wasm := guestWasm(b)
	b.SetBytes(int64(len(wasm)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Instrument(wasm, DefaultLimits(), DefaultCosts()); err != nil {
			b.Fatal(err)
		}
	}
}

// versus runs an export of a module bare and metered, side by side.
func versus(b *testing.B, wasm []byte, name string, args ...uint64) {
	for _, kind := range []string{"bare", "metered"} {
		b.Run(kind, func(b *testing.B) {
			if kind == "metered" {
				wasm = metered(b, wasm)
			}
			in, err := start(b, wasm, plenty)
			if err != nil {
				b.Fatal(err)
			}
			f := in.module.ExportedFunction(name)
			stack := make([]uint64, 1)
			ctx := context.Background()
			b.ReportAllocs()
			var spent int64
			for b.Loop() {
				copy(stack, args)
				if in.fuel != nil {
					in.fuel.Set(uint64(DefaultCosts().Slice))
					in.reserve.Set(plenty)
				}
				if err := f.CallWithStack(ctx, stack); err != nil {
					b.Fatal(err)
				}
				if in.fuel != nil {
					spent = plenty + DefaultCosts().Slice - in.left()
				}
			}
			b.ReportMetric(float64(spent), "fuel/op")
		})
	}
}

// BenchmarkCall is a call that does nothing: what metering adds to a hook.
func BenchmarkCall(b *testing.B) {
	m := &builder{}
	m.memory(1, 1)
	m.hook("run", tI32, tI32, nil, get(0))
	versus(b, m.bytes(), "run", 1)
}

// BenchmarkLoop is 10,000 rounds of a loop of ten instructions.
func BenchmarkLoop(b *testing.B) {
	m := &builder{}
	m.memory(1, 1)
	guests["sum loop"](m)
	versus(b, m.bytes(), "run", 10_000)
}

// BenchmarkFib is calls within the guest.
func BenchmarkFib(b *testing.B) {
	m := &builder{}
	m.memory(1, 1)
	guests["fib"](m)
	versus(b, m.bytes(), "run", 20)
}

// BenchmarkGoGuest is encoding/json in a Go guest.
func BenchmarkGoGuest(b *testing.B) { versus(b, guestWasm(b), "on_request") }
