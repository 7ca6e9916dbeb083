package selfcheck

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/infinirouter/infinirouter/bench/load"
	"github.com/infinirouter/infinirouter/bench/service/fast"
)

// Options say how long to take.
type Options struct {
	// Duration is how long each run is measured; default 3 s.
	Duration time.Duration
	// Rate is the rate of open loops, requests a second; default 2000.
	Rate float64
	// Streams is how many streams are held at once, of 50 events a second each;
	// default 500.
	Streams  int
	Progress io.Writer // see load.Job; nil: none
}

func (o Options) withDefaults() Options {
	if o.Duration == 0 {
		o.Duration = 3 * time.Second
	}
	if o.Rate == 0 {
		o.Rate = 2000
	}
	if o.Streams == 0 {
		o.Streams = 500
	}
	return o
}

// Check is one thing that was put to the test.
type Check struct {
	Name  string `json:"name"`
	Want  string `json:"want"`
	Found string `json:"found"`
	OK    bool   `json:"ok"`
	// Clock says that the verdict depends on how busy the machine is, where
	// others are counts that must be right.
	Clock bool `json:"clock"`
}

// Costs are CPU times, of one thread each; 0 where the system does not tell.
type Costs struct {
	ServiceRequest   time.Duration `json:"service_request_ns"`
	RawRequest       time.Duration `json:"raw_request_ns"`
	GeneratorRequest time.Duration `json:"generator_request_ns"`
	ServiceEvent     time.Duration `json:"service_event_ns"`
	RawEvent         time.Duration `json:"raw_event_ns"`
	GeneratorEvent   time.Duration `json:"generator_event_ns"`
}

// Report is what a Run found.
type Report struct {
	Checks []Check `json:"checks"`
	Costs  Costs   `json:"costs"`
	// Floor is the latency at Options.Rate against the raw responder: what the
	// generator and the kernel take at the least. SendDelay is how far behind
	// their intended time its requests were sent.
	Floor     *load.Histogram `json:"floor"`
	SendDelay *load.Histogram `json:"send_delay"`
}

// OK says whether all checks went well; clock says whether those count that
// depend on the machine being quiet.
func (r *Report) OK(clock bool) bool {
	for _, c := range r.Checks {
		if !c.OK && (clock || !c.Clock) {
			return false
		}
	}
	return true
}

// run is a Run under way.
type run struct {
	o   Options
	ctx context.Context
	r   Report
}

// Run checks the generator and the service against each other. An error is a
// check that could not be made.
func Run(ctx context.Context, o Options) (*Report, error) {
	u := &run{o: o.withDefaults(), ctx: ctx}
	for _, step := range []func() error{u.direct, u.streams, u.delay, u.faults, u.costs, u.floor} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &u.r, nil
}

// against does a job against a service of its own, and returns what both saw of
// the measured part.
func (u *run) against(b fast.Behaviour, job load.Job) (*load.Result, fast.Stats, error) {
	s, err := fast.Start(fast.Config{Behaviour: b})
	if err != nil {
		return nil, fast.Stats{}, err
	}
	defer s.Close()
	var stats fast.Stats
	job.Begin, job.End = s.ResetStats, func() { stats = s.Stats() }
	r, err := u.load(s.URL(), job)
	return r, stats, err
}

func (u *run) load(url string, job load.Job) (*load.Result, error) {
	job.URL, job.Model, job.Progress = url, "Qwen3-32B", u.o.Progress
	return load.Run(u.ctx, job)
}

func (u *run) check(name string, ok bool, want, found string) {
	u.r.Checks = append(u.r.Checks, Check{Name: name, Want: want, Found: found, OK: ok})
}

// near checks a time that must be within a share of what is expected.
func (u *run) near(name string, want, found time.Duration, within float64) {
	off := float64(found-want) / float64(want)
	u.r.Checks = append(u.r.Checks, Check{
		Name: name, Want: fmt.Sprintf("%s within %g %%", want, within*100), Found: fmt.Sprintf("%s, %+.2f %%", found, off*100),
		OK: off >= -within && off <= within, Clock: true,
	})
}

// open is an open loop at the rate that was asked for.
func (u *run) open() load.Job {
	return load.Job{Rate: u.o.Rate, Duration: u.o.Duration, Warmup: u.o.Duration / 6, Timeout: time.Minute}
}

