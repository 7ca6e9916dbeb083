package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/infinirouter/infinirouter/plugins/meter"
	"github.com/infinirouter/infinirouter/plugins/native"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// instance is one running copy of a plugin. One call at a time.
type instance struct {
	module api.Module
	memory api.Memory
	room   *linearMemory // behind memory
	call   *native.Call
	free   atomic.Uint32 // 1: the favourite, in no call; see park.go

	// The hooks by number, looked up once since that allocates, and at beforeHooks
	// what precedes them.
	functions  [abi.HookCount + 1]api.Function
	running    int       // the one that is called now, or was last
	result     [1]uint64 // of it
	stackField int       // see findStack
	stackLimit int64     // bytes

	calls uint32        // since it was made
	made  time.Duration // when, since epoch
	old   bool          // it was seen to have reached maxAge
	trial bool          // this call decides whether the breaker closes
	tally [abi.HookCount]tally
}

// moduleConfig is empty: no name, so that many instances coexist, and no start
// functions, because they would run before there is fuel.
var moduleConfig = wazero.NewModuleConfig().WithName("").WithStartFunctions()

// newInstance makes an instance and runs what precedes the first hook. The
// error is for the operator, with the guest's own reason in it.
func (p *policy) newInstance() (*instance, error) {
	in, err := p.instantiate()
	if err != nil {
		return nil, err
	}
	in.call.StartConfigure()
	defer in.call.Finish()
	in.call.Fuel().Fill(p.limits.InitFuel)
	for _, name := range p.steps {
		if err := p.initStep(in, name); err != nil {
			return nil, errors.Join(err, in.close())
		}
	}
	p.ready(in)
	return in, nil
}

// instantiate makes an instance in which nothing has run yet.
func (p *policy) instantiate() (*instance, error) {
	call := p.native.NewCall()
	in := &instance{call: call, stackLimit: p.limits.Stack, room: &linearMemory{lane: p.lane, share: p.share, limit: p.memory}}
	in.room.visit, in.room.work = in.visit, in.work
	in.room.begin()
	defer in.room.rest()
	if err := in.instantiate(p.runtime, p.program.compiled); err != nil {
		in.room.Free()
		return nil, fmt.Errorf("it cannot be instantiated: %s", native.OneLine([]byte(err.Error()), maxReason))
	}
	used, ok := in.module.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	reserve, ok2 := in.module.ExportedGlobal(meter.ReserveGlobal).(api.MutableGlobal)
	in.memory = in.module.ExportedMemory(abi.ExportMemory)
	if !ok || !ok2 || in.memory == nil {
		return nil, errors.Join(errors.New("its memory or fuel is missing after instantiation"), in.close())
	}
	fuel, err := native.NewFuel(used, reserve, costs.Slice, in.work)
	if err != nil {
		return nil, errors.Join(err, in.close())
	}
	call.Bind(in.memory, fuel)
	for h := range abi.Hook(abi.HookCount) {
		if p.program.hooks.Has(h) {
			in.functions[h] = in.module.ExportedFunction(h.String())
			if in.stackField, err = findStack(in.functions[h]); err != nil {
				return nil, errors.Join(err, in.close())
			}
		}
	}
	return in, nil
}

// instantiate makes a panic of wazero, such as for memory that the system does
// not give, an error.
func (in *instance) instantiate(rt wazero.Runtime, compiled wazero.CompiledModule) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the runtime gave up on it: %v", r)
		}
	}()
	in.module, err = rt.InstantiateModule(experimental.WithMemoryAllocator(in.call, in.room), compiled, moduleConfig)
	return err
}

// initSteps are what runs before the first hook, in order, where a plugin has
// it, on one fill of fuel; configure is the last.
var initSteps = [...]string{meter.StartExport, abi.ExportInitialize, abi.ExportConfigure}

const beforeHooks = abi.HookCount

func (p *policy) initStep(in *instance, name string) error {
	f := in.module.ExportedFunction(name)
	if f == nil {
		return nil
	}
	in.result[0], in.running, in.functions[beforeHooks] = 0, beforeHooks, f
	err := f.CallWithStack(in.call, in.result[:])
	left := in.call.Fuel().Left()
	in.room.rest()
	in.call.Finish()
	if fault := p.fault(in, err, left, initKnob); fault != nil {
		return fmt.Errorf("%s failed: %s", name, fault.Reason)
	}
	if name == abi.ExportConfigure && uint32(in.result[0]) != 0 {
		return fmt.Errorf("it refuses its config: %s", orElse(in.call.FailText(), "it gave no reason"))
	}
	return nil
}

// ready makes an instance that is initialized fit for calls of hooks.
func (p *policy) ready(in *instance) {
	in.functions[beforeHooks] = nil
	in.room.grown, in.made = false, clock()
	p.mu.Lock()
	defer p.unlock()
	p.made++
	p.initFuel = uint64(p.limits.InitFuel - in.call.Fuel().Left())
}

func (in *instance) close() error { return in.module.Close(context.Background()) }

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
