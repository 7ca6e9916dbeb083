package meter

import (
	"context"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/native"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// request is an exchange with a model and nothing else.
type request struct{ model []byte }

func (x *request) Property(k abi.Property) ([]byte, bool) { return x.model, k == abi.PropertyModel }
func (x *request) Number(abi.Number) float64              { return math.NaN() }
func (x *request) Headers(abi.Side) plugins.Headers       { return nil }
func (x *request) Document() plugins.Document             { return nil }
func (x *request) Candidates() plugins.Candidates         { return nil }
func (x *request) SetModel([]byte) error                  { return nil }
func (x *request) SetReply(int, []byte, []byte) error     { return nil }
func (x *request) Var([]byte) ([]byte, bool)              { return nil, false }
func (x *request) SetVar(_, _ []byte) error               { return nil }
func (x *request) VarCount() int                          { return 0 }
func (x *request) Now() time.Time                         { return time.Unix(1_700_000_000, 0) }
func (x *request) Random() uint64                         { return 4 }
func (x *request) Begin()                                 {}
func (x *request) Commit()                                {}
func (x *request) Rollback()                              {}

// overheadVariant is a way to run a guest that may not stop.
type overheadVariant struct {
	name    string
	metered bool
	closing bool // wazero's own way: it looks at a context as it goes
}

var overheadVariants = []overheadVariant{{name: "bare"}, {name: "metered", metered: true}, {name: "closing", closing: true}}

// overheadGuest is a guest in a runtime of its own, ready to be called.
type overheadGuest struct {
	call *native.Call
	f    api.Function
	args []uint64
	x    *request
}

// newOverheadGuest prepares calls of one export. Fuel that nothing meters lies
// in a module beside it.
func newOverheadGuest(b *testing.B, v overheadVariant, wasm []byte, export string, args []uint64) *overheadGuest {
	b.Helper()
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().
		WithCoreFeatures(api.CoreFeaturesV2).WithCloseOnContextDone(v.closing))
	b.Cleanup(func() { rt.Close(ctx) })
	if err := native.Instantiate(ctx, rt); err != nil {
		b.Fatal(err)
	}
	policy := native.NewPolicy(native.Options{
		Config: []byte(`{"gpt-4": "Qwen3-32B", "o3": "DeepSeek", "mini*": "Qwen3-4B"}`),
		Limits: plugins.Limits{HostCalls: 1 << 20},
	})
	g := &overheadGuest{call: policy.NewCall(), args: append(args, make([]uint64, 1)...), x: &request{model: []byte("gpt-4")}}
	cancelable, cancel := context.WithCancel(ctx)
	b.Cleanup(cancel)
	g.call.Context = cancelable
	instantiate := func(wasm []byte) api.Module {
		m, err := rt.InstantiateWithConfig(g.call, wasm, wazero.NewModuleConfig().WithName("").WithStartFunctions())
		if err != nil {
			b.Fatal(err)
		}
		return m
	}
	fuel := instantiate(metered(b, (&builder{}).bytes()))
	if v.metered {
		wasm = metered(b, wasm)
	}
	m := instantiate(wasm)
	if v.metered {
		fuel = m
	}
	left, err := native.NewFuel(fuel.ExportedGlobal(FuelGlobal).(api.MutableGlobal),
		fuel.ExportedGlobal(ReserveGlobal).(api.MutableGlobal), DefaultCosts().Slice, func() {})
	if err != nil {
		b.Fatal(err)
	}
	g.call.Bind(m.Memory(), left)
	for _, name := range []string{abi.ExportInitialize, abi.ExportConfigure} {
		if f := m.ExportedFunction(name); f != nil {
			g.call.StartConfigure()
			g.call.Fuel().Fill(plenty)
			if _, err := f.Call(g.call); err != nil {
				b.Fatal(err)
			}
			g.call.Fuel().Drawn() // it may have: with these costs a guest visits nobody
			g.call.Finish()
		}
	}
	g.f = m.ExportedFunction(export)
	return g
}

// run makes n calls, each as the sandbox makes it.
func (g *overheadGuest) run(b *testing.B, n int) time.Duration {
	stack := make([]uint64, len(g.args))
	began := time.Now()
	for range n {
		copy(stack, g.args)
		g.call.Start(abi.OnRequest, g.x)
		g.call.Fuel().Fill(plenty)
		if err := g.f.CallWithStack(g.call, stack); err != nil {
			b.Fatal(err)
		}
		g.call.Fuel().Drawn()
		g.call.Finish()
	}
	return time.Since(began)
}

// BenchmarkOverhead is the price of being able to stop a guest. In every round
// the variants take turns, so that whatever else the machine does meets all of
// them; the ratios are of medians over the rounds. The host's part of a call,
// the same for all, is in them.
func BenchmarkOverhead(b *testing.B) {
	inGuest := func(name string) func(b *testing.B) []byte {
		return func(*testing.B) []byte {
			m := &builder{}
			m.memory(1, 1)
			guests[name](m)
			return m.bytes()
		}
	}
	for _, work := range []struct {
		name, export string
		args         []uint64
		calls        int // of a round
		wasm         func(b *testing.B) []byte
	}{
		{"call", "run", []uint64{1}, 2000, inGuest("own globals")},
		{"tight loop", "run", []uint64{10_000}, 20, inGuest("sum loop")},
		{"nested loops", "run", []uint64{100}, 20, inGuest("nested loops")},
		{"fib", "run", []uint64{20}, 5, inGuest("fib")},
		{"Go policy", abi.OnRequest.String(), nil, 500, func(b *testing.B) []byte { return buildPolicy(b, "alias") }},
		{"JSON in Go", "on_request", nil, 20, func(b *testing.B) []byte { return guestWasm(b) }},
		{"sorting in Go", "sorted", []uint64{1000}, 2, func(b *testing.B) []byte { return guestWasm(b) }},
	} {
		b.Run(work.name, func(b *testing.B) {
			wasm := work.wasm(b)
			var all []*overheadGuest
			for _, v := range overheadVariants {
				all = append(all, newOverheadGuest(b, v, wasm, work.export, work.args))
				all[len(all)-1].run(b, work.calls)
			}
			times := make([][]time.Duration, len(all))
			b.ResetTimer()
			for range b.N {
				for i, g := range all {
					times[i] = append(times[i], g.run(b, work.calls))
				}
			}
			b.StopTimer()
			median := func(i int) float64 {
				slices.Sort(times[i])
				return float64(times[i][len(times[i])/2]) / float64(work.calls)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(0), "bare-ns")
			for i, v := range overheadVariants[1:] {
				b.ReportMetric(median(i+1)/median(0), v.name+"-x")
			}
		})
	}
}

// buildPolicy compiles a policy that we ship.
func buildPolicy(tb testing.TB, name string) []byte {
	tb.Helper()
	out := filepath.Join(tb.TempDir(), name+".wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid=", "-o", out, "./policies/"+name)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWORK=off", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		tb.Fatal(err)
	}
	return wasm
}
