package service

import (
	"context"
	"net"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/openai"
)

// Service is one generation's view of a backend. Two views of one backend share
// health, discovered models, counters, slots and pool; Config, Weight, the
// limit in Acquire and fixed models are the view's own. A reload that leaves a
// service's configuration as it was keeps the very same *Service. All methods
// are safe for concurrent use and may be called after the set was released.
type Service struct {
	cfg    config.Service
	serial uint64
	hash   uint64     // of the name
	fixed  *modelList // the configured models, nil when they are discovered
	*backend
}

var lastSerial atomic.Uint64

func newService(cfg config.Service, b *backend) *Service {
	s := &Service{cfg: cfg, serial: lastSerial.Add(1), hash: xxhash.Sum64String(cfg.Name), backend: b}
	if len(cfg.Models) > 0 {
		s.fixed = fixedModels(cfg.Models, cfg.Name, b.created)
	}
	return s
}

// Name returns the name in router.toml.
func (s *Service) Name() string { return s.cfg.Name }

// URL returns the configured URL.
func (s *Service) URL() string { return s.cfg.URL }

// Config returns this generation's configuration. Its maps and slices are
// shared and must not be changed.
func (s *Service) Config() config.Service { return s.cfg }

// Weight returns the configured weight, without the copy that Config makes.
func (s *Service) Weight() int { return s.cfg.Weight }

// Label returns the value of a configured label.
func (s *Service) Label(name string) (string, bool) {
	v, ok := s.cfg.Labels[name]
	return v, ok
}

// Serial returns a number that no other view in this process has. Balancers
// tell sets of candidates apart by it.
func (s *Service) Serial() uint64 { return s.serial }

// NameHash returns a hash of the name: the same in every router and every
// process, whatever else of the service is configured otherwise.
func (s *Service) NameHash() uint64 { return s.hash }

// PathPrefix returns the path of the service's URL as it is written, without a
// slash at its end: "" or "/prefix".
func (s *Service) PathPrefix() string { return s.where.prefix }

// Host returns host and port as in the URL: the value of a Host header.
func (s *Service) Host() string { return s.where.host }

// Client returns the pool of keep-alive connections. It is set up once and must
// not be changed; it has no timeout of its own beside connect_timeout and
// repeats nothing.
func (s *Service) Client() *fasthttp.HostClient { return s.client }

// Dial opens a new connection outside the pool, TLS handshake included, within
// connect_timeout or until ctx is done. The caller closes it.
func (s *Service) Dial(ctx context.Context) (net.Conn, error) { return s.dialer.dial(ctx) }

// Healthy reports whether the service takes traffic: it passes its checks, its
// requests have not got it ejected, and it is not draining. False until its
// first successful check.
func (s *Service) Healthy() bool {
	return s.standing() == in && s.passes() && !s.draining.Load()
}

// passes is Healthy without regard to requests that failed, or to whether a
// newer configuration still has the service.
func (s *Service) passes() bool { return s.healthy.Load() && !s.cfg.Drain }

// Models returns the models that the service serves: the configured ones, or
// those discovered last, also while it is unhealthy. The slice never changes
// and must not be changed.
func (s *Service) Models() []openai.Model { return s.models().list }

// HasModel reports whether Models has a model of this name. It does not allocate.
func (s *Service) HasModel(name string) bool {
	_, ok := s.models().ids[name]
	return ok
}

// HasModelBytes is HasModel for a name in bytes. It does not allocate.
func (s *Service) HasModelBytes(name []byte) bool {
	_, ok := s.models().ids[string(name)]
	return ok
}

func (s *Service) models() *modelList {
	if s.fixed != nil {
		return s.fixed
	}
	return s.discovered.Load()
}

// Acquire takes a slot and reports true, or reports false when max_in_flight
// slots are taken or the service is on trial and its one request is out. Every
// success is followed by one Release.
func (s *Service) Acquire() bool {
	if s.standing() == onTrial {
		return s.acquireTrial()
	}
	return s.slot()
}

func (s *Service) slot() bool {
	limit := int64(s.cfg.MaxInFlight)
	if limit <= 0 {
		s.inFlight.Add(1)
		return true
	}
	for {
		n := s.inFlight.Load()
		if n >= limit {
			return false
		}
		if s.inFlight.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release gives a slot back. The slot's connection should be back in the pool
// by then: if the backend has left the configuration, Release closes the pool.
func (s *Service) Release() {
	n := s.inFlight.Add(-1)
	if n == 0 && s.trial.Load() {
		s.endTrial()
	}
	if n == 0 && s.draining.Load() {
		s.drained()
	}
	if s.closed.Load() {
		s.client.CloseIdleConnections()
	}
}

// InFlight returns the slots taken now, by all generations together.
func (s *Service) InFlight() int64 { return s.inFlight.Load() }

// Full reports whether Acquire would fail now.
func (s *Service) Full() bool {
	if s.standing() == onTrial && s.trial.Load() {
		return true
	}
	return s.cfg.MaxInFlight > 0 && s.inFlight.Load() >= int64(s.cfg.MaxInFlight)
}
