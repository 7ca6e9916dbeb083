package service

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
)

func fail(s *Service, n int) {
	for range n {
		s.Observe(Failed, 0)
	}
}

// serving returns the names of the services that take requests for the model.
func serving(s *Set, model string) string {
	return strings.Join(serviceNames(s.Serving(nil, []byte(model))), "")
}

// pass lets time pass and everything that is due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// try sends one request to a service on trial and lets it end so.
func try(t *testing.T, s *Service, r Result) {
	t.Helper()
	if !s.Acquire() {
		t.Fatal("no slot on trial")
	}
	s.Observe(r, time.Second)
	s.Release()
}

func TestEjectionAndTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		s := f.alike(t, testHealth, nil, named("a"), named("b"), named("c"))
		defer s.Release()
		a := s.ByName("a")
		fail(a, 2)
		a.Observe(Errored, 0) // says nothing
		a.Observe(Neutral, 0)
		if a.Observe(Succeeded, time.Second); serving(s, "m") != "abc" {
			t.Fatal("out before the row was full")
		}
		fail(a, 3)
		if a.Healthy() || serving(s, "m") != "bc" || s.Healthy() != 2 {
			t.Fatal("a row of failures did not take it out at once")
		}
		fig := a.Figures()
		if fig.State != "ejected" || fig.Ejections != 1 || !fig.EjectedUntil.Equal(time.Now().Add(5*time.Second)) {
			t.Errorf("figures %+v", fig)
		}
		a.Answered() // a request of before
		a.Observe(Succeeded, time.Second)
		pass(5*time.Second - 1)
		if serving(s, "m") != "bc" {
			t.Fatal("back before its time, or by a request of before")
		}
		pass(1)
		if serving(s, "m") != "abc" || a.Healthy() || a.Figures().State != "trial" {
			t.Fatalf("not on trial after its time: %+v", a.Figures())
		}
		if a.Answered(); a.Healthy() {
			t.Fatal("a request of before counts for the trial that has not begun")
		}
		if a.Full() || !a.Acquire() || !a.Full() || a.Acquire() || a.Acquire() || a.InFlight() != 1 {
			t.Fatal("on trial it takes one request")
		}
		a.Observe(Neutral, 0) // the client left
		a.Release()
		if a.Full() || !a.Acquire() {
			t.Fatal("nothing was learnt, and no other request may try")
		}
		a.Release() // by one who does not observe
		if a.Full() || !a.Acquire() {
			t.Fatal("a trial that is over still holds its place")
		}
		a.Answered()
		if !a.Healthy() || a.Figures().State != "healthy" || !a.Acquire() {
			t.Fatal("not back once it answered")
		}
		a.Release()
		a.Observe(Failed, 0) // the reply broke after its head
		a.Release()
		if a.Healthy() {
			t.Error("the reply of its trial broke, and it stays")
		}
		if d := time.Until(a.Figures().EjectedUntil); d != 10*time.Second {
			t.Errorf("the second ejection takes %v", d)
		}
	})
}

// TestEjectionsGrowAndAreForgiven walks ejections: each ends in a trial that
// fails or succeeds, or in some time in service before the next.
func TestEjectionsGrowAndAreForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		s := f.alike(t, testHealth, nil, named("a"), named("b"))
		defer s.Release()
		a := s.ByName("a")
		fail(a, 3)
		for i, want := range []int{5, 10, 20, 40, 60, 60} {
			if d := time.Until(a.Figures().EjectedUntil); d != time.Duration(want)*time.Second {
				t.Errorf("ejection %d takes %v, want %d s", i+1, d, want)
			}
			pass(time.Until(a.Figures().EjectedUntil))
			try(t, a, Failed)
		}
		for _, c := range []struct{ good, want int }{
			{0, 60},       // at once: grows, and is at its limit
			{59, 60},      // not forgiven yet
			{60 + 60, 60}, // two of eight
		} {
			pass(time.Until(a.Figures().EjectedUntil))
			try(t, a, Succeeded)
			a.Observe(Succeeded, time.Second)
			pass(time.Duration(c.good) * time.Second)
			fail(a, 3)
			if d := time.Until(a.Figures().EjectedUntil); d != time.Duration(c.want)*time.Second {
				t.Errorf("after %d s in service an ejection takes %v, want %d s", c.good, d, c.want)
			}
		}
		pass(time.Until(a.Figures().EjectedUntil))
		try(t, a, Succeeded)
		a.Observe(Succeeded, time.Second)
		pass(time.Hour)
		fail(a, 3)
		if d := time.Until(a.Figures().EjectedUntil); d != 5*time.Second {
			t.Errorf("after an hour in service an ejection takes %v", d)
		}
	})
}