// direct: every request is answered, and both sides count the same.
func (u *run) direct() error {
	for _, size := range []int{1 << 10, 100 << 10} {
		job := u.open()
		job.BodyBytes = size
		if size > 10<<10 {
			job.Rate /= 4
		}
		r, s, err := u.against(fast.Behaviour{}, job)
		if err != nil {
			return err
		}
		want := int64(job.Rate * u.o.Duration.Seconds())
		u.check(fmt.Sprintf("open loop at %g/s, bodies of %d KiB", job.Rate, size>>10),
			r.Sent == want && r.Requests == want && r.Numbered == want && s.Requests == want && s.Answered == want,
			fmt.Sprintf("%d sent, answered, checked", want),
			fmt.Sprintf("%d sent, %d answered, %d checked, %d seen by the service", r.Sent, r.Requests, r.Numbered, s.Requests))
		if size == 1<<10 {
			u.near("time from one request to the next", time.Duration(float64(time.Second)/job.Rate), time.Duration(float64(time.Second)/r.Rate), 0.01)
		}
	}
	return nil
}

const tokenInterval = 20 * time.Millisecond

// streamJob is each stream twice, of as many tokens as fit into the time.
func (u *run) streamJob() load.Job {
	return load.Job{
		Connections: u.o.Streams, Requests: int64(2 * u.o.Streams), Stream: true, Ramp: u.o.Duration / 6,
		Tokens: max(2, int(u.o.Duration/2/tokenInterval)), Timeout: time.Minute,
	}
}

// streams: every event of every stream arrives, once, in order, and in its time.
func (u *run) streams() error {
	job := u.streamJob()
	r, s, err := u.against(fast.Behaviour{Interval: tokenInterval}, job)
	if err != nil {
		return err
	}
	want := job.Requests * int64(job.Tokens)
	u.check(fmt.Sprintf("%d streams at once, %.0f events a second", job.Connections, float64(r.Events)/r.Elapsed.Seconds()),
		r.Requests == job.Requests && s.Events == want && r.Events == want+job.Requests && r.Lost+r.Duplicated+r.Reordered+r.Foreign == 0,
		fmt.Sprintf("%d events, and %d ends", want, job.Requests),
		fmt.Sprintf("%d sent, %d arrived, %d lost, %d doubled, %d out of order, %d foreign", s.Events, r.Events, r.Lost, r.Duplicated, r.Reordered, r.Foreign))
	u.near("mean time between tokens", tokenInterval, r.Gap.Mean(), 0.01)
	return nil
}

// delay: a delay that the service was told to make is found again.
func (u *run) delay() error {
	job := u.open()
	job.Rate, job.Connections = min(200, job.Rate), 100
	r, _, err := u.against(fast.Behaviour{}, job)
	if err != nil {
		return err
	}
	const injected = 50 * time.Millisecond
	delayed, _, err := u.against(fast.Behaviour{Delay: injected}, job)
	if err != nil {
		return err
	}
	u.near("injected delay, by the median", injected, delayed.Latency.Quantile(0.5)-r.Latency.Quantile(0.5), 0.01)
	return nil
}

// faults: what the service does wrong is counted as it does.
func (u *run) faults() error {
	job := load.Job{Connections: 8, Requests: 2000, Stream: true, Tokens: 4, Timeout: time.Minute}
	r, s, err := u.against(fast.Behaviour{DropRate: 0.02, ErrorRate: 0.03, ErrorStatus: 503, CutRate: 0.04}, job)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name       string
		sent, seen int64
	}{
		{"2 % of connections dropped", s.Dropped, r.Errors[load.ErrReset]},
		{"3 % of the rest refused with 503", s.Failed, r.Errors["status 503"]},
		{"4 % of the rest cut in the middle", s.Cut, r.Errors[load.ErrCut]},
	} {
		u.check(c.name, c.sent > 0 && c.sent == c.seen, fmt.Sprint(c.sent), fmt.Sprint(c.seen))
	}
	u.check("the rest is answered", r.Requests == s.Answered && r.Requests+r.ErrorCount() == job.Requests,
		fmt.Sprint(s.Answered), fmt.Sprint(r.Requests))
	return nil
}
