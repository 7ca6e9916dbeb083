package forward

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"
)

// hedges are those of one Forwarder, which begin when a test says so, and never by
// the clock.
type hedges struct {
	*Forwarder
	set  chan *time.Timer
	over chan struct{} // gets a value when the second has its reply, or has failed
}

func newHedges(o Options) *hedges {
	h := &hedges{New(o), make(chan *time.Timer, 10), make(chan struct{}, 10)}
	h.afterFunc = func(_ time.Duration, begin func()) *time.Timer {
		t := time.AfterFunc(time.Hour, func() {
			begin()
			h.over <- struct{}{}
		})
		h.set <- t
		return t
	}
	return h
}

// begin begins the hedge of the request that was sent last.
func (h *hedges) begin() { (<-h.set).Reset(0) }

// hedged is a request with a hedge.
func hedged(change func(*Request)) *Request {
	r := retrying(nil)
	r.Hedge = Hedge{After: time.Minute, Budget: NewBudget(100, 100)}
	r.Hold = true
	if change != nil {
		change(r)
	}
	return r
}

// once is a service that does one thing with each connection's first request.
func once(t testing.TB, name string, do func(p *peer)) *fake {
	s := newFake(t, func(p *peer) {
		if _, _, ok := p.request(); ok {
			do(p)
		}
	})
	s.name = name
	return s
}

// silent has the hedge begin when it is asked, and says nothing; each connection
// that was closed on it is told to left.
func (h *hedges) silent(t testing.TB, left chan<- struct{}) *fake {
	return once(t, "silent", func(p *peer) {
		h.begin()
		p.closed()
		left <- struct{}{}
	})
}

const eventStream = h11 + "Content-Type: text/event-stream\r\n" + te + blank

func TestHedgeWins(t *testing.T) {
	checkLeaks(t)
	for name, wire := range map[string]string{
		"whole reply": okJSON,
		"stream":      eventStream + chunked("data: 1\n\n", ""),
	} {
		t.Run(name, func(t *testing.T) {
			left, h := make(chan struct{}, 1), newHedges(Options{})
			slow, quick := h.silent(t, left), newFake(t, answering(wire))
			var k tries
			r := hedged(nil)
			reply, err := h.Send(r, []Target{slow, quick}, 2, nil, k.note)
			if err != nil {
				t.Fatal(err)
			}
			<-left // before Close: the loser was cancelled at once
			if n := slow.taken.Load(); n != 0 {
				t.Errorf("the loser has %d slots", n)
			}
			if reply.Status() != 200 || reply.Target() != Target(quick) || reply.Attempts() != 2 || r.Tally.Hedged != HedgedWon || !slices.Equal(k, tries{KindClientGone}) {
				t.Errorf("%d by %s after %d, %+v, %v", reply.Status(), reply.Target().Name(), reply.Attempts(), r.Tally, k)
			}
			if body, err := io.ReadAll(reply); err != nil || len(body) == 0 {
				t.Errorf("%q, %v", body, err)
			}
			reply.Close()
			if quick.hc.IdleConnsCount() != 1 {
				t.Error("the winner's connection was not kept")
			}
		})
	}
}

// TestHedgeLoses: the first replies after the second was asked.
func TestHedgeLoses(t *testing.T) {
	checkLeaks(t)
	left, asked, h := make(chan struct{}, 1), make(chan struct{}, 1), newHedges(Options{})
	second := once(t, "second", func(p *peer) {
		asked <- struct{}{}
		p.closed()
		left <- struct{}{}
	})
	first := once(t, "first", func(p *peer) {
		h.begin()
		<-asked
		p.say(okJSON)
		p.closed()
	})
	var k tries
	r := hedged(nil)
	reply, err := h.Send(r, []Target{first, second}, 2, nil, k.note)
	if err != nil {
		t.Fatal(err)
	}
	<-left
	if n := second.taken.Load(); n != 0 {
		t.Errorf("the loser has %d slots", n)
	}
	if reply.Target() != Target(first) || reply.Attempts() != 1 || r.Tally.Hedged != HedgedLost || !slices.Equal(k, tries{KindClientGone}) {
		t.Errorf("by %s after %d, %+v, %v", reply.Target().Name(), reply.Attempts(), r.Tally, k)
	}
	if body, err := reply.ReadAll(nil, 100); err != nil || string(body) != `{"ok":true}` {
		t.Errorf("%q, %v", body, err)
	}
	reply.Close()
}

