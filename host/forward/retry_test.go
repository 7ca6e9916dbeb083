package forward

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

const busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nX-Which: %s\r\nContent-Length: 15\r\n\r\n{\"busy\": \"yes\"}"

// retrying is a request with a Retry that does not wait long.
func retrying(change func(*Retry)) *Request {
	r := newRequest("{}")
	r.Retry = &Retry{Statuses: []int{502, 503, 529, 429}, Backoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond, MaxWait: time.Second}
	if change != nil {
		change(r.Retry)
	}
	return r
}

// inTurn serves requests with one wire after the other, the last again and
// again. "" is a connection that closes.
func inTurn(wires ...string) func(p *peer) {
	turn := make(chan string, len(wires))
	for _, w := range wires[:len(wires)-1] {
		turn <- w
	}
	last := wires[len(wires)-1]
	return func(p *peer) {
		for {
			if _, _, ok := p.request(); !ok {
				return
			}
			wire := last
			select {
			case wire = <-turn:
			default:
			}
			if wire == "" {
				return
			}
			p.say(wire)
		}
	}
}

func TestRetryOnStatus(t *testing.T) {
	checkLeaks(t)
	for _, status := range []string{"502 Bad Gateway", "503 Service Unavailable", "529 Overloaded", "429 Too Many Requests"} {
		t.Run(status, func(t *testing.T) {
			first := newFake(t, answering("HTTP/1.1 "+status+"\r\nContent-Length: 2\r\n\r\nno"))
			second := newFake(t, answering(okJSON))
			var k tries
			r := retrying(nil)
			reply, err := New(Options{}).Send(r, []Target{first, second}, 2, nil, k.note)
			if err != nil {
				t.Fatal(err)
			}
			defer reply.Close()
			if reply.Status() != 200 || reply.Attempts() != 2 || reply.Replayed() || !slices.Equal(k, tries{KindStatus}) {
				t.Errorf("%d after %d attempts, %v", reply.Status(), reply.Attempts(), k)
			}
			if r.Tally != (Tally{Retries: [causeCount]uint8{CauseStatus: 1}}) {
				t.Errorf("tally %+v", r.Tally)
			}
			if first.hc.IdleConnsCount() != 1 {
				t.Error("the connection of a whole reply was not kept")
			}
		})
	}
}

// TestRetriesExhausted: the last reply that a service gave is passed on as it
// is, whatever else was tried after it.
func TestRetriesExhausted(t *testing.T) {
	checkLeaks(t)
	dead := refused(t, "dead")
	a := newFake(t, answering(fmt.Sprintf(busy, "a")))
	b := newFake(t, answering(fmt.Sprintf(busy, "b")))
	for name, c := range map[string]struct {
		plan     []Target
		retries  int
		which    string
		attempts int
		replayed bool
	}{
		"no retries":      {[]Target{a, b}, 0, "a", 1, true},
		"one retry":       {[]Target{a, b}, 1, "b", 2, true},
		"the first again": {[]Target{a, b}, 2, "a", 3, true},
		"alone":           {[]Target{a}, 2, "a", 3, true},
		"dead after it":   {[]Target{a, dead}, 1, "a", 2, true},
		"dead before it":  {[]Target{dead, b}, 1, "b", 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			reply, err := New(Options{}).Send(retrying(nil), c.plan, c.retries, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := reply.ReadAll(nil, 100)
			if string(body) != `{"busy": "yes"}` || err != nil || reply.Status() != 503 || string(reply.Header().Peek("X-Which")) != c.which {
				t.Errorf("%d %s %q, %v", reply.Status(), reply.Header(), body, err)
			}
			if reply.Attempts() != c.attempts || reply.Replayed() != c.replayed || reply.Streaming() || reply.ContentLength() != 15 {
				t.Errorf("%d attempts, replayed %v, length %d", reply.Attempts(), reply.Replayed(), reply.ContentLength())
			}
			reply.Close()
			reply.Close()
		})
	}
}

// TestRefusalsOfEveryFraming are passed on byte for byte.
func TestRefusalsOfEveryFraming(t *testing.T) {
	checkLeaks(t)
	long := strings.Repeat("x", maxKept+1)
	for name, c := range map[string]struct {
		wire, body string
		attempts   int
		err        bool
	}{
		"chunks":       {"HTTP/1.1 503 X\r\n" + te + blank + chunked("a", "bc", ""), "abc", 2, false},
		"until close":  {"HTTP/1.1 503 X\r\nContent-Type: text/plain\r\n\r\nabc", "abc", 2, false},
		"no body":      {"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", "", 2, false},
		"long":         {fmt.Sprintf("HTTP/1.1 503 X\r\nContent-Length: %d\r\n\r\n%s", len(long), long), long, 1, false},
		"long, chunks": {"HTTP/1.1 503 X\r\n" + te + blank + chunked(long, ""), "", 2, true},
		"cut":          {"HTTP/1.1 503 X\r\nContent-Length: 10\r\n\r\nabc", "", 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t, func(p *peer) {
				if _, _, ok := p.request(); ok {
					p.say(c.wire)
				}
			})
			reply, err := New(Options{}).Send(retrying(nil), []Target{s}, 1, nil, nil)
			if c.err {
				if e := wantKind(t, err, KindStatus, 503); e.Public() != `service "s" answered with status 503` {
					t.Errorf("%q", e.Public())
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer reply.Close()
			body, err := reply.ReadAll(nil, 1<<20)
			if string(body) != c.body || err != nil || reply.Status() != 503 || reply.Attempts() != c.attempts {
				t.Errorf("%d %.40q after %d, %v", reply.Status(), body, reply.Attempts(), err)
			}
		})
	}
}

// TestRetryAfterIsHonoured, as far as MaxWait goes.
func TestRetryAfterIsHonoured(t *testing.T) {
	checkLeaks(t)
	const wait = "HTTP/1.1 429 X\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
	alone := newFake(t, inTurn(wait, okJSON))
	began := time.Now()
	status, _, err := ask(New(Options{}), retrying(nil), alone)
	if err != nil || status != 200 || time.Since(began) < time.Second {
		t.Errorf("%d %v after %v", status, err, time.Since(began))
	}

	stubborn := newFake(t, answering(wait))
	status, _, err = ask(New(Options{}), retrying(func(r *Retry) { r.MaxWait = 900 * time.Millisecond }), stubborn)
	if err != nil || status != 429 || stubborn.requests.Load() != 1 {
		t.Errorf("%d %v after %d requests", status, err, stubborn.requests.Load())
	}

	// The one that asks for nothing is tried again before the one that does.
	waits, busyOnce := newFake(t, answering(wait)), newFake(t, inTurn(fmt.Sprintf(busy, "b"), okJSON))
	reply, err := New(Options{}).Send(retrying(nil), []Target{waits, busyOnce}, 2, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	if reply.Status() != 200 || reply.Target() != Target(busyOnce) || waits.requests.Load() != 1 {
		t.Errorf("%d, %d requests to the one that asked to wait", reply.Status(), waits.requests.Load())
	}
}

// TestRetryTheSameServiceWhenNoneIsLeft: a service that comes back is found.
func TestRetryTheSameServiceWhenNoneIsLeft(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, answering(okJSON))
	real := s.hc.DialTimeout
	dials := 0
	s.hc.DialTimeout = func(addr string, d time.Duration) (net.Conn, error) {
		if dials++; dials < 3 {
			return nil, io.ErrClosedPipe
		}
		return real(addr, d)
	}
	var again []bool
	r := retrying(nil)
	reply, err := New(Options{}).Send(r, []Target{s}, 2, nil, func(_ Target, e *Error) { again = append(again, e.Again) })
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	if reply.Attempts() != 3 || !slices.Equal(again, []bool{false, true}) || r.Tally.Retries[CauseConnect] != 2 {
		t.Errorf("%d attempts, again %v, %+v", reply.Attempts(), again, r.Tally)
	}
}

// TestDuplicateWork: what was sent is sent again only where the route says so.
func TestDuplicateWork(t *testing.T) {
	checkLeaks(t)
	for name, c := range map[string]struct {
		handle func(p *peer)
		cause  Cause
	}{
		"closed":   {func(p *peer) { p.request() }, CauseBroken},
		"garbage":  {func(p *peer) { p.request(); p.say("nonsense\r\n\r\n"); p.closed() }, CauseBroken},
		"cut head": {func(p *peer) { p.request(); p.say("HTTP/1.1 200 OK\r\nX-A") }, CauseBroken},
		"silent":   {func(p *peer) { p.request(); p.closed() }, CauseTimeout},
		"cut at prefill": {func(p *peer) {
			p.request()
			p.say(h11 + "Content-Type: text/event-stream\r\n" + te + blank)
		}, CauseBroken},
		"silent prefill": {func(p *peer) {
			p.request()
			p.say(h11 + "Content-Type: text/event-stream\r\n" + te + blank)
			p.closed()
		}, CauseTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := newFake(t, c.handle), newFake(t, answering(okJSON))
			r := retrying(func(r *Retry) { r.Duplicates = true })
			r.Hold = true
			r.Limits.FirstByte = 50 * time.Millisecond
			status, _, err := ask(New(Options{}), r, first, second)
			if err != nil || status != 200 || r.Tally.Retries[c.cause] != 1 {
				t.Errorf("%d %v, %+v", status, err, r.Tally)
			}
			r = retrying(nil)
			r.Limits.FirstByte = 50 * time.Millisecond
			if _, _, err := ask(New(Options{}), r, first, second); err == nil || second.requests.Load() != 1 {
				t.Errorf("without duplicate work: %v, %d requests to the second", err, second.requests.Load())
			}
		})
	}
}