func TestForgiveness(t *testing.T) {
	c := testOutlier
	for _, x := range []struct {
		level int
		good  time.Duration
		want  int
	}{
		{0, time.Hour, 0},
		{1, 4 * time.Second, 1},
		{1, 5 * time.Second, 0},
		{3, 19 * time.Second, 3},
		{3, 20 * time.Second, 2},
		{3, 29 * time.Second, 2},
		{3, 30 * time.Second, 1},
		{3, 35 * time.Second, 0},
		{9, 5 * time.Minute, 4},
		{9, time.Hour, 0},
	} {
		now := time.Now()
		o := outlier{level: x.level, since: now.Add(-x.good)}
		if o.forgive(now, c); o.level != x.want {
			t.Errorf("level %d after %v in service: %d, want %d", x.level, x.good, o.level, x.want)
		}
	}
}

func TestErrorRateEjects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		h := testHealth
		h.Outlier.ConsecutiveFailures, h.Outlier.ErrorRate = 0, 0.5
		s := f.alike(t, h, nil, named("a"), named("b"))
		defer s.Release()
		a := s.ByName("a")
		mix := func(good, bad int) {
			for i := range good + bad {
				if i < bad {
					a.Observe(Failed, 0)
				} else {
					a.Observe(Succeeded, time.Second)
				}
			}
		}
		mix(0, 19)
		if !a.Healthy() {
			t.Fatal("ejected by fewer requests than min_requests")
		}
		pass(10 * time.Second)
		mix(11, 9) // the 19 are forgotten
		if !a.Healthy() {
			t.Fatal("ejected below the rate, or by what the window has forgotten")
		}
		mix(0, 2) // 11 of 22
		if a.Healthy() {
			t.Fatal("not ejected at the rate")
		}
		pass(5 * time.Second)
		try(t, a, Succeeded)
		a.Observe(Failed, 0)
		if !a.Healthy() {
			t.Error("what it did before the ejection counts again")
		}
	})
}

func TestEjectable(t *testing.T) {
	for _, c := range []struct {
		all   int
		share float64
		want  int
	}{
		{1, 0.5, 0},
		{2, 0.5, 1},
		{3, 0.5, 1},
		{4, 0.5, 2},
		{8, 0.5, 4},
		{8, 0.3, 2},
		{10, 0.3, 3},
		{2, 0.1, 1},
		{8, 0.1, 1},
		{8, 0, 0},
		{8, 1, 7},
		{1, 1, 0},
		{0, 1, -1},
	} {
		if got := ejectable(c.all, c.share); got != c.want {
			t.Errorf("of %d services and a share of %v: %d, want %d", c.all, c.share, got, c.want)
		}
	}
}

// TestSomeServicesStay: however many fail, a share of each model's services
// stays in, and so does the only service of a model.
func TestSomeServicesStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		var cfgs []config.Service
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			cfgs = append(cfgs, named(name))
		}
		cfgs[4].Drain = true // counts for nothing
		s := f.alike(t, testHealth, nil, cfgs...)
		defer s.Release()
		f.set("a", up("m", "rare"))
		f.set("f", Report{Reason: "down"}) // nor does it
		pass(40 * time.Second)
		for _, service := range s.All()[:5] {
			fail(service, 3)
		}
		if m, rare := serving(s, "m"), serving(s, "rare"); m != "ad" || rare != "a" {
			t.Errorf("serving m: %s, and rare: %s", m, rare)
		}
		for _, name := range []string{"a", "d"} {
			if fig := s.ByName(name).Figures(); fig.Spared != 1 || fig.Ejections != 0 {
				t.Errorf("%s: %+v", name, fig)
			}
		}
	})
}

