package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/loop"
	"github.com/infinirouter/infinirouter/host/openai"
)

// Set is the services of one generation, in the order of router.toml. It is
// immutable and safe for concurrent use.
type Set struct {
	all      []*Service
	byName   map[string]*Service
	settings []settings // by position in all
	changes  Changes
	left     []*Service // of the set before, and not carried over
	fleet    *fleet     // shared with the set before
	index    atomic.Pointer[index]
	indexing sync.Mutex // one reader rebuilds, the others wait for it
	released sync.Once
}

// Options are what a Set takes from its surroundings.
type Options struct {
	Logger *slog.Logger // nil: no log
	// Probe and Look replace those over HTTP; nil in production.
	Probe ProbeFunc
	Look  LookFunc
	// ByLoad: a route balances by what services say of their load.
	ByLoad  bool
	Polling config.Polling
	// Loops run the connections of the pools; nil: plain ones.
	Loops *loop.Group
}

// Changes say how a set differs from the one before it, by service name.
type Changes struct {
	Added, Removed []string
	// Replaced have the name of an old service and new connections, health and
	// counters, because something changed that shapes a connection.
	Replaced []string
	// Updated keep all that and differ in something else.
	Updated []string
	Kept    []string
}

// NewSet returns the services that cfgs describes. Those of prev whose name,
// URL, TLS options, certificates and connect timeout stay the same are carried
// over with health, counters, models and connections. The caller holds prev,
// which may be nil, until NewSet has returned, and calls Release on the result,
// started or not. Nothing starts here and prev is not touched. The error joins
// one per service that can't be made.
func NewSet(cfgs []config.Service, health config.Health, connectTimeout time.Duration, prev *Set, opts Options) (*Set, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Set{byName: make(map[string]*Service, len(cfgs)), fleet: new(fleet)}
	if prev == nil {
		prev = &Set{}
	} else {
		s.fleet = prev.fleet
	}
	var errs []error
	for _, cfg := range cfgs {
		if _, twice := s.byName[cfg.Name]; twice {
			errs = append(errs, fmt.Errorf("service %q: there are two of this name", cfg.Name))
			continue
		}
		want := settingsOf(cfg, health, opts)
		service, err := s.carryOver(cfg, want, connectTimeout, prev, opts)
		if err != nil {
			errs = append(errs, fmt.Errorf("service %q: %w", cfg.Name, err))
			continue
		}
		s.all = append(s.all, service)
		s.byName[cfg.Name] = service
		s.settings = append(s.settings, want)
	}
	if len(errs) > 0 {
		s.Release()
		return nil, errors.Join(errs...)
	}
	for _, old := range prev.all {
		now := s.byName[old.Name()]
		if now == nil {
			s.changes.Removed = append(s.changes.Removed, old.Name())
		}
		if now == nil || now.backend != old.backend {
			s.left = append(s.left, old)
		}
	}
	return s, nil
}

func settingsOf(cfg config.Service, health config.Health, o Options) settings {
	s := settings{
		health: checked(health), healthPath: cfg.HealthPath,
		apiKey: cfg.APIKey, discover: len(cfg.Models) == 0,
	}
	s.polling, s.blind = pollingOf(cfg, o)
	return s
}

// carryOver returns the service for cfg, made from prev's if that has the same
// identity, and notes which change that is.
func (s *Set) carryOver(cfg config.Service, want settings, connectTimeout time.Duration, prev *Set, opts Options) (*Service, error) {
	if cfg.ConnectTimeout > 0 {
		connectTimeout = cfg.ConnectTimeout
	}
	where, err := locate(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	d, caSum, err := newDialer(cfg, where, connectTimeout)
	if err != nil {
		return nil, err
	}
	d.loops = opts.Loops
	id := identity{cfg.Name, cfg.URL, cfg.InsecureSkipVerify, cfg.CAFile, caSum, connectTimeout}
	old := prev.byName[cfg.Name]
	if old != nil && old.backend.id == id && old.backend.retain() {
		if reflect.DeepEqual(old.cfg, cfg) {
			s.changes.Kept = append(s.changes.Kept, cfg.Name)
			return old, nil
		}
		s.changes.Updated = append(s.changes.Updated, cfg.Name)
		return newService(cfg, old.backend), nil
	}
	b := newBackend(id, where, d, opts, want)
	b.fleet, b.late = s.fleet, len(prev.all) > 0
	if old != nil {
		s.changes.Replaced = append(s.changes.Replaced, cfg.Name)
	} else {
		s.changes.Added = append(s.changes.Added, cfg.Name)
	}
	return newService(cfg, b), nil
}

// Start makes this set's settings the ones that probes use and starts a prober
// for each service that has none. ctx ends probing for good, in later sets too
// that carry services over: it is the process's, not the generation's. Start
// does nothing after Release.
func (s *Set) Start(ctx context.Context) {
	s.fleet.newest.Store(s)
	for i, service := range s.all {
		service.backend.start(ctx, s.settings[i])
		service.backend.drain(service.cfg.Drain, "drain = true")
	}
	for _, service := range s.left {
		service.backend.drain(true, "it is no longer in router.toml")
	}
	s.fleet.leave(s.left)
	s.left = nil
}

// Release lets go of the services. Those that no other set holds are no longer
// probed and their idle connections are closed; connections in use finish. It
// does not wait, and calls after the first do nothing.
func (s *Set) Release() {
	s.released.Do(func() {
		for _, service := range s.all {
			service.backend.release()
		}
	})
}

// WaitReady waits until every service was probed once as this set, started
// before, wants it: at once for those carried over with the same settings. It
// reports whether that came true before timeout and before ctx was done.
func (s *Set) WaitReady(ctx context.Context, timeout time.Duration) bool {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for _, service := range s.all {
		probed := service.wanted.Load().probed
		select {
		case <-probed:
			continue
		default:
		}
		select {
		case <-probed:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// All returns the services in the order of router.toml. The slice must not be
// changed.
func (s *Set) All() []*Service { return s.all }

// ByName returns the service of this name, or nil.
func (s *Set) ByName(name string) *Service { return s.byName[name] }

// Changes returns how the set differs from the one before it.
func (s *Set) Changes() Changes { return s.changes }

// Healthy returns the number of healthy services.
func (s *Set) Healthy() int {
	n := 0
	for _, service := range s.all {
		if service.Healthy() {
			n++
		}
	}
	return n
}

// Models returns the models of the healthy services, sorted by id. Of models
// with one id the object of the service that stands first counts. The slice
// never changes and must not be changed.
func (s *Set) Models() []openai.Model { return s.current().models }

// Serving appends the healthy services that serve the model to dst, in the
// order of router.toml. It does not allocate when dst has the capacity.
func (s *Set) Serving(dst []*Service, model []byte) []*Service {
	if e := s.current().byModel[string(model)]; e != nil {
		return append(dst, e.serving...)
	}
	return dst
}

// Knows reports whether any service, healthy or not, has the model.
func (s *Set) Knows(model []byte) bool {
	return s.current().byModel[string(model)] != nil
}

// OnlyModel returns the one model that the healthy services serve; ok is false
// when there is none or more than one.
func (s *Set) OnlyModel() (model string, ok bool) {
	if models := s.current().models; len(models) == 1 {
		return models[0].ID, true
	}
	return "", false
}
