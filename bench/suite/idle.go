package suite

import (
	"context"
	"time"

	"github.com/infinirouter/infinirouter/bench/load"
	"github.com/infinirouter/infinirouter/bench/process"
	"github.com/infinirouter/infinirouter/bench/report"
)

// runIdle opens connections that make a request each and then wait.
func (b *bench) runIdle(ctx context.Context, m *measurement) error {
	names, err := b.startable(ctx, m.targets)
	if err != nil {
		return err
	}
	return b.rounds(ctx, m, names, func(name string) (report.Round, error) {
		targets, err := b.start(ctx, []string{name}, b.service)
		if err != nil || len(targets) == 0 {
			return report.Round{}, err
		}
		defer stopAll(targets)
		return b.idle(ctx, targets[0], m)
	})
}

// startable returns those of the targets that can be started, for scenarios that
// start them again and again.
func (b *bench) startable(ctx context.Context, names []string, services ...*service) ([]string, error) {
	if len(services) == 0 {
		services = []*service{b.service}
	}
	var list []string
	for _, name := range names {
		targets, err := b.start(ctx, []string{name}, services...)
		if err != nil {
			return nil, err
		}
		stopAll(targets)
		if len(targets) > 0 {
			list = append(list, name)
		}
	}
	return list, nil
}

// pulse keeps an idle run going: one request in so many milliseconds.
const pulse = 5.0 // a second

func (b *bench) idle(ctx context.Context, t *target, m *measurement) (report.Round, error) {
	job := b.job(m, t)
	job.Idle, job.Connections, job.Rate = m.c.Connections, 1, pulse
	var before, after process.Usage
	var failed error
	job.Begin = func() { before, failed = t.usage() }
	job.End = func() {
		var err error
		if after, err = t.usage(); failed == nil {
			failed = err
		}
	}
	res, err := load.Run(ctx, job)
	if err != nil {
		return report.Round{}, err
	}
	if failed != nil {
		return report.Round{}, failed
	}
	if err := t.check(); err != nil {
		return report.Round{}, err
	}
	n := float64(m.c.Connections)
	v := map[string]float64{"connections": n, "errors": float64(res.ErrorCount())}
	if t.pid != 0 {
		used := after.Since(before)
		v["memory_per_connection"] = float64(after.RSS-t.fresh.RSS) / n
		v["rss"], v["files"] = float64(after.RSS), float64(after.FDs)
		v["cpu_idle"] = used.CPU.Seconds() / max(res.Elapsed, time.Millisecond).Seconds()
	}
	return report.Round{Values: v, Errors: res.Errors}, nil
}
