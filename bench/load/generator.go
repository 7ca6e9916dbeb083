//go:build unix

package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/infinirouter/infinirouter/bench/corpus"
	"github.com/infinirouter/infinirouter/bench/loop"
)

// generator runs a job on a loop's thread, phase by phase.
type generator struct {
	job     Job
	loop    *loop.Loop
	addr    unix.Sockaddr
	head    string
	bodies  *corpus.Corpus
	small   *corpus.Corpus // for the idle connections
	scratch []byte

	conns  []*conn // by descriptor
	active int     // requests under way
	idlers int     // idle connections that are open
	free   []*conn // keep-alive connections without a request
	timers loop.Timers[*conn]
	sweep  int64 // when timeouts are looked for next
	names  uint64
	dials  int64

	phase phase
	todo  []func(now int64) // phases to come
	to    *recorder         // of this phase
	final *recorder         // of the measured one
	begin int64
	cpu   time.Duration // of the thread, at begin
	err   error

	slow, leave share
	progress    *progress
}

func run(ctx context.Context, job Job, to, head string, bodies *corpus.Corpus) (*Result, error) {
	addr, err := loop.Resolve(ctx, to)
	if err != nil {
		return nil, err
	}
	g := &generator{
		job: job, addr: addr, head: head, bodies: bodies, scratch: make([]byte, 256<<10),
		final: newRecorder(job), progress: newProgress(job.Progress),
	}
	defer g.progress.end()
	if job.Idle > 0 {
		one := job
		one.Corpus, one.Tokens, one.Stream = corpus.Hot, 1, false
		if g.small, err = one.bodies(corpus.MinBytes); err != nil {
			return nil, err
		}
		g.todo = append(g.todo, g.openIdle)
	}
	if job.Warmup > 0 {
		g.todo = append(g.todo, g.warmUp)
	}
	g.todo = append(g.todo, g.measure)
	if g.loop, err = loop.New(); err != nil {
		return nil, err
	}
	if job.Rate > 0 {
		g.loop.Exact()
	}
	stop := context.AfterFunc(ctx, g.loop.Stop)
	defer stop()
	g.to = newRecorder(job)
	err = g.loop.Run(g)
	if g.phase.kind == measuring { // stopped by ctx
		g.over(loop.Now())
	}
	g.closeAll()
	if err = errors.Join(err, g.err); err != nil {
		return nil, err
	}
	return g.final.result(), ctx.Err()
}

// openIdle, warmUp and measure begin the phases.
func (g *generator) openIdle(now int64) {
	g.to = newRecorder(g.job)
	g.phase = phase{kind: opening, limit: int64(g.job.Idle), from: now, until: loop.Never, width: min(g.job.Idle, 64)}
}

func (g *generator) warmUp(now int64) {
	g.to = newRecorder(g.job)
	g.phase = g.job.phase(warming, now, g.job.Warmup, 0)
	g.startAll(now)
}

func (g *generator) measure(now int64) {
	if g.job.Begin != nil {
		g.job.Begin()
		now = loop.Now()
	}
	g.to, g.begin, g.cpu = g.final, now, loop.ThreadCPU()
	g.final.r.Started = loop.At(now)
	g.phase = g.job.phase(measuring, now, g.job.Duration, g.job.Requests)
	g.progress.begin(now)
	g.startAll(now)
}

// over ends the run.
func (g *generator) over(now int64) {
	r := g.final.r
	r.Elapsed, r.OwnCPU = time.Duration(now-g.begin), loop.ThreadCPU()-g.cpu
	r.Unfinished += int64(g.active) + g.phase.waiting(now)
	r.Dials, r.IdleOpen = g.dials, int64(g.idlers)
	r.MaxBacklog = g.phase.maxBacklog
	if span := g.span(now); span > 0 {
		r.Rate = float64(r.Requests) / span.Seconds()
	}
	if g.job.End != nil {
		g.job.End()
	}
	g.loop.Stop()
}

// span is how long requests were started for.
func (g *generator) span(now int64) time.Duration {
	p, elapsed := &g.phase, time.Duration(now-g.begin)
	if p.limit > 0 && p.started >= p.limit || p.more(now) || g.job.Duration == 0 {
		return elapsed // ended by the number of requests, or from outside
	}
	return g.job.Duration
}

// Due implements loop.Handler: it sends what is to be sent, and ends phases.
func (g *generator) Due(now int64) int64 {
	for {
		c, mark, ok := g.timers.Next(now)
		if !ok {
			break
		}
		g.wake(c, mark, now)
	}
	if now >= g.sweep {
		g.timeouts(now)
		g.sweep = now + int64(sweepEvery)
	}
	g.progress.maybe(now, g.to.r)
	g.send(now)
	for g.phase.over(now, g.active) || now >= g.phase.until+int64(g.job.Drain) && g.phase.kind != opening {
		if g.phase.kind == measuring {
			g.over(now)
			g.phase = phase{kind: ended, until: loop.Never}
			return loop.Never
		}
		if g.phase.kind == ended || g.err != nil {
			return loop.Never
		}
		g.cutOff()
		g.todo[0](now)
		g.todo = g.todo[1:]
		now = loop.Now()
		g.send(now)
	}
	return min(g.sweep, g.timers.First(), g.phase.next())
}

const sweepEvery = 100 * time.Millisecond

// timeouts ends requests that take too long.
func (g *generator) timeouts(now int64) {
	for _, c := range g.conns {
		if c != nil && c.busy && now-c.sent > int64(g.job.Timeout) {
			g.fail(c, ErrTimeout, now)
		}
	}
}

// cutOff drops requests of a warm-up that did not end in time.
func (g *generator) cutOff() {
	for _, c := range g.conns {
		if c != nil && c.busy {
			g.active--
			c.busy = false
			g.shut(c)
		}
	}
}

func (g *generator) closeAll() {
	for _, c := range g.conns {
		if c != nil {
			_ = unix.Close(c.fd)
		}
	}
}

// fatal ends the run with an error.
func (g *generator) fatal(err error) {
	g.err = errors.Join(g.err, fmt.Errorf("idle connections, %d of %d open: %w", g.idlers, g.job.Idle, err))
	g.loop.Stop()
}

// share says which requests are its part of all: every tenth for 0.1, and not
// by chance.
type share struct{ sum float64 }

func (s *share) take(part float64) bool {
	const least = 1e-9 // what rounding may have lost
	if s.sum += part; part <= 0 || s.sum < 1-least {
		return false
	}
	s.sum--
	return true
}
