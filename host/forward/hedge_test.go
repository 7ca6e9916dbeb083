package forward

import (
	"fmt"
	"io"
	"slices"
	"testing"
	"time"
)

// hedged is a request with a hedge after a few milliseconds.
func hedged(change func(*Request)) *Request {
	r := retrying(nil)
	r.Hedge = Hedge{After: 5 * time.Millisecond, Budget: NewBudget(100, 100)}
	r.Hold = true
	if change != nil {
		change(r)
	}
	return r
}

// silent takes requests and says nothing; each connection that was closed on it
// is told to left.
func silent(t testing.TB, left chan<- struct{}) *fake {
	s := newFake(t, func(p *peer) {
		if _, _, ok := p.request(); ok {
			p.closed()
			left <- struct{}{}
		}
	})
	s.name = "silent"
	return s
}

const eventStream = h11 + "Content-Type: text/event-stream\r\n" + te + blank

func TestHedgeWins(t *testing.T) {
	checkLeaks(t)
	for name, wire := range map[string]string{
		"whole reply": okJSON,
		"stream":      eventStream + chunked("data: 1\n\n", ""),
	} {
		t.Run(name, func(t *testing.T) {
			left := make(chan struct{}, 1)
			slow, quick := silent(t, left), newFake(t, answering(wire))
			var k tries
			r := hedged(nil)
			reply, err := New(Options{}).Send(r, []Target{slow, quick}, 2, nil, k.note)
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
	left, asked := make(chan struct{}, 1), make(chan struct{})
	second := newFake(t, func(p *peer) {
		if _, _, ok := p.request(); ok {
			close(asked)
			p.closed()
			left <- struct{}{}
		}
	})
	first := newFake(t, func(p *peer) {
		p.request()
		<-asked
		p.say(okJSON)
		p.closed()
	})
	var k tries
	r := hedged(nil)
	reply, err := New(Options{}).Send(r, []Target{first, second}, 2, nil, k.note)
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
// what has one service only, is asked once.
func TestHedgeNotNeeded(t *testing.T) {
	checkLeaks(t)
	quick, other := newFake(t, answering(okJSON)), newFake(t, answering(okJSON))
	slow := newFake(t, func(p *peer) {
		for {
			if _, _, ok := p.request(); !ok {
				return
			}
			time.Sleep(30 * time.Millisecond)
			p.say(okJSON)
		}
	})
	for name, c := range map[string]struct {
		plan   []Target
		change func(*Request)
		want   Hedged
	}{
		"in time":     {[]Target{quick, other}, func(r *Request) { r.Hedge.After = time.Minute }, HedgedNot},
		"one service": {[]Target{slow}, nil, HedgedNot},
		"no hedge":    {[]Target{slow, other}, func(r *Request) { r.Hedge.After = 0 }, HedgedNot},
	} {
		t.Run(name, func(t *testing.T) {
			r := hedged(c.change)
			reply, err := New(Options{}).Send(r, c.plan, 2, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer reply.Close()
			if reply.Target() != c.plan[0] || other.requests.Load() != 0 || r.Tally.Hedged != c.want {
				t.Errorf("by %s, %d to the other, %+v", reply.Target().Name(), other.requests.Load(), r.Tally)
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

// after is a service that replies once another has got a request.
func after(t testing.TB, other *fake, wire string) *fake {
	return newFake(t, func(p *peer) {
		for {
			if _, _, ok := p.request(); !ok {
				return
			}
			for other.requests.Load() == 0 {
				time.Sleep(time.Millisecond)
			}
			p.say(wire)
		}
	})
}

// TestHedgeAndFailures: every way in which one of the two fails leaves the
// other, and a failure is passed on only when both have failed.
func TestHedgeAndFailures(t *testing.T) {
	checkLeaks(t)
	left := make(chan struct{}, 100)
	slow := silent(t, left)
	ok := newFake(t, answering(okJSON))
	dead := refused(t, "dead")
	busyNow := newFake(t, answering(fmt.Sprintf(busy, "now")))
	okLate := newFake(t, func(p *peer) {
		for {
			if _, _, ok := p.request(); !ok {
				return
			}
			time.Sleep(60 * time.Millisecond)
			p.say(okJSON)
		}
	})
	busyLate := after(t, okLate, fmt.Sprintf(busy, "late"))
	stuck := silent(t, left)
	busyStuck := after(t, stuck, fmt.Sprintf(busy, "late"))
	busyToo := newFake(t, answering(fmt.Sprintf(busy, "too")))
	busyBoth := after(t, busyToo, fmt.Sprintf(busy, "late"))
	full := newFake(t, answering(okJSON))
	full.max = 1
	if !full.Acquire() {
		t.Fatal("no slot")
	}
	defer full.Release()
	for name, c := range map[string]struct {
		plan   []Target
		status int
		by     Target
	}{
		"first dead: the second is the next try":     {[]Target{dead, ok}, 200, ok},
		"first busy at once: the second is the next": {[]Target{busyNow, ok}, 200, ok},
		"second dead":                   {[]Target{okLate, dead}, 200, okLate},
		"second busy":                   {[]Target{okLate, busyNow}, 200, okLate},
		"second full":                   {[]Target{okLate, full}, 200, okLate},
		"first busy, second works":      {[]Target{busyLate, okLate}, 200, okLate},
		"first busy, third is the next": {[]Target{busyStuck, stuck, ok}, 200, ok},
		"both busy":                     {[]Target{busyBoth, busyToo}, 503, nil},
	} {
		t.Run(name, func(t *testing.T) {
			reply, err := New(Options{RequestTimeout: 5 * time.Second}).Send(hedged(nil), c.plan, 2, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := reply.ReadAll(nil, 1000)
			if err != nil || reply.Status() != c.status || c.by != nil && reply.Target() != c.by {
				t.Errorf("%d by %s: %q, %v", reply.Status(), reply.Target().Name(), body, err)
			}
			reply.Close()
		})
	}
	t.Run("both silent", func(t *testing.T) {
		_, err := New(Options{RequestTimeout: 50 * time.Millisecond}).Send(hedged(nil), []Target{slow, slow}, 2, nil, nil)
		wantKind(t, err, KindTimeout, 504)
	})
}

// TestClientLeavesARace: both services see it.
func TestClientLeavesARace(t *testing.T) {
	checkLeaks(t)
	for name, leave := range leavings {
		t.Run(name, func(t *testing.T) {
			left := make(chan struct{}, 2)
			a, b := silent(t, left), silent(t, left)
			client, server := clientPair(t)
			w := NewWatch(server)
			go func() {
				for a.requests.Load()+b.requests.Load() < 2 {
					time.Sleep(time.Millisecond)
				}
				leave(client)
			}()
			_, err := New(Options{}).Send(hedged(nil), []Target{a, b}, 2, w, nil)
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
	left, seen := make(chan struct{}, 1), make(chan struct{})
	winner := newFake(t, func(p *peer) {
		p.request()
		p.say(eventStream + chunked("data: 1\n\n"))
		p.closed()
		close(seen)
	})
	client, server := clientPair(t)
	reply, err := New(Options{}).Send(hedged(nil), []Target{silent(t, left), winner}, 2, NewWatch(server), nil)
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
// one reply is passed on, and nothing is left over.
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
