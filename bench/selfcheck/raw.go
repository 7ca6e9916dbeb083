//go:build unix

package selfcheck

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/infinirouter/infinirouter/bench/load"
	"github.com/infinirouter/infinirouter/bench/loop"
	"github.com/infinirouter/infinirouter/bench/service/fast"
)

// rawReply and rawHead, rawEvent, rawEnd are what a raw responder writes.
var (
	rawReply = []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 360\r\n\r\n{" + strings.Repeat(" ", 358) + "}")
	rawHead  = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
	rawEvent = chunk(`data: {"choices":[{"delta":{"content":"` + strings.Repeat("x", 190) + `"}}]}` + "\n\n")
	rawEnd   = append(chunk("data: [DONE]\n\n"), "0\r\n\r\n"...)
)

func chunk(text string) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(text), text) }

// responder answers whatever it reads, if that ends as a body does, with
// constant bytes.
type responder struct {
	loop     *loop.Loop
	listener int
	buf      []byte
	timers   loop.Timers[int] // descriptors of open streams
	tokens   int              // 0: replies do not stream
	left     []int            // of the stream on a descriptor
	started  []int64          // when it began
}

func (r *responder) Ready(e loop.Ready) {
	if e.FD == r.listener {
		if fd, err := loop.Accept(r.listener); err == nil {
			_ = r.loop.Watch(fd, false) // or its client will see a timeout
		}
		return
	}
	n, err := unix.Read(e.FD, r.buf)
	switch {
	case n > 0 && bytes.HasSuffix(r.buf[:n], []byte("}")):
		r.answer(e.FD)
	case n <= 0 && err != unix.EAGAIN:
		r.loop.Forget(e.FD)
		_ = unix.Close(e.FD)
	}
}

func (r *responder) answer(fd int) {
	if r.tokens == 0 {
		_, _ = unix.Write(fd, rawReply) // a client that is gone is seen by the next read
		return
	}
	for fd >= len(r.left) {
		r.left, r.started = append(r.left, 0), append(r.started, 0)
	}
	r.left[fd], r.started[fd] = r.tokens, loop.Now()
	_, _ = unix.Write(fd, rawHead)
	r.event(fd)
}

// event writes one event, and the end behind the last.
func (r *responder) event(fd int) {
	_, _ = unix.Write(fd, rawEvent)
	if r.left[fd]--; r.left[fd] == 0 {
		_, _ = unix.Write(fd, rawEnd)
		return
	}
	const tick = int64(time.Millisecond) // as the service's
	due := r.started[fd] + int64(r.tokens-r.left[fd])*int64(tokenInterval)
	r.timers.Add((due+tick-1)/tick*tick, fd, 0)
}

func (r *responder) Due(now int64) int64 {
	for {
		fd, _, ok := r.timers.Next(now)
		if !ok {
			return r.timers.First()
		}
		r.event(fd)
	}
}

// againstRaw does a job against a raw responder and returns the CPU time that
// its thread used in the measured part as well.
func (u *run) againstRaw(tokens int, job load.Job) (*load.Result, time.Duration, error) {
	listener, addr, err := loop.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = unix.Close(listener) }()
	l, err := loop.New()
	if err != nil {
		return nil, 0, err
	}
	h := &responder{loop: l, listener: listener, buf: make([]byte, 256<<10), tokens: tokens}
	if err := l.Watch(listener, false); err != nil {
		return nil, 0, err
	}
	done := make(chan error, 1)
	go func() { done <- l.Run(h) }()
	cpu := func() (t time.Duration) {
		read := make(chan bool)
		l.Post(func() {
			t = loop.ThreadCPU()
			close(read)
		})
		<-read
		return t
	}
	var before, after time.Duration
	job.Begin, job.End = func() { before = cpu() }, func() { after = cpu() }
	r, err := u.load("http://"+addr, job)
	l.Stop()
	if ended := <-done; err == nil {
		err = ended
	}
	return r, after - before, err
}

// rounds is how often the service and the raw responder take turns, so that
// whatever else the machine does meets both.
const rounds = 3

// spent adds up what the rounds of one kind of load took.
type spent struct {
	service, raw, generator       time.Duration
	byService, byRaw, byGenerator int64 // requests, or events
}

// rounds puts the same load on the service and on a raw responder, in turns.
func (u *run) rounds(b fast.Behaviour, tokens int, job load.Job) (sum spent, err error) {
	for range rounds {
		r, s, err := u.against(b, job)
		if err != nil {
			return sum, err
		}
		raw, cpu, err := u.againstRaw(tokens, job)
		if err != nil {
			return sum, err
		}
		if raw.ErrorCount() > 0 {
			return sum, fmt.Errorf("raw responder: %s", raw.ErrorText())
		}
		sum.service, sum.raw, sum.generator = sum.service+s.CPU, sum.raw+cpu, sum.generator+r.OwnCPU
		if tokens > 0 {
			sum.byService, sum.byRaw, sum.byGenerator = sum.byService+s.Events, sum.byRaw+raw.Events, sum.byGenerator+r.Events
		} else {
			sum.byService, sum.byRaw, sum.byGenerator = sum.byService+s.Requests, sum.byRaw+raw.Requests, sum.byGenerator+r.Requests
		}
	}
	return sum, nil
}

// costs measures what a request and an event cost the service, a raw responder
// and the generator, with as many at once as keep all of them busy.
func (u *run) costs() error {
	job := load.Job{Connections: 16, Duration: u.o.Duration / rounds, Warmup: u.o.Duration / 10, Timeout: time.Minute}
	sum, err := u.rounds(fast.Behaviour{}, 0, job)
	if err != nil {
		return err
	}
	c := &u.r.Costs
	c.ServiceRequest, c.RawRequest, c.GeneratorRequest = per(sum.service, sum.byService), per(sum.raw, sum.byRaw), per(sum.generator, sum.byGenerator)
	job = u.streamJob()
	job.Requests = int64(job.Connections)
	sum, err = u.rounds(fast.Behaviour{Interval: tokenInterval}, job.Tokens, job)
	if err != nil {
		return err
	}
	c.ServiceEvent, c.RawEvent, c.GeneratorEvent = per(sum.service, sum.byService), per(sum.raw, sum.byRaw), per(sum.generator, sum.byGenerator)
	return nil
}

// floor measures the latency that nothing can be below here.
func (u *run) floor() error {
	r, _, err := u.againstRaw(0, u.open())
	if err != nil {
		return err
	}
	u.r.Floor, u.r.SendDelay = r.Latency, r.SendDelay
	return nil
}

func per(d time.Duration, n int64) time.Duration { return d / time.Duration(max(n, 1)) }
