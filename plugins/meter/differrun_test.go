package meter

import (
	"context"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// hostTrace is what the host functions of one run were called with.
type hostTrace struct{ lines []string }

type hostTraceKey struct{}

// see notes a call, and what the memory held then.
// The upper half of a word that holds an i32 is anything.
func see(ctx context.Context, m api.Module, name string, params string, stack []uint64) {
	words := make([]uint64, len(params))
	for i := range words {
		words[i] = stack[i]
		if params[i] == typeI32 {
			words[i] &= 1<<32 - 1
		}
	}
	memory, _ := m.Memory().Read(0, m.Memory().Size())
	t := ctx.Value(hostTraceKey{}).(*hostTrace)
	t.lines = append(t.lines, fmt.Sprintf("%s(%#x) memory %d %08x", name, words, len(memory), crc32.ChecksumIEEE(memory)))
}

var hostBodies = map[string]func(stack []uint64){
	"note": func(stack []uint64) { stack[0] = uint64(uint32(stack[0])*3 + 1) },
	"tick": func([]uint64) {},
	"mix":  func(stack []uint64) { stack[0] = api.EncodeF64(float64(int64(stack[0])) + api.DecodeF64(stack[1])) },
	"trap": func(stack []uint64) {
		if stack[0]&1 == 1 {
			panic("the host gives up")
		}
	},
}

// engines are wazero's two ways to run a module, with the module "host".
var engines = sync.OnceValue(func() map[string]wazero.Runtime {
	ctx := context.Background()
	all := map[string]wazero.Runtime{}
	for name, config := range map[string]wazero.RuntimeConfig{
		"compiler": wazero.NewRuntimeConfigCompiler(), "interpreter": wazero.NewRuntimeConfigInterpreter(),
	} {
		r := wazero.NewRuntimeWithConfig(ctx, config.WithCoreFeatures(api.CoreFeaturesV2))
		b := r.NewHostModuleBuilder("host")
		for _, h := range hostFuncs {
			f := api.GoModuleFunc(func(ctx context.Context, m api.Module, stack []uint64) {
				see(ctx, m, h.name, h.params, stack)
				hostBodies[h.name](stack)
			})
			b.NewFunctionBuilder().WithGoModuleFunction(f, []byte(h.params), []byte(h.results)).Export(h.name)
		}
		if _, err := b.Instantiate(ctx); err != nil {
			panic(err)
		}
		all[name] = r
	}
	return all
})

// step is what one call came to.
type step struct {
	name    string
	outcome specOutcome
	state   string // memory and the module's own globals, behind it
	spent   int64
	dry     bool // it ended for want of fuel
	count   int64
	// Its start function failed, and wazero kept nothing to look at.
	stillborn bool
}

// run is what became of all calls on one instance.
type run struct {
	steps []step
	trace hostTrace
}

// subject is a module to run; it keeps what was compiled.
type subject struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	calls    []generatedCall
}

func newSubject(tb testing.TB, engine string, wasm []byte, calls []generatedCall) *subject {
	tb.Helper()
	r := engines()[engine]
	c, err := r.CompileModule(context.Background(), wasm)
	if err != nil {
		tb.Fatalf("%s refuses a module: %v", engine, err)
	}
	tb.Cleanup(func() { c.Close(context.Background()) })
	return &subject{r, c, calls}
}

// run makes all calls on a new instance, each with plenty of fuel but for the
// i-th, behind which it ends; i is -1 for none.
func (s *subject) run(tb testing.TB, i int, fuel int64) *run {
	tb.Helper()
	out := &run{}
	ctx := context.WithValue(context.Background(), hostTraceKey{}, &out.trace)
	m, err := s.runtime.InstantiateModule(ctx, s.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		out.steps = append(out.steps, step{name: StartExport, outcome: specOutcome{trap: startTrap(err)}, stillborn: true})
		return out
	}
	defer m.Close(ctx)
	in := &instance{module: m}
	if g := m.ExportedGlobal(FuelGlobal); g != nil {
		in.fuel, in.reserve = g.(api.MutableGlobal), m.ExportedGlobal(ReserveGlobal).(api.MutableGlobal)
	}
	calls := s.calls
	if m.ExportedFunction(StartExport) != nil {
		calls = append([]generatedCall{{name: StartExport}}, calls...)
	} else {
		out.steps = append(out.steps, after(m, step{name: StartExport}))
	}
	for _, c := range calls {
		give := int64(plenty)
		if len(out.steps) == i {
			give = fuel
		}
		if b := m.ExportedGlobal(budgetName); b != nil {
			b.(api.MutableGlobal).Set(budget)
		}
		if in.fuel != nil {
			in.fill(give)
		}
		words, err := m.ExportedFunction(c.name).Call(ctx, c.args...)
		st := step{name: c.name, outcome: specOutcome{words: words, trap: trapOf(err)}}
		if in.fuel != nil {
			st.spent, st.dry = give-in.left(), in.left() < 0
		}
		out.steps = append(out.steps, after(m, st))
		if len(out.steps)-1 == i || c.name == StartExport && err != nil {
			break
		}
	}
	return out
}

// startTrap is what the start function's error would be, were it called.
func startTrap(err error) string {
	_, text, _ := strings.Cut(err.Error(), "failed: ")
	return trapOf(fmt.Errorf("%s", text))
}

// after adds to a step the state behind it.
func after(m api.Module, st step) step {
	if mem := m.Memory(); mem != nil {
		b, _ := mem.Read(0, mem.Size())
		st.state = fmt.Sprintf("memory %d %08x globals", len(b), crc32.ChecksumIEEE(b))
	}
	for i := 0; ; i++ {
		g := m.ExportedGlobal(fmt.Sprintf("g%d", i))
		if g == nil {
			break
		}
		st.state += fmt.Sprintf(" %#x", g.Get())
	}
	if g := m.ExportedGlobal(countName); g != nil {
		st.count = int64(g.Get())
	}
	return st
}
