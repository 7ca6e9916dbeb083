package service

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
)

// identity is everything that shapes a backend's connections. A service whose
// identity is the same in the next router.toml keeps its backend.
type identity struct {
	name, url      string
	insecure       bool
	caFile         string
	caSum          [32]byte // of the file's bytes: a renewed file is another identity
	connectTimeout time.Duration
}

// settings are what a set wants of a backend's prober and state machine.
// Comparable: a change wakes the prober.
type settings struct {
	health     config.Health
	healthPath string
	apiKey     string
	discover   bool
	polling    polling
	blind      bool // balanced by its load, which is not asked for
}

// wanted is the settings of the newest set that was started.
type wanted struct {
	settings
	probed chan struct{} // closed after the first probe that heeds them
}

func newWanted(s settings) *wanted { return &wanted{s, make(chan struct{})} }

// backend is the part of a service that generations share.
type backend struct {
	id     identity
	where  location
	dialer *dialer
	client *fasthttp.HostClient
	probe  ProbeFunc
	look   LookFunc
	// lookEnds closes what look keeps open.
	lookEnds func()
	log      *slog.Logger
	created  time.Time
	late     bool // came while others were at work
	fleet    *fleet

	wanted     atomic.Pointer[wanted]    // never nil
	discovered atomic.Pointer[modelList] // never nil
	healthy    atomic.Bool               // by its checks; written with mu held
	stands     atomic.Uint32             // a standing; written with mu held
	trial      atomic.Bool               // on trial: its one request is out
	tried      atomic.Bool               // on trial: it has been given a request
	answered   atomic.Bool               // a request since the last check
	draining   atomic.Bool               // gets nothing new, by the newest configuration
	closed     atomic.Bool
	ramp       ramp
	reported   atomic.Pointer[reported] // nil: nothing, or too long ago
	inFlight   atomic.Int64
	requests   atomic.Uint64
	errors     atomic.Uint64

	wake    chan struct{} // capacity 1: the prober looks at its pace again
	stopped chan struct{} // closed when the prober has ended

	mu      sync.Mutex
	refs    int
	cancel  context.CancelFunc // of the prober, nil before the first Start
	unpoll  context.CancelFunc // of the poller, nil when there is none
	timer   *time.Timer        // of the ejection
	health  health
	outlier outlier
	load    averages
}

func newBackend(id identity, where location, d *dialer, o Options, first settings) *backend {
	b := &backend{
		id: id, where: where, dialer: d,
		client: newClient(d),
		probe:  o.Probe,
		look:   o.Look, lookEnds: func() {},
		log:     o.Logger.With("service", id.name),
		created: time.Now(),
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
		refs:    1,
	}
	if b.probe == nil {
		b.probe = newHTTPProbe(id.url, d).check
	}
	if b.look == nil {
		l := newHTTPLook(id.url, d)
		b.look, b.lookEnds = l.look, l.close
	}
	b.wanted.Store(newWanted(first))
	b.discovered.Store(noModels)
	return b
}

// retain counts one more set, unless the last one has let go already.
func (b *backend) retain() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refs == 0 {
		return false
	}
	b.refs++
	return true
}

// release counts one set less. The last one stops the prober, without waiting
// for it, and closes idle connections; those in use are closed by Service.Release.
func (b *backend) release() {
	b.mu.Lock()
	b.refs--
	last, cancel, unpoll := b.refs == 0, b.cancel, b.unpoll
	if last && b.timer != nil {
		b.timer.Stop()
	}
	b.mu.Unlock()
	if !last {
		return
	}
	for _, end := range []context.CancelFunc{cancel, unpoll} {
		if end != nil {
			end()
		}
	}
	b.closed.Store(true)
	b.client.CloseIdleConnections()
}

// start hands the backend its newest settings and sees to it that a prober runs.
func (b *backend) start(ctx context.Context, want settings) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refs == 0 {
		return
	}
	changed := b.cancel == nil || b.wanted.Load().settings != want
	if b.wanted.Load().settings != want {
		b.wanted.Store(newWanted(want))
		b.nudge()
	}
	if b.cancel == nil {
		var life context.Context
		life, b.cancel = context.WithCancel(ctx)
		go b.run(life)
	}
	if want.polling.on && b.unpoll == nil {
		var life context.Context
		life, b.unpoll = context.WithCancel(ctx)
		go b.poll(life)
	}
	if changed && want.blind {
		b.log.Warn("service is balanced by its load, and metrics = \"off\" hides it: only this router's own requests count")
	}
}

// nudge wakes the prober, which then looks at settings and pace again.
func (b *backend) nudge() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}