// TestRequestTimeoutIsNotRetried: the time is up for every service.
func TestRequestTimeoutIsNotRetried(t *testing.T) {
	checkLeaks(t)
	first, second := newFake(t, func(p *peer) { p.request(); p.closed() }), newFake(t, answering(okJSON))
	r := retrying(func(r *Retry) { r.Duplicates = true })
	_, _, err := ask(New(Options{RequestTimeout: 50 * time.Millisecond}), r, first, second)
	wantKind(t, err, KindTimeout, 504)
	if second.requests.Load() != 0 {
		t.Error("sent again")
	}
}

// TestRetryBudget: once it is used up, replies are passed on and errors stand.
// What no service has seen does not count.
func TestRetryBudget(t *testing.T) {
	checkLeaks(t)
	s, dead, alive := newFake(t, answering(fmt.Sprintf(busy, "a"))), refused(t, "dead"), newFake(t, answering(okJSON))
	budget := NewBudget(0, 1)
	f := New(Options{})
	for i, want := range []Tally{
		{Retries: [causeCount]uint8{CauseStatus: 1}, Exhausted: true},
		{Exhausted: true},
	} {
		r := retrying(func(r *Retry) { r.Budget = budget })
		if status, _, err := ask(f, r, s); status != 503 || err != nil || r.Tally != want {
			t.Errorf("request %d: %d %v %+v", i, status, err, r.Tally)
		}
	}
	r := retrying(func(r *Retry) { r.Budget = budget })
	if status, _, err := ask(f, r, dead, alive); status != 200 || err != nil {
		t.Errorf("a connection that failed took from the budget: %d %v", status, err)
	}
}

