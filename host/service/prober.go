package service

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/openai"
)

// ProbeFunc asks one service how it is, once. It returns soon after ctx is done.
type ProbeFunc func(ctx context.Context, t Target) Report

// Target is what a probe needs to know beside where the service is.
type Target struct {
	Name       string
	URL        string
	HealthPath string // "": the models are the health signal
	APIKey     string
	Discover   bool          // the models are wanted too
	Timeout    time.Duration // for each request

	knob string // of Timeout; "": [health] timeout
}

// Report is the answer of a probe.
type Report struct {
	Healthy bool
	// Reason says why it is not healthy, or why Models is missing.
	Reason string
	// Models counts when Discovered is set; otherwise the last known ones stay.
	Models     []openai.Model
	Discovered bool
	// Unmade: the router could not ask, so the rest says nothing.
	Unmade bool
}

// run is the prober: one goroutine per backend, from its first Start until the
// last set lets go or ctx is done.
func (b *backend) run(ctx context.Context) {
	defer close(b.stopped)
	var before *wanted
	for {
		asked := b.wanted.Load()
		report := b.probe(ctx, b.target(asked))
		if ctx.Err() != nil {
			return // what the probe says now is about the cancellation
		}
		if report.Unmade {
			b.log.Warn("service cannot be checked", "reason", report.Reason)
		} else {
			b.learn(asked, report)
		}
		if asked != before {
			close(asked.probed)
		}
		before = asked
		if !b.rest(ctx, asked) {
			return
		}
	}
}

// rest waits for the next probe's time. It reports false when ctx is done.
func (b *backend) rest(ctx context.Context, asked *wanted) bool {
	timer := time.NewTimer(b.pause())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case <-b.wake:
			if b.wanted.Load() != asked {
				return true // what was asked is not what is wanted now
			}
			timer.Reset(b.pause())
		}
	}
}

func (b *backend) target(s *wanted) Target {
	return Target{
		Name: b.id.name, URL: b.id.url,
		HealthPath: s.healthPath, APIKey: s.apiKey, Discover: s.discover, Timeout: s.health.Timeout,
	}
}

// pause returns the time until the next probe, jitter included.
func (b *backend) pause() time.Duration {
	s := b.wanted.Load()
	hasModels := !s.discover || len(b.discovered.Load().list) > 0
	b.mu.Lock()
	wait := b.health.pace(s.health.Interval, hasModels)
	b.mu.Unlock()
	return jittered(wait, s.health.Jitter, rand.Float64())
}

// jittered spreads d over d*(1-share/2) to d*(1+share/2) by r in [0, 1), so that
// the mean is d and services do not stay in step.
func jittered(d time.Duration, share, r float64) time.Duration {
	return time.Duration(float64(d) * (1 + share*(r-0.5)))
}

// learn takes a report in.
func (b *backend) learn(asked *wanted, r Report) {
	models, fresh := b.discovered.Load(), (*modelList)(nil)
	if r.Discovered {
		if l := newModelList(r.Models); !l.equal(models) {
			fresh = l
		}
	}
	answered := b.answered.Swap(false)
	b.mu.Lock()
	h := &b.health
	h.probes++
	h.lastProbe = time.Now()
	wasExcused, first := h.excused, h.state == unknown
	var in, out bool
	if r.Healthy {
		in = h.probeSucceeded(asked.health.HealthyAfter)
		if h.state == healthy {
			h.reason = r.Reason
		}
	} else {
		out = h.probeFailed(asked.health.UnhealthyAfter, answered, r.Reason)
	}
	excused := h.excused && !wasExcused
	missing := !r.Healthy && h.state == unknown && h.probes == 1
	if fresh != nil {
		b.discovered.Store(fresh) // before healthy: nobody sees it healthy with the models of old
	}
	b.healthy.Store(h.state == healthy)
	if in && (!first || b.late) {
		b.ramp.begin(asked.health.SlowStart)
	}
	if in && b.outlier.standing == ejected {
		b.letTry() // it was away, and may be another process
	}
	b.mu.Unlock()
	if in || out || fresh != nil {
		b.fleet.changed.Add(1)
	}
	b.tell(in, out, missing, r)
	if excused {
		b.log.Warn("service fails its checks and answers requests: it stays", "url", b.id.url, "reason", r.Reason)
	}
	if fresh != nil && !fresh.sameIDs(models) {
		b.log.Info("service's models changed", "models", names(fresh.list), "before", len(models.list))
	}
}

// tell logs a change of state, and nothing when there was none.
func (b *backend) tell(in, out, missing bool, r Report) {
	switch {
	case in && r.Reason != "":
		b.log.Warn("service is healthy, its models are not known", "url", b.id.url, "reason", r.Reason)
	case in:
		b.log.Info("service is healthy", "url", b.id.url)
	case out:
		b.log.Warn("service is unhealthy", "url", b.id.url, "reason", r.Reason)
	case missing:
		b.log.Warn("service is not up", "url", b.id.url, "reason", r.Reason)
	}
}

// names returns the ids of the first models, for the log.
func names(models []openai.Model) []string {
	const most = 20
	ids := make([]string, 0, min(len(models), most+1))
	for i, m := range models {
		if i == most {
			return append(ids, "...")
		}
		ids = append(ids, m.ID)
	}
	return ids
}

// checked returns h with a sane value where it has none, so that a Set made
// without config's defaults neither spins nor never probes.
func checked(h config.Health) config.Health {
	if h.Interval <= 0 {
		h.Interval = 30 * time.Second
	}
	if h.Timeout <= 0 {
		h.Timeout = 5 * time.Second
	}
	h.UnhealthyAfter = max(h.UnhealthyAfter, 1)
	h.HealthyAfter = max(h.HealthyAfter, 1)
	h.Jitter = min(max(h.Jitter, 0), 1)
	h.Outlier.MaxEjection = max(h.Outlier.MaxEjection, h.Outlier.BaseEjection)
	return h
}
