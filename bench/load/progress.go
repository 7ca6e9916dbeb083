package load

import (
	"fmt"
	"io"
	"time"
)

// progress writes a line a second, from a goroutine of its own: a terminal that
// stands still must not stop the load. Lines that it has no time for are left out.
type progress struct {
	lines chan string
	done  chan struct{}
	from  int64
	next  int64
}

// newProgress returns nil, which does nothing, for no writer.
func newProgress(w io.Writer) *progress {
	if w == nil {
		return nil
	}
	p := &progress{lines: make(chan string, 1), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		width := 0
		for line := range p.lines {
			fmt.Fprintf(w, "\r%-*s", width, line)
			width = len(line)
		}
		if width > 0 {
			fmt.Fprintf(w, "\r%*s\r", width, "")
		}
	}()
	return p
}

// begin starts the clock of the measured part.
func (p *progress) begin(now int64) {
	if p != nil {
		p.from = now
	}
}

// maybe writes a line if it is time for one.
func (p *progress) maybe(now int64, r *Result) {
	if p == nil || now < p.next {
		return
	}
	p.next = now + int64(time.Second)
	line := fmt.Sprintf("warming up: %d requests", r.Sent)
	if p.from > 0 {
		spent := time.Duration(now - p.from)
		line = fmt.Sprintf("%3.0f s: %d requests, %.0f/s, p50 %s, p99 %s, %d errors", spent.Seconds(), r.Requests,
			float64(r.Requests)/max(spent.Seconds(), 1e-3), short(r.Latency.Quantile(0.5)), short(r.Latency.Quantile(0.99)), r.ErrorCount())
	}
	select {
	case p.lines <- line:
	default:
	}
}

// end clears the line.
func (p *progress) end() {
	if p != nil {
		close(p.lines)
		<-p.done
	}
}

// short writes a duration to three digits.
func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(10 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