// TestHedgeNotNeeded: what replies in time, what may not be asked twice, and
// what has one service only, is asked once. No timer is left behind, and none is
// set where there is nothing to hedge.
func TestHedgeNotNeeded(t *testing.T) {
	checkLeaks(t)
	first, other := newFake(t, answering(okJSON)), newFake(t, answering(okJSON))
	for name, c := range map[string]struct {
		plan   []Target
		change func(*Request)
		timers int
	}{
		"in time":     {[]Target{first, other}, nil, 1},
		"one service": {[]Target{first}, nil, 0},
		"no hedge":    {[]Target{first, other}, func(r *Request) { r.Hedge.After = 0 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, h := hedged(c.change), newHedges(Options{})
			reply, err := h.Send(r, c.plan, 2, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer reply.Close()
			if reply.Target() != c.plan[0] || other.requests.Load() != 0 || r.Tally.Hedged != HedgedNot || len(h.set) != c.timers {
				t.Errorf("by %s, %d to the other, %+v, %d timers", reply.Target().Name(), other.requests.Load(), r.Tally, len(h.set))
			}
			if c.timers > 0 && (<-h.set).Stop() {
				t.Error("the timer runs on")
			}
		})
	}
}

// TestHedgeWithoutBudget: nobody is asked, and the tally says why.
func TestHedgeWithoutBudget(t *testing.T) {
	checkLeaks(t)
	first, other := newFake(t, answering(okJSON)), newFake(t, answering(okJSON))
	r := hedged(func(r *Request) { r.Hedge.Budget = NewBudget(0, 0) })
	race := &race{f: New(Options{}), req: r, plan: []Target{first, other}}
	race.begin()
	if trip := race.end(false); trip != nil || other.requests.Load() != 0 || r.Tally.Hedged != HedgedDenied {
		t.Errorf("%v, %d requests, %+v", trip, other.requests.Load(), r.Tally)
	}
}

// TestHedgeAndFailures: every way in which one of the two fails leaves the
// other, and a failure is passed on only when both have failed.
func TestHedgeAndFailures(t *testing.T) {
	checkLeaks(t)
	ok := func(t *testing.T) *fake { return newFake(t, answering(okJSON)) }
	busyNow := fmt.Sprintf(busy, "now")
	// first replies once the second has failed.
	first := func(t *testing.T, h *hedges, wire string) *fake {
		return once(t, "first", func(p *peer) {
			h.begin()
			<-h.over
			p.say(wire)
			p.closed()
		})
	}
	for name, c := range map[string]struct {
		plan   func(t *testing.T, h *hedges) []Target
		status int
		by     int // of the plan
	}{
		"first dead: the second is the next try": {func(t *testing.T, _ *hedges) []Target {
			return []Target{refused(t, "dead"), ok(t)}
		}, 200, 1},
		"first busy at once: the second is the next": {func(t *testing.T, _ *hedges) []Target {
			return []Target{newFake(t, answering(busyNow)), ok(t)}
		}, 200, 1},
		"second dead": {func(t *testing.T, h *hedges) []Target {
			return []Target{first(t, h, okJSON), refused(t, "dead")}
		}, 200, 0},
		"second busy": {func(t *testing.T, h *hedges) []Target {
			return []Target{first(t, h, okJSON), newFake(t, answering(busyNow))}
		}, 200, 0},
		"second full": {func(t *testing.T, h *hedges) []Target {
			full := ok(t)
			full.max = 1
			if !full.Acquire() {
				t.Fatal("no slot")
			}
			t.Cleanup(full.Release)
			return []Target{first(t, h, okJSON), full}
		}, 200, 0},
		"both busy": {func(t *testing.T, h *hedges) []Target {
			return []Target{first(t, h, busyNow), newFake(t, answering(busyNow))}
		}, 503, -1},
		"first busy, second works": {func(t *testing.T, h *hedges) []Target {
			asked, failed := make(chan struct{}, 1), make(chan struct{}, 1)
			return []Target{
				once(t, "first", func(p *peer) { h.begin(); <-asked; p.say(busyNow); failed <- struct{}{} }),
				once(t, "second", func(p *peer) { asked <- struct{}{}; <-failed; p.say(okJSON); p.closed() }),
			}
		}, 200, 1},
		"first busy, third is the next": {func(t *testing.T, h *hedges) []Target {
			asked := make(chan struct{}, 1)
			return []Target{
				once(t, "first", func(p *peer) { h.begin(); <-asked; p.say(busyNow) }),
				once(t, "second", func(p *peer) { asked <- struct{}{}; p.closed() }),
				ok(t),
			}
		}, 200, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHedges(Options{})
			plan := c.plan(t, h)
			reply, err := h.Send(hedged(nil), plan, 2, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := reply.ReadAll(nil, 1000)
			if err != nil || reply.Status() != c.status || c.by >= 0 && reply.Target() != plan[c.by] {
				t.Errorf("%d by %s: %q, %v", reply.Status(), reply.Target().Name(), body, err)
			}
			reply.Close()
		})
	}
	t.Run("both silent", func(t *testing.T) {
		left, h := make(chan struct{}, 2), newHedges(Options{RequestTimeout: 300 * time.Millisecond})
		second := once(t, "second", (*peer).closed)
		_, err := h.Send(hedged(nil), []Target{h.silent(t, left), second}, 2, nil, nil)
		wantKind(t, err, KindTimeout, 504)
	})
}

// TestClientLeavesARace: both services see it.
func TestClientLeavesARace(t *testing.T) {
	checkLeaks(t)
	for name, leave := range leavings {
		t.Run(name, func(t *testing.T) {
			left, h := make(chan struct{}, 2), newHedges(Options{})
			client, server := clientPair(t)
			first := h.silent(t, left)
			second := once(t, "second", func(p *peer) {
				leave(client)
				p.closed()
				left <- struct{}{}
			})
			w := NewWatch(server)
			_, err := h.Send(hedged(nil), []Target{first, second}, 2, w, nil)
			wantKind(t, err, KindClientGone, StatusClientGone)
			<-left
			<-left
			w.Stop()
		})
	}
}

// TestClientLeavesTheWinner: the reply of a hedge is watched like any other.
func TestClientLeavesTheWinner(t *testing.T) {
	checkLeaks(t)
	left, seen, h := make(chan struct{}, 1), make(chan struct{}), newHedges(Options{})
	winner := once(t, "winner", func(p *peer) {
		p.say(eventStream + chunked("data: 1\n\n"))
		p.closed()
		close(seen)
	})
	client, server := clientPair(t)
	reply, err := h.Send(hedged(nil), []Target{h.silent(t, left), winner}, 2, NewWatch(server), nil)
	if err != nil {
		t.Fatal(err)
	}
	<-left
	readSome(t, reply)
	go func() { _ = client.Close() }()
	_, err = reply.Read(make([]byte, 100))
	wantKind(t, err, KindClientGone, StatusClientGone)
	<-seen
	reply.Close()
}

// TestRacesEndCleanly lets both reply at about the same time, again and again:
// whoever is first, one reply is passed on, and nothing is left over.
func TestRacesEndCleanly(t *testing.T) {
	checkLeaks(t)
	about := func(p *peer) {
		for i := 0; ; i++ {
			if _, _, ok := p.request(); !ok {
				return
			}
			time.Sleep(time.Duration(i%7) * 300 * time.Microsecond)
			p.say(okJSON)
		}
	}
	a, b := newFake(t, about), newFake(t, about)
	f := New(Options{})
	counts := map[Hedged]int{}
	for i := range 400 {
		r := hedged(func(r *Request) { r.Hedge.After = time.Duration(i%5) * 200 * time.Microsecond })
		r.Hedge.After++
		reply, err := f.Send(r, []Target{a, b}, 2, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := reply.ReadAll(nil, 100); err != nil || string(body) != `{"ok":true}` {
			t.Fatalf("%q, %v", body, err)
		}
		reply.Close()
		if n := a.taken.Load() + b.taken.Load(); n != 0 {
			t.Fatalf("%d slots are taken", n)
		}
		counts[r.Tally.Hedged]++
	}
	t.Logf("%v", counts)
}
