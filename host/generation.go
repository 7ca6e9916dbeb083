package host

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/forward"
	"github.com/infinirouter/infinirouter/host/route"
	"github.com/infinirouter/infinirouter/host/service"
	"github.com/infinirouter/infinirouter/host/telemetry"
	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// generation is everything that one router.toml implies. It never changes; a
// request holds one from accept to account, and the last release closes it.
type generation struct {
	number   uint64
	config   *config.Config
	services *service.Set
	routes   *route.Table
	chains   map[*route.Route]*chain
	manners  map[*route.Route]*manner
	latency  *latencies // of the generation before
	policies map[string]policy
	keys     map[[sha256.Size]byte]string // hash of a client's key to its id
	named    map[string]bool              // paths beside the endpoints that a route names
	forward  *forward.Forwarder
	metrics  *telemetry.Metrics

	classes    map[*route.Route]class // how requests are let in; set by adopt
	keyClasses map[string]class       // of keys, by id
	refs       atomic.Int64
}

// policy is a configured policy and the plugin that was loaded for it.
type policy struct {
	config config.Policy
	loaded plugins.Policy
}

// newGeneration builds a generation beside the running one, from which it
// takes over what did not change. Nothing has started when it returns: start
// does that. On error nothing of it is left, and the error lists every policy
// that could not be loaded.
func newGeneration(ctx context.Context, cfg *config.Config, loader plugins.Loader, prev *generation, o Options) (*generation, error) {
	g := &generation{config: cfg, policies: make(map[string]policy, len(cfg.Policies)), metrics: o.Metrics, classes: map[*route.Route]class{}, keyClasses: map[string]class{}}
	g.refs.Store(1)
	if prev != nil {
		g.number = prev.number
	}
	g.number++
	if err := g.loadPolicies(ctx, loader); err != nil {
		g.releasePolicies()
		return nil, err
	}
	g.latency = new(latencies)
	var before *service.Set
	if prev != nil {
		g.latency = prev.latency
		before = prev.services
	}
	services, err := service.NewSet(cfg.Services, cfg.Health, cfg.Server.ConnectTimeout, before, service.Options{
		Logger: o.Logger, Loops: o.loops, ByLoad: cfg.PollsLoad(), Polling: cfg.Load,
	})
	if err != nil {
		g.releasePolicies()
		return nil, err
	}
	g.services = services
	g.routes = route.NewTable(cfg.Routes)
	g.chains = make(map[*route.Route]*chain, len(cfg.Routes))
	g.manners = make(map[*route.Route]*manner, len(cfg.Routes))
	for _, r := range g.routes.Routes() {
		g.chains[r] = newChain(r.Config.Policies, g.policies)
		g.manners[r] = newManner(&r.Config, g.latency)
	}
	g.named = make(map[string]bool)
	for _, r := range cfg.Routes {
		if !strings.HasSuffix(r.Path, "*") {
			g.named[r.Path] = true
		}
	}
	g.keys = make(map[[sha256.Size]byte]string, len(cfg.APIKeys))
	for _, k := range cfg.APIKeys {
		g.keys[sha256.Sum256([]byte(k.Key))] = k.ID
	}
	g.forward = forward.New(forward.Options{
		ConnectTimeout:    cfg.Server.ConnectTimeout,
		FirstByteTimeout:  cfg.Server.FirstByteTimeout,
		RequestTimeout:    cfg.Server.RequestTimeout,
		StreamIdleTimeout: cfg.Server.StreamIdleTimeout,
		MaxReplyBody:      cfg.Server.MaxReplyBody,
	})
	return g, nil
}

func (g *generation) loadPolicies(ctx context.Context, loader plugins.Loader) error {
	var all config.Errors
	for i, c := range g.config.Policies {
		loaded, err := loader.Load(ctx, pluginSpec(c))
		if err != nil {
			all = append(all, g.config.PolicyError(i, err))
			continue
		}
		g.policies[c.Name] = policy{config: c, loaded: loaded}
	}
	if len(all) > 0 {
		return all
	}
	return nil
}

// WithPlugins adds to err, which config.Load gave beside cfg, what is wrong with
// the plugins of the policies that are sound otherwise: all is said at once.
func WithPlugins(ctx context.Context, cfg *config.Config, loader plugins.Loader, err error) error {
	var said, more config.Errors
	if cfg == nil || !errors.As(err, &said) {
		return err
	}
	g := &generation{config: cfg, policies: make(map[string]policy, len(cfg.Policies))}
	defer g.releasePolicies()
	if !errors.As(g.loadPolicies(ctx, loader), &more) {
		return err
	}
	return said.With(more)
}

func pluginSpec(c config.Policy) plugins.Spec {
	spec := plugins.Spec{
		Name: c.Name, Plugin: c.Plugin, Path: c.Path, Folder: c.Folder, Config: c.Config,
		Limits: plugins.Limits(c.Limits),
	}
	for _, name := range c.Grants {
		spec.Grants |= abi.GrantNames[name]
	}
	return spec
}

// acquire takes a reference; false when the generation is already closed.
func (g *generation) acquire() bool {
	for {
		n := g.refs.Load()
		if n == 0 {
			return false
		}
		if g.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release gives a reference back. The last one closes the generation, off the
// request's path, since closing waits for probers.
func (g *generation) release() {
	if g.refs.Add(-1) == 0 {
		go g.close()
	}
}

func (g *generation) close() {
	g.releasePolicies()
	g.services.Release()
}

func (g *generation) releasePolicies() {
	for _, p := range g.policies {
		p.loaded.Release()
	}
}
