package sandbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/tetratelabs/wazero"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/native"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Options say what all policies of a Loader share.
type Options struct {
	CacheDir string          // for compiled code; "": infinirouter in the user's cache folder
	Logger   *slog.Logger    // nil: nothing is logged
	Store    plugins.Store   // nil: the kv functions answer NotAllowed
	Metrics  plugins.Metrics // nil: what policies count is dropped
}

// Loader implements plugins.Loader. Safe for concurrent use.
type Loader struct {
	options  Options
	logger   *slog.Logger
	cache    wazero.CompilationCache
	cacheDir string

	sweeper sweeper
	runtime wazero.Runtime
	lane    *lane
	// processors is what Go used when the Loader was made: a router raises it for
	// its loops, which run no guests beside each other.
	processors int
	programs   registry[[sha256.Size]byte, *program]
	policies   registry[policyKey, *policy]
}

var _ plugins.Loader = (*Loader)(nil)

// New returns a Loader. It refuses a cache folder that belongs to someone else
// or that others may use; where none was named and the usual one cannot be had,
// compiled code stays in memory. Close must follow, after the last Release.
func New(o Options) (*Loader, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	dir, cache, err := openCache(o.CacheDir)
	if err != nil && o.CacheDir == "" {
		o.Logger.Warn("compiled plugins are kept in memory alone: each start compiles them anew", "error", err.Error())
		dir, cache, err = "", wazero.NewCompilationCache(), nil
	}
	if err != nil {
		return nil, err
	}
	rt, err := newRuntime(cache)
	if err != nil {
		return nil, errors.Join(err, cache.Close(context.Background()))
	}
	processors := runtime.GOMAXPROCS(0)
	l := &Loader{
		processors: processors, options: o, logger: o.Logger, cache: cache, cacheDir: dir,
		runtime: rt, lane: newLane(processors),
	}
	l.quietly("trim the folder of compiled plugins", trimCache(dir, cacheBytes))
	l.startSweeper()
	return l, nil
}

// Close frees what is left of compiled code. Every policy must have been
// released; one that was not is an error, and its code stays in memory.
func (l *Loader) Close() error {
	l.sweeper.close()
	if n := l.policies.size(); n > 0 {
		return fmt.Errorf("%d policies were not released", n)
	}
	return errors.Join(l.runtime.Close(context.Background()), l.cache.Close(context.Background()))
}

// openCache opens the cache in dir, or in the user's cache folder.
func openCache(dir string) (string, wazero.CompilationCache, error) {
	dir, err := openCacheDir(dir)
	if err != nil {
		return "", nil, err
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return "", nil, fmt.Errorf("folder for compiled plugins: %w (%s)", err, cacheKnob)
	}
	return dir, cache, nil
}

// policyKey says when two specs are one policy.
type policyKey struct {
	sha256       [32]byte
	name, plugin string
	config       string
	grants       abi.Grant
	limits       plugins.Limits
}

// Load implements plugins.Loader. ctx bounds the wait before compiling; the
// compiler itself cannot be interrupted.
func (l *Loader) Load(ctx context.Context, spec plugins.Spec) (plugins.Policy, error) {
	p, key, err := l.load(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("policy %s: plugin %s: %w", spec.Name, spec.Path, err)
	}
	return &handle{policy: p, loader: l, key: key}, nil
}

func (l *Loader) load(ctx context.Context, spec plugins.Spec) (*policy, policyKey, error) {
	if err := ctx.Err(); err != nil {
		return nil, policyKey{}, err
	}
	file, err := readModule(spec.Path, spec.Folder)
	if err != nil {
		return nil, policyKey{}, err
	}
	limits := withDefaults(spec.Limits)
	orDefault(&limits.Instances, 2*l.processors)
	key := policyKey{file.sha256, spec.Name, spec.Plugin, string(spec.Config), spec.Grants, limits}
	p, err := l.policies.acquire(key, func() (*policy, error) { return l.makePolicy(ctx, key, file) })
	return p, key, err
}

func (l *Loader) makePolicy(ctx context.Context, key policyKey, file *moduleFile) (*policy, error) {
	prog, err := l.program(ctx, file)
	if err != nil {
		return nil, err
	}
	if err := fitsMemory(prog.info, key.limits.Memory); err != nil {
		l.releaseProgram(prog)
		return nil, err
	}
	p := newPolicy(key, prog, l, native.NewPolicy(native.Options{
		Name: key.name, Config: []byte(key.config), Grants: key.grants, Limits: key.limits,
		SHA256: key.sha256, Logger: l.logger, Store: l.options.Store, Metrics: l.options.Metrics,
	}))
	p.size = int64(len(file.bytes))
	if err := p.warm(); err != nil {
		l.releaseProgram(prog)
		return nil, err
	}
	return p, nil
}

// release gives a policy back; the last one closes it.
func (l *Loader) release(key policyKey) {
	l.policies.release(key, func(p *policy) {
		l.quietly("close instances", p.close())
		l.releaseProgram(p.program)
	})
}

// quietly logs an error of closing something, which nobody can act upon.
func (l *Loader) quietly(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		l.logger.Warn("cannot "+what, "error", err)
	}
}

// withDefaults fills in the limits that are not set, but for Instances, which
// depends on the machine.
func withDefaults(lim plugins.Limits) plugins.Limits {
	def := plugins.DefaultLimits()
	orDefault(&lim.Fuel, def.Fuel)
	orDefault(&lim.EventFuel, def.EventFuel)
	orDefault(&lim.InitFuel, def.InitFuel)
	orDefault(&lim.Memory, def.Memory)
	orDefault(&lim.Stack, def.Stack)
	orDefault(&lim.HostCalls, def.HostCalls)
	orDefault(&lim.VarBytes, def.VarBytes)
	orDefault(&lim.Vars, def.Vars)
	orDefault(&lim.KVBytes, def.KVBytes)
	orDefault(&lim.LogPerSecond, def.LogPerSecond)
	orDefault(&lim.CPUPercent, def.CPUPercent)
	return lim
}

func orDefault[T int | int64](value *T, def T) {
	if *value <= 0 {
		*value = def
	}
}
