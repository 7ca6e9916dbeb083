//go:build unix

package loop

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// pollers are the ways to wait that this system has; both must do the same.
func pollers(t *testing.T) map[string]poller {
	t.Helper()
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]poller{"native": p, "poll": newPolled()}
}

// echo sends back what it reads, and notes the times that are due.
type echo struct {
	l      *Loop
	timers Timers[int]
	due    []int
	left   int // what is still to come before it stops
}

func (e *echo) Ready(r Ready) {
	var b [512]byte
	n, _ := unix.Read(r.FD, b[:])
	if n <= 0 {
		e.l.Forget(r.FD)
		_ = unix.Close(r.FD)
		e.step()
		return
	}
	_, _ = unix.Write(r.FD, b[:n])
}

func (e *echo) Due(now int64) int64 {
	for {
		what, _, ok := e.timers.Next(now)
		if !ok {
			return e.timers.First()
		}
		e.due = append(e.due, what)
		e.step()
	}
}

func (e *echo) step() {
	if e.left--; e.left == 0 {
		e.l.Stop()
	}
}

func TestLoopReadsWakesAndKeepsTime(t *testing.T) {
	for name, p := range pollers(t) {
		t.Run(name, func(t *testing.T) {
			l, err := newLoop(p)
			if err != nil {
				t.Fatal(err)
			}
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			e := &echo{l: l, left: 4} // three timers and an end
			start := Now()
			for _, ms := range []int{3, 1, 2} {
				e.timers.Add(start+int64(ms)*1e6, ms, 0)
			}
			if err := l.Watch(pair[0], false); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- l.Run(e) }()
			posted := make(chan bool)
			l.Post(func() { close(posted) })
			<-posted
			got := make([]byte, 2)
			if _, err := unix.Write(pair[1], []byte("hi")); err != nil {
				t.Fatal(err)
			}
			if n, err := unix.Read(pair[1], got); err != nil || string(got[:n]) != "hi" {
				t.Errorf("%q, %v", got[:n], err)
			}
			_ = unix.Close(pair[1])
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(e.due, []int{1, 2, 3}) || Now()-start < 3e6 {
				t.Errorf("%v were due within %d ns", e.due, Now()-start)
			}
			ran := false
			l.Post(func() { ran = true })
			l.Stop()
			if !ran {
				t.Error("what is posted after the end does not run")
			}
		})
	}
}

func TestWritableIsToldWhenAskedFor(t *testing.T) {
	for name, p := range pollers(t) {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, write := range []bool{false, true, false} {
			if err := p.watch(pair[0], write); err != nil {
				t.Fatal(err)
			}
			ready, err := p.wait(nil, 0)
			if err != nil || len(ready) == 1 != write || write && (!ready[0].Write || ready[0].Read) {
				t.Errorf("%s, write %v: %+v, %v", name, write, ready, err)
			}
		}
		p.forget(pair[0])
		_, _ = unix.Write(pair[1], []byte("x"))
		if ready, err := p.wait(nil, 0); len(ready) != 0 || err != nil {
			t.Errorf("%s: forgotten, but %+v, %v", name, ready, err)
		}
		_ = unix.Close(pair[0])
		_ = unix.Close(pair[1])
		p.close()
	}
}

func TestTheLeadFollowsHowLateWakeUpsAre(t *testing.T) {
	after := func(late ...int64) int64 {
		l := lead{exact: true}
		for range 1000 {
			for _, n := range late {
				l.learn(n)
			}
		}
		return l.ns
	}
	for _, c := range []struct {
		late     []int64
		min, max int64
	}{
		{[]int64{0}, 0, leadStep},
		{[]int64{50_000}, 48_000, 52_000},
		{[]int64{50_000, 50_000, 70_000}, 49_000, 71_000},
		{[]int64{50_000, 5_000_000}, 48_000, 52_000}, // a busy machine
		{[]int64{150_000}, mostLead, mostLead},
	} {
		if got := after(c.late...); got < c.min || got > c.max {
			t.Errorf("%v: %d, want %d to %d", c.late, got, c.min, c.max)
		}
	}
	l := lead{}
	l.learn(50_000)
	if l.ns != 0 {
		t.Error("a loop that is not exact learns")
	}
}

func TestTimersComeInOrder(t *testing.T) {
	var timers Timers[int]
	r := rand.New(rand.NewPCG(1, 2))
	var want []int
	for range 1000 {
		v := r.IntN(500)
		want = append(want, v)
		timers.Add(int64(v), v, uint64(v))
	}
	slices.Sort(want)
	var got []int
	for now := range int64(500) {
		for {
			v, mark, ok := timers.Next(now)
			if !ok {
				break
			}
			if mark != uint64(v) || int64(v) != now {
				t.Fatalf("%d with mark %d at %d", v, mark, now)
			}
			got = append(got, v)
		}
	}
	if !slices.Equal(got, want) || timers.First() != Never {
		t.Errorf("%d of %d came in order, then %d", len(got), len(want), timers.First())
	}
}

func TestTimersDoNotAllocWhenWarm(t *testing.T) {
	var timers Timers[*echo]
	e := &echo{}
	if n := testing.AllocsPerRun(100, func() {
		for i := range int64(64) {
			timers.Add(i^21, e, 0)
		}
		for range 64 {
			timers.Next(Never)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
