package sandbox

import (
	"context"
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

// maxPages is all of a 32-bit memory.
const maxPages = 65536

// pagesOf turns policies.limits.memory into whole pages.
func pagesOf(limit int64) uint32 {
	return uint32(min(max(limit/pageSize, 1), maxPages))
}

// meterLimits are the meter's, without those that a policy sets for itself.
func meterLimits() meter.Limits {
	lim := meter.DefaultLimits()
	lim.MemoryPages = maxPages
	return lim
}

// costs are what work costs every guest.
var costs = meter.DefaultCosts()

// engine is a runtime, with the host's functions in it, whose instances may
// have so much memory: wazero knows that limit per runtime.
type engine struct {
	rt    wazero.Runtime
	pages uint32
}

func newEngine(cache wazero.CompilationCache, pages uint32) (*engine, error) {
	// No WithCloseOnContextDone: fuel stops guests, at a twentieth of the cost.
	// No debug information: it is another parser that a guest could feed.
	rt := wazero.NewRuntimeWithConfig(context.Background(), wazero.NewRuntimeConfigCompiler().
		WithCoreFeatures(api.CoreFeaturesV2).
		WithMemoryLimitPages(pages).
		WithDebugInfoEnabled(false).
		WithCompilationCache(cache))
	if err := native.Instantiate(context.Background(), rt); err != nil {
		return nil, errors.Join(err, rt.Close(context.Background()))
	}
	return &engine{rt: rt, pages: pages}, nil
}

// programKey says when compiled code can be shared.
type programKey struct {
	sha256 [32]byte
	pages  uint32
}

// program is a plugin, compiled and ready to be instantiated.
type program struct {
	key      programKey
	engine   *engine
	compiled wazero.CompiledModule
	info     *meter.Info
	*checked
}

// program returns the compiled form of a module for instances of so many
// pages, which the caller must give to releaseProgram.
func (l *Loader) program(ctx context.Context, file *moduleFile, pages uint32) (*program, error) {
	key := programKey{file.sha256, pages}
	return l.programs.acquire(key, func() (*program, error) { return l.makeProgram(ctx, key, file) })
}

func (l *Loader) makeProgram(ctx context.Context, key programKey, file *moduleFile) (*program, error) {
	metered, info, err := instrument(file.bytes)
	if err != nil {
		return nil, err
	}
	c := checkModule(info)
	if len(c.problems) > 0 {
		return nil, errors.New(strings.Join(c.problems, "; "))
	}
	if info.MemoryMin > key.pages {
		return nil, fmt.Errorf("it starts with %d bytes of memory, the limit is %d (policies.limits.memory)",
			int64(info.MemoryMin)*pageSize, int64(key.pages)*pageSize)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	e, err := l.engines.acquire(key.pages, func() (*engine, error) { return newEngine(l.cache, key.pages) })
	if err != nil {
		return nil, err
	}
	compiled, err := l.compile(e, metered)
	if err != nil {
		l.releaseEngine(e)
		return nil, err
	}
	return &program{key: key, engine: e, compiled: compiled, info: info, checked: c}, nil
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
	l.programs.release(p.key, func(p *program) {
		l.quietly("close compiled plugin", p.compiled.Close(context.Background()))
		l.releaseEngine(p.engine)
	})
}

func (l *Loader) releaseEngine(e *engine) {
	l.engines.release(e.pages, func(e *engine) {
		l.quietly("close wasm runtime", e.rt.Close(context.Background()))
	})
}

// compile compiles a metered module. A cache that cannot be read or written
// must not keep a policy from loading: it is emptied, and compiling tried once
// more, with what could not be saved still in memory.
func (l *Loader) compile(e *engine, metered []byte) (wazero.CompiledModule, error) {
	compiled, err := compileRecovered(e.rt, metered)
	if err == nil || !isCacheError(err) {
		return compiled, err
	}
	l.logger.Warn("compiled plugins on disk are unusable, compiling again",
		"dir", l.cacheDir, "knob", cacheKnob, "error", err, "purge", purgeCache(l.cacheDir))
	return compileRecovered(e.rt, metered)
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
