package load

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"
)

// WriteSummary writes a result for people to read.
func WriteSummary(w io.Writer, r *Result) error {
	p := &printer{w: w}
	p.job(&r.Job)
	p.counts(r)
	p.latencies(r)
	p.rest(r)
	return p.err
}

// printer keeps the first error of many writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// job says what was done, so that figures never stand without it.
func (p *printer) job(j *Job) {
	how := fmt.Sprintf("closed loop, %d at once", j.Connections)
	if j.Rate > 0 {
		how = fmt.Sprintf("open loop, %g/s on up to %d connections", j.Rate, j.Connections)
	}
	what := "whole replies"
	if j.Stream {
		what = "streams"
	}
	p.line("%s%s, model %s", j.URL, j.Path, j.Model)
	p.line("%s; bodies of %s, corpus %s, seed %d; %s of %d tokens; warm-up %s", how, size(int64(j.BodyBytes)), j.Corpus, j.Seed, what, j.Tokens, j.Warmup)
	if j.Slow.Share > 0 {
		p.line("%.3g %% of the clients read %s a second", j.Slow.Share*100, size(int64(j.Slow.BytesPerSecond)))
	}
	if j.Leave.Share > 0 {
		p.line("%.3g %% of the clients hang up", j.Leave.Share*100)
	}
	p.line("")
}

func (p *printer) counts(r *Result) {
	p.line("requests    %s in %s: %s ok, %s failed, %.1f ok/s", count(r.Sent), r.Elapsed.Round(time.Millisecond), count(r.Requests), count(r.ErrorCount()), r.Rate)
	for _, n := range []struct {
		n    int64
		what string
	}{
		{r.Left, "hung up, as they were told to"},
		{r.Unfinished, "not complete when the run was over"},
		{r.Late, "sent more than " + LateAfter.String() + " late: this generator, or all of its connections, were busy"},
	} {
		if n.n > 0 {
			p.line("            %s %s", count(n.n), n.what)
		}
	}
	if text := r.ErrorText(); text != "" {
		p.line("errors      %s", text)
	}
	if r.Job.Stream {
		p.line("events      %s, %.1f/s", count(r.Events), float64(r.Events)/max(r.Elapsed.Seconds(), 1e-9))
	}
	p.line("checked     %s", checked(r))
}

// checked says what is known about what came back.
func checked(r *Result) string {
	if r.Numbered == 0 {
		return "status, framing, form and end of each reply; this service does not number its events"
	}
	return fmt.Sprintf("%s replies by name and number: %d events lost, %d doubled, %d out of order, %d of another request",
		count(r.Numbered), r.Lost, r.Duplicated, r.Reordered, r.Foreign)
}

func (p *printer) latencies(r *Result) {
	p.line("")
	if p.err != nil {
		return
	}
	if r.Latency.Count() == 0 {
		return
	}
	table := tabwriter.NewWriter(p.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ms\tp50\tp90\tp99\tp99.9\tmax\tmean")
	row := func(name string, h *Histogram) {
		if h.Count() == 0 {
			return
		}
		fmt.Fprint(table, name)
		for _, d := range []time.Duration{h.Quantile(0.5), h.Quantile(0.9), h.Quantile(0.99), h.Quantile(0.999), h.Max(), h.Mean()} {
			fmt.Fprintf(table, "\t%s", milliseconds(d))
		}
		fmt.Fprintln(table)
	}
	row("latency", r.Latency)
	row("first token", r.FirstToken)
	row("gap", r.Gap)
	if r.Job.Rate > 0 {
		row("from send", r.FromSend)
		row("send delay", r.SendDelay)
	}
	p.err = table.Flush()
}

func (p *printer) rest(r *Result) {
	p.line("")
	if r.Job.Rate > 0 {
		p.line("Latency and first token count from the time at which a request should have been sent.")
	}
	if r.Job.Idle > 0 {
		p.line("idle        %s connections open and silent, of %s", count(r.IdleOpen), count(int64(r.Job.Idle)))
	}
	p.line("traffic     %s out, %s in; %s connections opened", size(r.BytesOut), size(r.BytesIn), count(r.Dials))
	if r.OwnCPU > 0 && r.Elapsed > 0 {
		p.line("generator   %.0f %% of a CPU", 100*r.OwnCPU.Seconds()/r.Elapsed.Seconds())
	}
}

// milliseconds writes a duration to three digits, in ms.
func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 3, 64)
	case ms < 100:
		return strconv.FormatFloat(ms, 'f', 2, 64)
	}
	return strconv.FormatFloat(ms, 'f', 1, 64)
}

// count writes a number with a comma between each three digits.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes bytes in the largest unit that gives at least one.
func size(n int64) string {
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.bytes {
			return fmt.Sprintf("%.4g %s", float64(n)/float64(u.bytes), u.name)
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}