// TestPardon: the services that are not ejected fail their checks, and those
// that are ejected serve again before their time.
func TestPardon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		s := f.alike(t, testHealth, nil, named("a"), named("b"))
		defer s.Release()
		a, b := s.ByName("a"), s.ByName("b")
		fail(a, 3)
		for range 3 { // a longer ejection than checks take
			pass(time.Until(a.Figures().EjectedUntil))
			try(t, a, Failed)
		}
		fail(b, 3)
		if serving(s, "m") != "b" || b.Figures().Spared != 1 {
			t.Fatalf("the last one went: %q", serving(s, "m"))
		}
		f.set("b", Report{Reason: "gone"})
		for b.Healthy() {
			pass(time.Second)
		}
		if serving(s, "m") != "a" || !a.Healthy() || a.Figures().Ejections != 4 {
			t.Errorf("serving %q, %+v", serving(s, "m"), a.Figures())
		}
		f.set("a", Report{Reason: "gone too"})
		pass(time.Minute)
		if serving(s, "m") != "" || !s.Knows([]byte("m")) {
			t.Error("services that fail their checks serve")
		}
	})
}

// TestRestartedServiceIsTriedAtOnce: it was ejected and down; once its checks
// succeed, nobody waits for the end of the ejection.
func TestRestartedServiceIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		h := testHealth
		h.SlowStart, h.Outlier.BaseEjection, h.Outlier.MaxEjection = 10*time.Second, time.Hour, time.Hour
		s := f.alike(t, h, nil, named("a"), named("b"))
		defer s.Release()
		a := s.ByName("a")
		fail(a, 3)
		f.set("a", Report{Reason: "restarting"})
		pass(time.Minute)
		if a.Figures().State != "unhealthy" {
			t.Fatalf("figures %+v", a.Figures())
		}
		f.set("a", up("m"))
		pass(2 * recheck)
		if a.Figures().State != "trial" || serving(s, "m") != "ab" {
			t.Fatalf("figures %+v", a.Figures())
		}
		try(t, a, Succeeded)
		if !a.Healthy() {
			t.Error("not back")
		}
		for _, want := range []int64{102, 563, fullShare, fullShare} {
			if got := a.Share(); got != want {
				t.Errorf("share %d, want %d", got, want)
			}
			pass(5 * time.Second)
		}
	})
}

// TestReloadKeepsEjections: a new generation with other limits has the same
// service, ejected as it was.
func TestReloadKeepsEjections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		old := f.alike(t, testHealth, nil, named("a"), named("b"))
		fail(old.ByName("a"), 3)
		cfg := named("a")
		cfg.Weight = 5
		h := testHealth
		h.Outlier.BaseEjection = time.Second
		next := f.alike(t, h, old, cfg, named("b"))
		defer next.Release()
		old.Release()
		if serving(next, "m") != "b" {
			t.Error("a reload brought it back")
		}
		pass(5 * time.Second)
		a := next.ByName("a")
		try(t, a, Succeeded)
		if serving(next, "m") != "ab" || !a.Healthy() {
			t.Error("its time was over and it did not return")
		}
		a.Observe(Succeeded, 0)
		fail(a, 3)
		if d := time.Until(a.Figures().EjectedUntil); d != 2*time.Second {
			t.Errorf("ejected for %v, not by the new limits", d)
		}
	})
}

func TestSlowStartOfWhoComesLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		h := testHealth
		h.SlowStart = 10 * time.Second
		cfg := named("a")
		cfg.Weight = 3
		first := f.alike(t, h, nil, cfg)
		if got := first.ByName("a").Share(); got != 3*fullShare {
			t.Errorf("at the router's start: share %d", got)
		}
		next := f.alike(t, h, first, cfg, named("b"))
		first.Release()
		defer next.Release()
		if a, b := next.ByName("a"), next.ByName("b"); a.Share() != 3*fullShare || b.Share() != fullShare/10 || b.Figures().Share > 0.1 {
			t.Errorf("shares %d and %d", a.Share(), b.Share())
		}
		pass(10 * time.Second)
		if got := next.ByName("b").Share(); got != fullShare {
			t.Errorf("after the slow start: share %d", got)
		}
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		f := newFakes()
		for _, name := range []string{"a", "b", "c"} {
			f.set(name, up("m", name))
		}
		newSet := func(prev *Set, cfgs ...config.Service) *Set {
			s, err := NewSet(cfgs, testHealth, time.Second, prev, Options{Probe: f.probe, Logger: slog.New(slog.NewTextHandler(&out, nil))})
			if err != nil {
				t.Fatal(err)
			}
			s.Start(t.Context())
			s.WaitReady(t.Context(), time.Minute)
			if prev != nil {
				prev.Release()
			}
			return s
		}
		logged := func(want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for line := range strings.Lines(out.String()) {
				if strings.Contains(line, "drain") {
					_, message, _ := strings.Cut(line, `msg="`)
					message, _, _ = strings.Cut(message, `"`)
					got = append(got, message)
				}
			}
			out.Reset()
			if !slices.Equal(got, want) {
				t.Errorf("logged %q, want %q", got, want)
			}
		}
		const draining, drained = "service is draining: it gets nothing new", "service has drained: nothing is open there"
		s := newSet(nil, named("a"), named("b"), named("c"))
		old := s.ByName("a")
		old.Acquire()
		old.Acquire()
		s.ByName("b").Acquire()
		logged()

		cfg := named("a")
		cfg.Drain = true
		s = newSet(s, cfg, named("c")) // a drains, b is gone
		logged(draining, draining)
		a := s.ByName("a")
		if a.Healthy() || serving(s, "m") != "c" || serving(s, "a") != "" || !s.Knows([]byte("a")) || s.Healthy() != 1 {
			t.Errorf("serving %q while a drains", serving(s, "m"))
		}
		if fig := a.Figures(); fig.State != "draining" || fig.InFlight != 2 {
			t.Errorf("figures %+v", fig)
		}
		leaving := s.Leaving()
		if len(leaving) != 1 || leaving[0].Name() != "b" || leaving[0].Figures().State != "draining" || leaving[0].Healthy() {
			t.Errorf("leaving: %v", serviceNames(leaving))
		}
		old.Release()
		logged()
		old.Release() // by the view of before
		logged(drained)
		leaving[0].Release()
		logged(drained)
		if len(s.Leaving()) != 0 {
			t.Error("b has nothing open and still leaves")
		}
		s = newSet(s, named("a"), named("c"))
		logged("service drains no longer")
		if serving(s, "m") != "ac" {
			t.Errorf("serving %q", serving(s, "m"))
		}
		s = newSet(s, named("a"))
		logged(draining, drained) // c, which had nothing open
		s.Release()
	})
}

// TestIndexIsCheapAfterEjections: many services go and come, and readers find
// the index of now.
func TestIndexIsCheapAfterEjections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakes()
		var cfgs []config.Service
		for i := range 10 {
			cfgs = append(cfgs, named(fmt.Sprint(i)))
		}
		s := f.alike(t, testHealth, nil, cfgs...)
		defer s.Release()
		for _, service := range s.All() {
			fail(service, 3)
		}
		if got := serving(s, "m"); got != "56789" {
			t.Errorf("serving %q: half of them go, and those that failed first", got)
		}
		at := s.current()
		if s.current() != at {
			t.Error("the index is built again though nothing changed")
		}
		pass(5 * time.Second)
		if got := serving(s, "m"); got != "0123456789" {
			t.Errorf("serving %q once they are on trial", got)
		}
	})
}

// TestTrialTakesOneAtATime has many clients at a service on trial, of whom each
// leaves before there is an answer: two of them never overlap.
func TestTrialTakesOneAtATime(t *testing.T) {
	f := newFakes()
	h := testHealth
	h.Outlier.BaseEjection, h.Outlier.MaxEjection = time.Microsecond, time.Microsecond
	s := f.alike(t, h, nil, named("a"), named("b"))
	defer s.Release()
	a := s.ByName("a")
	fail(a, 3)
	for a.standing() != onTrial {
		runtime.Gosched()
	}
	var open, most, trials atomic.Int64
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for trials.Load() < 20_000 {
				if !a.Acquire() {
					runtime.Gosched()
					continue
				}
				if n := open.Add(1); n > most.Load() {
					most.Store(n)
				}
				trials.Add(1)
				open.Add(-1)
				if i%2 == 0 {
					a.Observe(Neutral, 0)
				}
				a.Release()
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 || a.InFlight() != 0 || a.standing() != onTrial {
		t.Errorf("%d requests at once, %d left open", most.Load(), a.InFlight())
	}
}
