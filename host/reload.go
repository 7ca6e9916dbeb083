package host

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/watch"
)

// Report is what a reload did.
type Report struct {
	Generation uint64   `json:"generation"`
	Changed    []string `json:"changed"`            // empty: everything was as before
	Warnings   []string `json:"warnings,omitempty"` // what needs a restart
	Unused     []string `json:"unused,omitempty"`   // plugins that no policy uses, when nothing changed
}

// String is the report as one log line.
func (r Report) String() string {
	if len(r.Changed) == 0 {
		text := fmt.Sprintf("generation %d stays: nothing changed", r.Generation)
		if len(r.Unused) > 0 {
			text += "; no [[policies]] uses " + strings.Join(r.Unused, ", ")
		}
		return text
	}
	return fmt.Sprintf("generation %d: %s", r.Generation, strings.Join(r.Changed, "; "))
}

// Reload reads router.toml again and, when it and every plugin in it are
// sound, puts a new generation in place of the running one. On error the
// running one stays, untouched, and the error lists everything that is wrong.
// Reloads run one at a time; requests are never held up.
func (r *Router) Reload(ctx context.Context) (Report, error) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if tell := r.options.Reloading; tell != nil {
		tell(true)
		defer tell(false)
	}
	old := r.current.Load()
	report, err := r.reload(ctx, old)
	r.metrics.ReloadDone(err == nil, r.current.Load().number)
	if err != nil {
		r.options.Logger.Error("reload refused, the running configuration stays", "generation", old.number, "error", err.Error())
		return Report{Generation: old.number}, err
	}
	for _, w := range report.Warnings {
		r.options.Logger.Warn(w)
	}
	r.options.Logger.Info("reload", "result", report.String())
	return report, nil
}

func (r *Router) reload(ctx context.Context, old *generation) (Report, error) {
	cfg, err := loadAtRest(r.options.ConfigPath)
	if err != nil {
		return Report{}, WithPlugins(ctx, cfg, r.options.Loader, err)
	}
	if r.options.Listen != "" {
		cfg.Server.Listen = r.options.Listen
	}
	next, err := newGeneration(ctx, cfg, r.options.Loader, old, r.options)
	if err != nil {
		return Report{}, err
	}
	changed := differences(old, next)
	if len(changed) == 0 {
		next.close()
		return Report{Generation: old.number, Unused: unused(cfg)}, nil
	}
	next.start(ctx)
	r.swap(next)
	return Report{Generation: next.number, Changed: changed, Warnings: restartNeeded(r.boot, cfg)}, nil
}

// Between two looks at router.toml, and how many there may be.
const (
	restBetween = 10 * time.Millisecond
	restLooks   = 20
)

// loadAtRest reads router.toml while nobody writes it: the half of a file can
// be a sound file, without the services and policies of the other half. The
// Config beside an error is config.Load's.
func loadAtRest(path string) (*config.Config, error) {
	files := watch.Files{Names: []string{path}}
	for range restLooks {
		before := watch.Look(files)
		cfg, err := config.Load(path)
		if err != nil {
			return cfg, err
		}
		time.Sleep(restBetween)
		if !maps.Equal(before, watch.Look(files)) {
			continue
		}
		if info, err := os.Stat(path); err == nil && info.Size() == 0 {
			return nil, fmt.Errorf("%s is empty: its writer has not come far", path)
		}
		return cfg, nil
	}
	return nil, fmt.Errorf("%s changes all the time: it was not read", path)
}

// start lets the generation's services be probed and gives new ones the chance
// to answer before they take traffic. It cannot fail.
func (g *generation) start(ctx context.Context) {
	g.services.Start(context.WithoutCancel(ctx))
	g.services.WaitReady(ctx, min(g.config.Health.Timeout, readyWait))
}

// readyWait bounds how long a reload waits for services that it brings.
const readyWait = 2 * time.Second

// swap publishes next and drops the router's reference to the one before.
func (r *Router) swap(next *generation) {
	r.conns.limit(&next.config.Server)
	r.entrance.adopt(next)
	r.memory.limit.Store(next.config.Server.MaxBodyMemory)
	r.memory.largest.Store(next.largestBody())
	if old := r.current.Swap(next); old != nil {
		old.release()
	}
	r.entrance.queue.Wake() // a limit may be higher now
}

