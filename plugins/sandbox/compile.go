package sandbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/infinirouter/infinirouter/plugins/meter"
	"github.com/infinirouter/infinirouter/plugins/native"
)

// meterLimits are the meter's, without those that a policy sets for itself.
func meterLimits() meter.Limits {
	lim := meter.DefaultLimits()
	lim.MemoryPages = meter.MaxPages
	return lim
}

// costs are what work costs every guest.
var costs = func() meter.Costs {
	c := meter.DefaultCosts()
	c.HostMemory = true
	return c
}()

// newRuntime returns a runtime with the host's functions in it. Memory is
// limited for each instance of its own; see linearMemory.
func newRuntime(cache wazero.CompilationCache) (wazero.Runtime, error) {
	// No WithCloseOnContextDone: fuel stops guests, at a twentieth of the cost.
	// No debug information: it is another parser that a guest could feed.
	rt := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigCompiler().
		WithCoreFeatures(api.CoreFeaturesV2).
		WithDebugInfoEnabled(false).
		WithCompilationCache(cache))
	if err := native.Instantiate(context.Background(), rt); err != nil {
		return nil, errors.Join(err, rt.Close(context.Background()))
	}
	return rt, nil
}

// program is a plugin, compiled and ready to be instantiated.
type program struct {
	sha256   [sha256.Size]byte
	compiled wazero.CompiledModule
	info     *meter.Info
	*checked
}

// program returns the compiled form of a module, which the caller must give to
// releaseProgram.
func (l *Loader) program(ctx context.Context, file *moduleFile) (*program, error) {
	return l.programs.acquire(file.sha256, func() (*program, error) { return l.makeProgram(ctx, file) })
}

func (l *Loader) makeProgram(ctx context.Context, file *moduleFile) (*program, error) {
	metered, info, err := instrument(file.bytes)
	if err != nil {
		return nil, err
	}
	c := checkModule(info)
	if len(c.problems) > 0 {
		return nil, errors.New(strings.Join(c.problems, "; "))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	compiled, err := l.compile(metered)
	if err != nil {
		return nil, err
	}
	return &program{sha256: file.sha256, compiled: compiled, info: info, checked: c}, nil
}

// instrument makes a panic of the meter an error about the plugin.
func instrument(module []byte) (metered []byte, info *meter.Info, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the meter gave up on it: %s", printable(fmt.Sprint(r)))
		}
	}()
	return meter.Instrument(module, meterLimits(), costs)
}

func (l *Loader) releaseProgram(p *program) {
	l.programs.release(p.sha256, func(p *program) {
		l.quietly("close compiled plugin", p.compiled.Close(context.Background()))
	})
}

// compile compiles a metered module. A cache that cannot be read or written
// must not keep a policy from loading: it is emptied, and compiling tried once
// more, with what could not be saved still in memory.
func (l *Loader) compile(metered []byte) (wazero.CompiledModule, error) {
	compiled, err := compileRecovered(l.runtime, metered)
	switch {
	case err == nil:
		return compiled, nil
	case !isCacheError(err): // the module's doing, told in lines of the guest's own words
		return nil, errors.New(native.OneLine([]byte(err.Error()), maxReason))
	}
	l.logger.Warn("compiled plugins on disk are unusable, compiling again",
		"dir", l.cacheDir, "knob", cacheKnob, "error", err, "purge", purgeCache(l.cacheDir))
	return compileRecovered(l.runtime, metered)
}

// isCacheError tells trouble with files from a module that cannot be compiled.
func isCacheError(err error) bool {
	var path *fs.PathError
	var errno syscall.Errno
	return errors.As(err, &path) || errors.As(err, &errno) ||
		strings.HasPrefix(err.Error(), "compilationcache:")
}

// compileRecovered makes a panic of the compiler an error about the plugin.
func compileRecovered(rt wazero.Runtime, metered []byte) (compiled wazero.CompiledModule, err error) {
	defer func() {
		if r := recover(); r != nil {
			compiled, err = nil, fmt.Errorf("the compiler gave up on it: %s", printable(fmt.Sprint(r)))
		}
	}()
	return rt.CompileModule(context.Background(), metered)
}
