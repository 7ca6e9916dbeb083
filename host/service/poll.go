package service

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/engine"
)

// LookFunc asks one service for its own metrics, once: at path, or where
// engines have them when path is "". It returns soon after ctx is done.
type LookFunc func(ctx context.Context, t Target, path string) (engine.Figures, error)

// polling is what a set wants to know of a service's load. The zero value is
// nothing.
type polling struct {
	config.Polling
	on   bool
	path string // "": looked for
}

// pollingOf says how cfg is to be asked. blind: by its load it would be
// balanced, and its metrics are off.
func pollingOf(cfg config.Service, o Options) (p polling, blind bool) {
	switch cfg.Metrics {
	case config.MetricsOff:
		return polling{}, o.ByLoad
	case config.MetricsAuto, "":
		return polling{Polling: sane(o.Polling), on: o.ByLoad}, false
	}
	return polling{Polling: sane(o.Polling), on: true, path: cfg.Metrics}, false
}

// sane fills in what a Set made without config's defaults lacks.
func sane(p config.Polling) config.Polling {
	for _, d := range []*time.Duration{&p.Interval, &p.Timeout} {
		if *d <= 0 {
			*d = time.Second
		}
	}
	p.Expire = max(p.Expire, p.Interval)
	return p
}

// reported is what a service said of itself at one look.
type reported struct {
	engine.Figures
	at   time.Time
	ours int64   // requests of ours that were open there then
	load float64 // Figures.Load
}

// Load is how busy the service is, in requests: what it said itself, moved by
// the requests that this router has opened and closed there since. It is never
// below the requests that are open there, and just that when the service says
// nothing. It does not allocate.
func (s *Service) Load() float64 {
	ours := s.inFlight.Load()
	r := s.reported.Load()
	if r == nil {
		return float64(ours)
	}
	return max(r.load+float64(ours-r.ours)*r.Pressure(), float64(ours))
}

// Reported returns what the service last said of its load, and when; ok is
// false when it says nothing, or has not for [load] expire.
func (s *Service) Reported() (f engine.Figures, at time.Time, ok bool) {
	if r := s.reported.Load(); r != nil {
		return r.Figures, r.at, true
	}
	return engine.Figures{}, time.Time{}, false
}

// poll asks for metrics until ctx is done or nobody wants to know.
func (b *backend) poll(ctx context.Context) {
	defer b.lookEnds()
	var told telling
	for {
		p := b.wanted.Load().polling
		if !p.on {
			if b.endPoll() {
				return
			}
			continue
		}
		b.lookOnce(ctx, p, &told)
		select {
		case <-ctx.Done():
			return
		case <-time.After(jittered(p.Interval, 0.2, rand.Float64())):
		}
	}
}

// endPoll ends the poller, unless somebody wants to know again already.
func (b *backend) endPoll() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.wanted.Load().polling.on {
		return false
	}
	if b.unpoll != nil {
		b.unpoll()
	}
	b.unpoll = nil
	b.reported.Store(nil)
	return true
}

func (b *backend) lookOnce(ctx context.Context, p polling, told *telling) {
	ours := b.inFlight.Load()
	t := b.target(b.wanted.Load())
	t.Timeout, t.knob = p.Timeout, "[load] timeout"
	f, err := b.look(ctx, t, p.path)
	if ctx.Err() != nil {
		return
	}
	now := time.Now()
	if err == nil {
		b.reported.Store(&reported{Figures: f, at: now, ours: ours, load: f.Load()})
	} else if r := b.reported.Load(); r != nil && now.Sub(r.at) >= p.Expire {
		b.reported.Store(nil)
	}
	told.tell(b, f, err)
}

// telling is what the log has been told of a service's metrics.
type telling struct {
	failed  bool
	missing []string
}

// tell warns once of metrics that can't be read, and once of each set of
// signals that is missing.
func (t *telling) tell(b *backend, f engine.Figures, err error) {
	if err != nil {
		if !t.failed {
			b.log.Warn("service does not tell its load: only this router's own requests count", "reason", err.Error())
		}
		t.failed = true
		return
	}
	if t.failed {
		b.log.Info("service tells its load again", "engine", f.Engine)
	}
	t.failed = false
	missing := f.Missing()
	if !slices.Equal(missing, t.missing) && len(missing) > 0 {
		b.log.Warn("service's metrics lack signals that its load is made of", "engine", f.Engine, "missing", missing)
	}
	t.missing = missing
}
