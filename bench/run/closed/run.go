package closed

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/infinirouter/infinirouter/bench/load"
)

// Options say how much load and for how long.
type Options struct {
	Target      string // base URL of the server, http only
	Connections int
	Warmup      time.Duration // before anything is counted
	Duration    time.Duration
	Timeout     time.Duration // for one request; default 30 s
	PID         int           // of the server, for its CPU time; 0: not read
}

// Result is what a run measured. Latencies are in microseconds.
type Result struct {
	Scenario  string
	Requests  int64 // that were answered as they should be
	Errors    map[string]int64
	Elapsed   time.Duration
	Total     *hdrhistogram.Histogram // to the end of the reply
	FirstByte *hdrhistogram.Histogram // to the first byte of its body
	CPU       time.Duration           // that the server used, when Options.PID was set
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(10*time.Minute/time.Microsecond), 3)
}

// Rate is requests per second.
func (r *Result) Rate() float64 { return float64(r.Requests) / r.Elapsed.Seconds() }

// CPUPer1000 is the server's CPU seconds per 1,000 requests.
func (r *Result) CPUPer1000() float64 {
	if r.Requests == 0 {
		return 0
	}
	return r.CPU.Seconds() * 1000 / float64(r.Requests)
}

// ErrorCount is the number of requests that failed.
func (r *Result) ErrorCount() (n int64) {
	for _, k := range r.Errors {
		n += k
	}
	return n
}

// ErrorText lists the errors, "" for none.
func (r *Result) ErrorText() string {
	var list []string
	for _, text := range slices.Sorted(maps.Keys(r.Errors)) {
		list = append(list, fmt.Sprintf("%d x %s", r.Errors[text], text))
	}
	return strings.Join(list, ", ")
}

// Add adds another run of the same scenario.
func (r *Result) Add(o *Result) {
	r.Requests += o.Requests
	r.Elapsed += o.Elapsed
	r.CPU += o.CPU
	r.Total.Merge(o.Total)
	r.FirstByte.Merge(o.FirstByte)
	for text, n := range o.Errors {
		r.Errors[text] += n
	}
}

func newResult(scenario string) *Result {
	return &Result{Scenario: scenario, Errors: map[string]int64{}, Total: newHistogram(), FirstByte: newHistogram()}
}

// Run puts the load on and returns what it measured. Requests that began
// before the warm-up ended, or were not complete at the end, do not count. An error
// means that nothing could be measured; failed requests are in the result.
func Run(ctx context.Context, s Scenario, o Options) (*Result, error) {
	u, err := url.Parse(o.Target)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("target %q: want http://HOST:PORT", o.Target)
	}
	if o.Connections < 1 || o.Duration <= 0 {
		return nil, fmt.Errorf("%d connections for %s: want at least one, for some time", o.Connections, o.Duration)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	request := s.wire(u.Host, strings.TrimSuffix(u.Path, "/"))
	from := time.Now().Add(o.Warmup)
	until := from.Add(o.Duration)
	parts := make([]*Result, o.Connections)
	var group sync.WaitGroup
	for i := range parts {
		parts[i] = newResult(s.Name)
		group.Go(func() { loop(ctx, s, o, u.Host, request, from, until, parts[i]) })
	}
	cpu, err := measureCPU(ctx, o.PID, from, until)
	group.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	sum := newResult(s.Name)
	for _, p := range parts {
		sum.Add(p)
	}
	sum.Elapsed, sum.CPU = o.Duration, cpu
	return sum, nil
}

// loop is one connection's life. It dials again after an error, with a pause
// so that a server that is down is not hammered.
func loop(ctx context.Context, s Scenario, o Options, host string, request []byte, from, until time.Time, r *Result) {
	var c *conn
	defer func() {
		if c != nil {
			_ = c.Close()
		}
	}()
	for ctx.Err() == nil {
		started := time.Now()
		if !started.Before(until) {
			return
		}
		var p reply
		var err error
		if c == nil {
			c, err = dial(host)
		}
		if err == nil {
			if p, err = c.roundTrip(request, o.Timeout); err == nil {
				err = c.check(p, s.Stream)
			}
		}
		if counts := !started.Before(from) && time.Now().Before(until); counts && err == nil {
			r.Requests++
			_ = r.Total.RecordValue(max(1, p.total.Microseconds())) // within the range, by Timeout
			_ = r.FirstByte.RecordValue(max(1, p.firstByte.Microseconds()))
		} else if counts {
			r.Errors[err.Error()]++
		}
		if err != nil || p.close {
			if c != nil {
				_ = c.Close()
				c = nil
			}
			if err != nil {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
}

// measureCPU waits for from and until and returns the CPU time that pid used
// in between, 0 without a pid.
func measureCPU(ctx context.Context, pid int, from, until time.Time) (time.Duration, error) {
	at := func(t time.Time) (time.Duration, error) {
		timer := time.NewTimer(time.Until(t))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		if pid == 0 {
			return 0, nil
		}
		return load.ProcessCPU(pid)
	}
	before, err := at(from)
	if err != nil {
		return 0, err
	}
	after, err := at(until)
	return after - before, err
}