// differences says, in router.toml's words, what a new generation changes.
func differences(old, next *generation) []string {
	var out []string
	a, b := old.config, next.config
	if a.Server != b.Server {
		out = append(out, "server changed")
	}
	if a.Health != b.Health {
		out = append(out, "health changed")
	}
	if a.Load != b.Load {
		out = append(out, "load changed")
	}
	if a.Plugins != b.Plugins {
		out = append(out, "plugins changed")
	}
	out = append(out, compare("service", byName(a.Services, func(s config.Service) string { return s.Name }), byName(b.Services, func(s config.Service) string { return s.Name }))...)
	out = append(out, compare("policy", old.policyStates(), next.policyStates())...)
	out = append(out, compare("route", byName(a.Routes, func(r config.Route) string { return r.Name }), byName(b.Routes, func(r config.Route) string { return r.Name }))...)
	out = append(out, compare("api key", byName(a.APIKeys, func(k config.APIKey) string { return k.ID }), byName(b.APIKeys, func(k config.APIKey) string { return k.ID }))...)
	if len(out) == 0 && !reflect.DeepEqual(names(a), names(b)) {
		out = append(out, "order changed")
	}
	return out
}

// names is the order of everything in a file, which routing depends on.
func names(c *config.Config) []string {
	var out []string
	for _, s := range c.Services {
		out = append(out, s.Name)
	}
	for _, r := range c.Routes {
		out = append(out, r.Name)
	}
	return out
}

// policyState is what makes a policy another one: its section of router.toml
// and the bytes of its plugin.
type policyState struct {
	config config.Policy
	sha256 string
}

func (g *generation) policyStates() map[string]policyState {
	out := make(map[string]policyState, len(g.policies))
	for name, p := range g.policies {
		out[name] = policyState{config: p.config, sha256: p.loaded.Stats().SHA256}
	}
	return out
}

func byName[T any](list []T, name func(T) string) map[string]T {
	out := make(map[string]T, len(list))
	for _, v := range list {
		out[name(v)] = v
	}
	return out
}

func compare[T any](kind string, a, b map[string]T) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(b)) {
		before, ok := a[name]
		switch {
		case !ok:
			out = append(out, fmt.Sprintf("%s %s added", kind, name))
		case !reflect.DeepEqual(before, b[name]):
			out = append(out, fmt.Sprintf("%s %s changed", kind, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[name]; !ok {
			out = append(out, fmt.Sprintf("%s %s removed", kind, name))
		}
	}
	return out
}

// restartNeeded lists keys that a running process cannot change.
func restartNeeded(boot, now *config.Config) []string {
	var out []string
	for _, k := range []struct {
		key    string
		differ bool
	}{
		{"server.listen", boot.Server.Listen != now.Server.Listen},
		{"server.admin_listen", boot.Server.AdminListen != now.Server.AdminListen},
		{"server.idle_timeout", boot.Server.IdleTimeout != now.Server.IdleTimeout},
		{"server.client_header_timeout", boot.Server.ClientHeaderTimeout != now.Server.ClientHeaderTimeout},
		{"plugins.cache_dir", boot.Plugins.CacheDir != now.Plugins.CacheDir},
	} {
		if k.differ {
			out = append(out, k.key+" changed: takes effect at the next start")
		}
	}
	return out
}

// unused lists the plugins in plugins.dir that no policy uses: what somebody
// dropped there does nothing yet.
func unused(cfg *config.Config) []string {
	used := make(map[string]bool, len(cfg.Policies))
	for _, p := range cfg.Policies {
		used[p.Path] = true
	}
	var out []string
	for name := range watch.Look(watch.Files{Dir: cfg.Plugins.Dir, Ext: ".wasm"}) {
		if !used[name] {
			out = append(out, filepath.Base(name))
		}
	}
	slices.Sort(out)
	return out
}

// Check builds what cfg implies and drops it again: nothing is probed, nothing
// listens. Its error lists everything that is wrong.
func Check(ctx context.Context, cfg *config.Config, o Options) error {
	g, err := newGeneration(ctx, cfg, o.Loader, nil, o)
	if err != nil {
		return err
	}
	g.close()
	return nil
}

// Files returns the files whose change calls for a reload: router.toml and the
// plugins in use, and the folder that plugins are dropped into.
func (r *Router) Files() watch.Files {
	g := r.acquire()
	defer g.release()
	return FilesOf(r.options.ConfigPath, g.config)
}

// FilesOf is Files before there is a Router.
func FilesOf(configPath string, cfg *config.Config) watch.Files {
	files := watch.Files{Names: []string{configPath}, Dir: cfg.Plugins.Dir, Ext: ".wasm"}
	for _, p := range cfg.Policies {
		files.Names = append(files.Names, p.Path)
	}
	return files
}
