package suite

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/infinirouter/infinirouter/bench/corpus"
	"github.com/infinirouter/infinirouter/bench/load"
	"github.com/infinirouter/infinirouter/bench/peer"
	"github.com/infinirouter/infinirouter/bench/process"
	"github.com/infinirouter/infinirouter/bench/report"
)

// runLoad puts a case's load on each target.
func (b *bench) runLoad(ctx context.Context, m *measurement) error {
	targets := *m.shared
	if m.c.Fresh || len(targets) == 0 {
		stopAll(targets)
		*m.shared = nil
		var err error
		if targets, err = b.start(ctx, m.targets, b.service); err != nil {
			return err
		}
		*m.shared = targets
	}
	byName := map[string]*target{}
	var names []string
	for _, t := range targets {
		byName[t.name] = t
		names = append(names, t.name)
	}
	return b.rounds(ctx, m, names, func(name string) (report.Round, error) {
		return b.load(ctx, byName[name], b.job(m, byName[name]), watch{})
	})
}

// job is the load of a case.
func (b *bench) job(m *measurement, t *target) load.Job {
	c := m.c
	return load.Job{
		URL: t.url, Model: peer.Alias, Corpus: corpus.Kind(c.Corpus), BodyBytes: int(c.Body),
		Headers: behaviour(time.Duration(c.FirstToken), time.Duration(c.Interval)), Tokens: c.Tokens, Stream: c.Stream,
		Rate: c.Rate, Connections: c.Connections, Ramp: time.Duration(c.Ramp), Requests: c.Requests,
		Warmup: time.Duration(m.s.Warmup), Duration: time.Duration(m.s.Duration), Seed: 1,
	}
}

// watch is called just before and after what is measured; either may be nil.
type watch struct{ before, after func() error }

// load runs a job against a target and returns what it cost.
func (b *bench) load(ctx context.Context, t *target, job load.Job, w watch) (report.Round, error) {
	var before, after process.Usage
	var failed error
	call := func(f func() error) {
		if f != nil {
			failed = errors.Join(failed, f())
		}
	}
	job.Begin = func() {
		call(w.before)
		call(func() error {
			if t.pid == 0 {
				return nil
			}
			return process.ResetPeak(t.pid)
		})
		call(func() (err error) { before, err = t.usage(); return err })
	}
	job.End = func() {
		call(func() (err error) { after, err = t.usage(); return err })
		call(w.after)
	}
	res, err := load.Run(ctx, job)
	if err = errors.Join(err, t.check()); err != nil {
		return report.Round{}, err
	}
	if failed != nil {
		return report.Round{}, failed
	}
	return roundOf(t, res, before, after)
}

// roundOf makes figures of what the generator and the target's processes say.
func roundOf(t *target, res *load.Result, before, after process.Usage) (report.Round, error) {
	raw, err := json.Marshal(res)
	if err != nil {
		return report.Round{}, err
	}
	v := map[string]float64{"requests": float64(res.Requests), "requests_per_second": res.Rate, "errors": float64(res.ErrorCount() + res.Unfinished)}
	r := report.Round{Values: v, Errors: res.Errors, Raw: raw, Curves: map[string][]report.Point{}}
	if res.Job.Rate > 0 && res.Sent > 0 {
		v["late"] = float64(res.Late) / float64(res.Sent)
	}
	if res.Latency.Count() > 0 {
		for name, q := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "max": 1} {
			v[name] = res.Latency.Quantile(q).Seconds()
		}
		r.Curves["latency"] = curve(res.Latency)
	}
	if res.Job.Stream {
		v["events_per_second"] = float64(res.Events) / res.Elapsed.Seconds()
		v["first_token_p50"], v["first_token_p99"] = res.FirstToken.Quantile(0.5).Seconds(), res.FirstToken.Quantile(0.99).Seconds()
		v["gap_p50"], v["gap_p99"], v["gap_max"] = res.Gap.Quantile(0.5).Seconds(), res.Gap.Quantile(0.99).Seconds(), res.Gap.Max().Seconds()
		r.Curves["first_token"], r.Curves["gap"] = curve(res.FirstToken), curve(res.Gap)
	}
	if t.pid != 0 {
		costs(v, t, res, before, after)
	}
	return r, nil
}

// costs adds what the target's processes used.
func costs(v map[string]float64, t *target, res *load.Result, before, after process.Usage) {
	used := after.Since(before)
	cpu := used.CPU.Seconds()
	if res.Requests > 0 {
		v["cpu_per_1000_requests"] = cpu / float64(res.Requests) * 1000
	}
	if res.Job.Stream && res.Events > 0 {
		v["cpu_per_1000_events"] = cpu / float64(res.Events) * 1000
	}
	if t := used.User + used.System; t > 0 {
		v["system_share"] = used.System.Seconds() / t.Seconds()
	}
	if t.cpus > 0 && res.Elapsed > 0 {
		v["busy"] = cpu / res.Elapsed.Seconds() / float64(t.cpus)
	}
	v["peak_rss"], v["rss"], v["files"] = float64(used.PeakRSS), float64(used.RSS), float64(used.FDs)
	if res.Job.Stream && res.Job.Connections > 0 && res.Job.Rate == 0 {
		v["memory_per_stream"] = float64(used.PeakRSS-t.fresh.RSS) / float64(res.Job.Connections)
	}
}

// percentiles are the points of curves.
var percentiles = []float64{0, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99, 100}

// curve is a histogram's distribution, as far as it has values to tell.
func curve(h *load.Histogram) []report.Point {
	var points []report.Point
	for _, p := range percentiles {
		if p < 100 && float64(h.Count())*(1-p/100) < 1 {
			continue
		}
		points = append(points, report.Point{Percentile: p, Value: h.Quantile(p / 100).Seconds()})
	}
	return points
}

// differences are figures against the baseline of the same round.
var differences = []struct{ name, of, baseline string }{
	{"added_p50", "p50", peer.Direct},
	{"added_p99", "p99", peer.Direct},
	{"added_cpu_per_1000_requests", "cpu_per_1000_requests", "router-0"},
}

// addDifferences adds to a round's figures what they are beyond the baseline's.
func addDifferences(round map[string]report.Round) {
	for _, d := range differences {
		base, ok := round[d.baseline].Values[d.of]
		if !ok {
			continue
		}
		for name, r := range round {
			if v, ok := r.Values[d.of]; ok && name != d.baseline {
				r.Values[d.name] = v - base
			}
		}
	}
}
