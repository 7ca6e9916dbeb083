package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Options say how Run builds.
type Options struct {
	// CacheDir holds stamps and cargo's target folders. "": the user's cache
	// folder, or no stamps where there is none.
	CacheDir string
	Force    bool // build what is up to date too
	Jobs     int  // builds at a time; 0: one per CPU
	// Started is told of each policy that is not up to date when its compiler
	// starts, Progress of each when it is done; one call at a time. Either may
	// be nil.
	Started  func(Target)
	Progress func(Result)
}

// Result is how the build of one policy ended.
type Result struct {
	Target
	UpToDate bool // nothing had to be done
	Size     int64
	Took     time.Duration
	Err      error
}

// Run builds the targets and returns a result for each, ordered by name, and an error when
// any failed (a *Error for each that a compiler refused).
func Run(ctx context.Context, targets []Target, opts Options) ([]Result, error) {
	targets = sortTargets(targets)
	b := &builder{opts: opts, stamps: newStamps(opts.CacheDir)}
	if b.opts.Jobs <= 0 {
		b.opts.Jobs = runtime.NumCPU()
	}
	results := make([]Result, len(targets))
	slots := make(chan struct{}, b.opts.Jobs)
	var group sync.WaitGroup
	for i, t := range targets {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i] = b.build(ctx, t)
			b.report(results[i])
		})
	}
	group.Wait()
	var errs []error
	for _, r := range results {
		if r.Err != nil {
			errs = append(errs, r.Err)
		}
	}
	return results, errors.Join(errs...)
}

type builder struct {
	opts   Options
	stamps stamps
	mu     sync.Mutex // Started, Progress
	goWarm sync.Once  // see warmGo
}

func (b *builder) report(r Result) {
	if b.opts.Progress == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opts.Progress(r)
}

func (b *builder) started(t Target) {
	if b.opts.Started == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opts.Started(t)
}

// build builds one target unless its stamp says that nothing changed.
func (b *builder) build(ctx context.Context, t Target) Result {
	started := time.Now()
	r := Result{Target: t}
	done := func(err error) Result {
		r.Took, r.Err = time.Since(started), err
		return r
	}
	source, err := sourceHash(ctx, t)
	if err != nil {
		source = "" // the compiler will say what is wrong with the source
	}
	if source != "" && !b.opts.Force {
		if size, ok := b.stamps.fresh(t.Out, source); ok {
			r.UpToDate, r.Size = true, size
			return done(nil)
		}
	}
	b.started(t)
	tmp, err := os.MkdirTemp(filepath.Dir(t.Out), ".build-"+t.Name+"-")
	if err != nil {
		return done(fmt.Errorf("%s: %w", t.Name, err))
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	module := filepath.Join(tmp, t.Name+".wasm")
	if err := b.compile(ctx, t, module); err != nil {
		return done(err)
	}
	info, err := os.Stat(module)
	if err == nil {
		r.Size = info.Size()
		err = os.Chmod(module, 0o644)
	}
	if err == nil {
		err = os.Rename(module, t.Out)
	}
	if err != nil {
		return done(fmt.Errorf("%s: %w", t.Name, err))
	}
	if source != "" {
		b.stamps.put(t.Out, source)
	}
	return done(nil)
}

func (b *builder) compile(ctx context.Context, t Target, out string) error {
	switch t.Kind {
	case Go:
		b.goWarm.Do(func() { warmGo(ctx, t.Dir) })
		return compileGo(ctx, t, out)
	case Rust:
		return compileRust(ctx, t, out, b.stamps.dir)
	default:
		return fmt.Errorf("%s: cannot build a policy of kind %q", t.Dir, t.Kind)
	}
}