// TestClientLeavesBetweenRetries: a pause ends at once, and no try follows.
func TestClientLeavesBetweenRetries(t *testing.T) {
	checkLeaks(t)
	for name, leave := range leavings {
		t.Run(name, func(t *testing.T) {
			got := make(chan struct{}, 1)
			s := newFake(t, func(p *peer) {
				p.request()
				p.say("HTTP/1.1 503 X\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n")
				got <- struct{}{}
				p.closed()
			})
			client, server := clientPair(t)
			w := NewWatch(server)
			go func() { <-got; leave(client) }()
			r := retrying(func(r *Retry) { r.MaxWait = time.Hour })
			began := time.Now()
			_, err := New(Options{RequestTimeout: time.Hour}).Send(r, []Target{s}, 2, w, nil)
			wantKind(t, err, KindClientGone, StatusClientGone)
			if time.Since(began) > 10*time.Second || s.requests.Load() != 1 {
				t.Errorf("after %v, %d requests", time.Since(began), s.requests.Load())
			}
			w.Stop()
		})
	}
}

// TestTotalTimeBoundsRetries: a pause that would outlast request_timeout is not
// begun.
func TestTotalTimeBoundsRetries(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, answering("HTTP/1.1 503 X\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"))
	began := time.Now()
	status, _, err := ask(New(Options{RequestTimeout: 30 * time.Second}), retrying(func(r *Retry) { r.MaxWait = time.Hour }), s)
	if status != 503 || err != nil || time.Since(began) > 10*time.Second {
		t.Errorf("%d %v after %v", status, err, time.Since(began))
	}
}

// TestRetryAllocations: a request that needs no further try pays nothing for
// that it could have one.
func TestRetryAllocations(t *testing.T) {
	s := newFake(t, echoing(okJSON))
	f, r, plan := New(Options{}), retrying(func(r *Retry) { r.Budget = NewBudget(20, 10) }), []Target{s}
	dst := make([]byte, 0, 1024)
	got := testing.AllocsPerRun(500, func() {
		reply, err := f.Send(r, plan, 2, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reply.ReadAll(dst, 1<<20); err != nil {
			t.Fatal(err)
		}
		reply.Close()
	})
	if !raceEnabled && got > maxAllocs {
		t.Errorf("%v allocations a request, want at most %v", got, maxAllocs)
	}
}
