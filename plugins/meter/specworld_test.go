package meter

import (
	"context"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// specWorld is a runtime and the modules that a file of the suite has put into
// it so far, as they are or metered.
type specWorld struct {
	rt      wazero.Runtime
	metered bool
	named   map[string]*instance
	last    *instance
	all     []*instance
}

// newSpecWorld returns a world with the module that the suite imports from.
func newSpecWorld(features api.CoreFeatures, host []byte, metered bool) (*specWorld, error) {
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features))
	if _, err := rt.Instantiate(ctx, host); err != nil {
		return nil, err
	}
	return &specWorld{rt: rt, metered: metered, named: make(map[string]*instance)}, nil
}

func (w *specWorld) close() { w.rt.Close(context.Background()) }

// specOutcome is what a command came to. Trap is wazero's name of it.
type specOutcome struct {
	words []uint64
	trap  string
}

func (o specOutcome) String() string {
	if o.trap != "" {
		return "error: " + o.trap
	}
	return fmt.Sprintf("%#x", o.words)
}

// trapOf is the first line of an error, which has no addresses in it.
func trapOf(err error) string {
	if err == nil {
		return ""
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(line, "wasm error: ")
}

// instantiate runs a module, its start function included, under the name that
// it is registered as. Where that fails, wazero keeps nothing of it.
func (w *specWorld) instantiate(wasm []byte, as string) (*instance, specOutcome) {
	ctx := context.Background()
	m, err := w.rt.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithName(as).WithStartFunctions())
	if err != nil {
		return nil, specOutcome{trap: trapOf(err)}
	}
	in := &instance{module: m}
	if w.metered {
		in.fuel = m.ExportedGlobal(FuelGlobal).(api.MutableGlobal)
		in.reserve = m.ExportedGlobal(ReserveGlobal).(api.MutableGlobal)
	}
	w.all = append(w.all, in)
	if m.ExportedFunction(StartExport) != nil {
		if o := w.call(in, StartExport, nil); o.trap != "" {
			m.Close(ctx)
			return nil, o
		}
	}
	return in, specOutcome{}
}

// call calls an export with enough fuel, in every module: it may call others.
func (w *specWorld) call(in *instance, name string, args []uint64) specOutcome {
	if w.metered {
		for _, each := range w.all {
			each.fill(plenty)
		}
	}
	words, err := in.module.ExportedFunction(name).Call(context.Background(), args...)
	if w.metered && in.left() < 0 {
		return specOutcome{trap: "out of fuel"}
	}
	return specOutcome{words: words, trap: trapOf(err)}
}

// act does what a command's action says; ok is false when its module is not there.
func (w *specWorld) act(a specAction, args []uint64) (o specOutcome, ok bool) {
	in := w.last
	if a.Module != "" {
		in = w.named[a.Module]
	}
	switch {
	case in == nil:
		return o, false
	case a.Type == "get":
		return specOutcome{words: []uint64{in.module.ExportedGlobal(a.Field).Get()}}, true
	default:
		return w.call(in, a.Field, args), true
	}
}
