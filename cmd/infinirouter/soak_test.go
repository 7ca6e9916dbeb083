//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	soakFor  = flag.Duration("soak", 8*time.Second, "how long TestSoak measures")
	soakMost = flag.Float64("soak-rate", 1500, "most requests a second of TestSoak")
)

// soak is a router under load and everything that happens to it.
type soak struct {
	t        *testing.T
	p        *process
	ledger   *soakLedger
	services []*soakService
	folder   *soakFolder
	clients  *soakClients
	deaths   map[string]int
	died     atomic.Int64
	out      strings.Builder // the report

	dies, dead, reloads time.Duration // between deaths, how long one lasts, between reloads
}

// TestSoak runs the router at up to half of what it can do, with services that die and
// come back, reloads, villains in its plugins folder, honest policies that are
// replaced, and clients that leave when they like. Every request is accounted for
// by its client, the access log and the services.
//
// A failure that a retry could have saved is a request none of whose reply's
// bytes reached its client, on a route with duplicate_work; or, on one without,
// that no service has worked on, as far as the router could know: one that was
// sent when its service died, and that nobody read, looks like one that was read.
//
//	go test ./cmd/infinirouter -run TestSoak -v -timeout 40m -soak 30m
func TestSoak(t *testing.T) {
	s := &soak{t: t, ledger: newSoakLedger(), deaths: map[string]int{}}
	s.dies, s.reloads = min(20*time.Second, *soakFor/8), min(10*time.Second, *soakFor/24)
	s.dead = s.dies * 2 / 5
	for _, name := range []string{"a", "b", "c", "d"} {
		s.services = append(s.services, startSoakService(t, name, s.ledger))
	}
	// As many villains as each quarter can meet.
	s.folder = newSoakFolder(t, s.services, int(*soakFor/4/s.reloads)*4/5)
	// By way of a file: the router drops lines, and says so, when nobody takes them
	// for a while, and on a machine that stalls this process does.
	log, err := os.Create(filepath.Join(t.TempDir(), "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	go s.ledger.follow(t.Context(), log.Name())
	s.p = startProcessAs(t, s.folder.toml(), func(p *process) { p.cmd.Stdout = log })
	eventually(t, "all services are found", func() bool {
		return strings.Contains(httpGet(t, s.p.url+"/health"), `"4/4"`)
	})
	before, err := lookAt(s.p)
	if err != nil {
		t.Fatal(err)
	}
	s.clients = &soakClients{address: strings.TrimPrefix(s.p.url, "http://"), ledger: s.ledger}
	rate := s.capacity()
	figures := s.run(rate)
	s.settle()
	s.letGo(before)
	s.account()
	flat(t, figures, &s.out)
	t.Log(s.out.String())
	s.p.end(t)
}

// capacity finds what the router can do while nothing is wrong, and returns half
// of it, or -soak-rate where that is less.
func (s *soak) capacity() (rate float64) {
	took := max(2*time.Second, min(10*time.Second, *soakFor/20))
	const workers = 64
	s.clients.closedLoop(workers, took/4)
	cpu, own, begun := cpuTime(s.t, s.p.cmd.Process.Pid), ownCPU(), time.Now()
	most := s.clients.closedLoop(workers, took)
	share := float64(cpuTime(s.t, s.p.cmd.Process.Pid)-cpu) / float64(time.Since(begun))
	others := float64(ownCPU()-own) / float64(time.Since(begun))
	rate = min(most/2, *soakMost)
	fmt.Fprintf(&s.out, "\ncapacity: %.0f requests/s with %d clients, the router on %.2f processors, clients and services on %.2f\n", most, workers, share, others)
	fmt.Fprintf(&s.out, "load: %.0f requests/s, %.0f %% of it, in an open loop, with pauses within replies\n", rate, 100*rate/most)
	return rate
}

func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// run puts on the load and everything that goes wrong, and looks at the router
// once each villain was in use and services have died in every way.
func (s *soak) run(rate float64) (figures []soakFigures) {
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() { s.clients.openLoop(rate, done) })
	all.Go(func() { s.dying(done) })
	begun := time.Now()
	for n := 0; n < len(s.folder.villains)*5/8 || s.died.Load() < int64(len(soakMoods)); n++ {
		s.folder.reload(s.p)
		time.Sleep(s.reloads / 4)
	}
	warm := time.Since(begun)
	s.clients.skipped.Store(0)
	all.Go(func() {
		for tick := time.Tick(s.reloads); ; {
			select {
			case <-done:
				return
			case <-tick:
				s.folder.reload(s.p)
			}
		}
	})
	all.Go(func() {
		var err error
		figures, err = sampling(s.p, min(time.Second, *soakFor/60), done)
		if err != nil {
			s.t.Error(err)
		}
	})
	cpu, own, begun := cpuTime(s.t, s.p.cmd.Process.Pid), ownCPU(), time.Now()
	time.Sleep(*soakFor)
	took := time.Since(begun)
	fmt.Fprintf(&s.out, "warm-up: %.0f s, each of %d villains in use and every kind of death; then measured: %.0f s\n", warm.Seconds(), len(s.folder.villains), took.Seconds())
	fmt.Fprintf(&s.out, "meanwhile: the router on %.2f processors, clients and services on %.2f; %d requests that were due were not sent, because the machine stalled or %d were open\n",
		float64(cpuTime(s.t, s.p.cmd.Process.Pid)-cpu)/float64(took), float64(ownCPU()-own)/float64(took), s.clients.skipped.Load(), soakOpen)
	close(done)
	all.Wait()
	return figures
}

// dying lets one service after the other die and come back, each time in
// another way.
func (s *soak) dying(done <-chan struct{}) {
	tick := time.Tick(s.dies)
	for n := 0; ; n++ {
		victim, mood := s.services[n%len(s.services)], soakMoods[n%len(soakMoods)]
		victim.become(mood)
		s.deaths[mood]++
		select {
		case <-done:
		case <-time.After(s.dead):
		}
		victim.become("well")
		s.died.Add(1)
		select {
		case <-done:
			return
		case <-tick:
		}
	}
}

// settle waits for the last requests, and for the router to have accounted for
// them.
func (s *soak) settle() {
	s.clients.open.Wait()
	s.clients.hangUp()
	soakPages.CloseIdleConnections()
	eventually(s.t, "no request is open", func() bool {
		m, err := soakMetrics(s.p)
		return err == nil && m["infinirouter_requests_in_flight"] == 0 && sum(m, "infinirouter_service_requests_in_flight") == 0
	})
	// The log is behind by a moment. What it lacks for good, the account shows.
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(followEvery) {
		if m, err := soakMetrics(s.p); err == nil && float64(s.ledger.logLines()) >= sum(m, "infinirouter_requests_total") {
			return
		}
	}
}

// letGo waits until the router holds what it held before the load, the
// connections to services that it keeps, and the workers that its loops keep.
func (s *soak) letGo(before soakFigures) {
	const some = 40
	var now soakFigures
	var kept int
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(followEvery) {
		kept = 0
		for _, service := range s.services {
			kept += service.connections()
		}
		var err error
		now, err = lookAt(s.p)
		if err == nil && now.files <= before.files+float64(kept)+some && now.goroutines <= before.goroutines+soakWorkers+some {
			return
		}
	}
	s.t.Errorf("after the load the router has %.0f descriptors and %.0f goroutines, before it %.0f and %.0f; services have %d connections", now.files, now.goroutines, before.files, before.goroutines, kept)
}

// account holds the totals of clients, router and services against each other.
func (s *soak) account() {
	t := s.ledger.judge()
	m, err := soakMetrics(s.p)
	if err != nil {
		s.t.Fatal(err)
	}
	s.reportClients(t)
	s.reportRouter(t, m)
	s.reportServices(t, m)
	for _, w := range s.ledger.wrongs {
		s.t.Error(w)
	}
	if s.ledger.more > 0 {
		s.t.Errorf("and %d more", s.ledger.more)
	}
}

// same reports totals that differ.
func (s *soak) same(what string, a, b float64) {
	if a != b {
		s.t.Errorf("%s: %.0f and %.0f", what, a, b)
	}
}

func (s *soak) reportClients(t soakTotals) {
	l := s.ledger
	fmt.Fprintf(&s.out, "\n%d requests, as their clients saw them\n", t.sent)
	row := func(n int, what string) { fmt.Fprintf(&s.out, "%10d  %s\n", n, what) }
	row(t.whole, "whole, every byte its own")
	row(t.cut, "cut after their first byte, and seen to be")
	row(t.refused, "refused with an error that says why")
	row(t.byVillain, "  of them by a villain's failure, on its own route")
	row(t.worked, "  of them when a service had begun the work, on a route that does not do work twice")
	row(t.unread, "  of them sent to a service that died before it read them, on such a route")
	row(t.left, "left by their client")
	row(t.unsent, "  of them before the request was whole")
	row(t.lost, "without any reply")
	row(t.saveable, "failed where a retry could have saved them")
	row(t.twice, "done twice where that is not allowed")
	s.same("refused ones, and why", float64(t.refused), float64(t.byVillain+t.worked+t.unread+t.saveable))
	s.same("requests, and what became of them", float64(t.sent), float64(t.whole+t.cut+t.refused+t.left+t.lost))
	strangers := 0
	for _, n := range l.strangers {
		strangers += n
	}
	s.same("requests left before they were whole, and lines without a request", float64(t.unsent), float64(strangers))
	if t.whole < t.sent/2 || t.left == 0 || t.cut == 0 && *soakFor >= time.Minute {
		s.t.Error("this was no soak")
	}
}

func (s *soak) reportRouter(t soakTotals, m map[string]float64) {
	l := s.ledger
	fmt.Fprintf(&s.out, "\n%d lines in the access log: %v %v\n", l.lines, l.classes, l.outcomes)
	for class, n := range l.classes {
		s.same("lines of class "+class+", and the metric", float64(n), sum(m, "infinirouter_requests_total", fmt.Sprintf("status=%q", class)))
	}
	for outcome, n := range l.outcomes {
		if outcome != "ok" {
			s.same("lines of outcome "+outcome+", and the metric", float64(n), sum(m, "infinirouter_errors_total", fmt.Sprintf("outcome=%q", outcome)))
		}
	}
	s.same("lines, and the metric", float64(l.lines), sum(m, "infinirouter_requests_total"))
	s.same("lines, and requests that were not left before", float64(l.lines), float64(t.sent))
	s.same("further attempts in the log, and the metric", float64(l.retries), sum(m, "infinirouter_retries_total"))
	s.same("panics", 0, sum(m, "infinirouter_panics_total"))
	good := s.folder.n - s.folder.bad
	fmt.Fprintf(&s.out, "%d reloads, %d of them of bad files; %d versions of the honest policy; %d times a villain was put to use\n",
		s.folder.n, s.folder.bad, s.folder.versions, s.folder.exchanged)
	if n := sum(m, "infinirouter_reloads_total", `result="ok"`); n < float64(good) {
		s.t.Errorf("%.0f reloads of %d", n, good)
	}
	fmt.Fprintf(&s.out, "deaths of services, by how: %v\n", s.deaths)
	for _, mood := range soakMoods {
		if s.deaths[mood] == 0 {
			s.t.Errorf("no service %s", mood)
		}
	}
}

// reportServices: what the router calls a request to a service is one that the
// service has read the head of, or one that no connection came about for, or one
// whose client, or whose race with a hedge, was over before its head was sent.
func (s *soak) reportServices(t soakTotals, m map[string]float64) {
	failed := func(service, kind string) float64 {
		return sum(m, "infinirouter_failed_attempts_total", fmt.Sprintf("service=%q", service), fmt.Sprintf("kind=%q", kind))
	}
	fmt.Fprintf(&s.out, "\n%-8s %18s %12s %15s %14s %10s\n", "service", "router's attempts", "heads read", "not connected", "over before", "ejections")
	heads := 0
	for _, x := range s.services {
		label := fmt.Sprintf("service=%q", x.name)
		tried := sum(m, "infinirouter_service_requests_total", label)
		read, refused := float64(x.heads.Load()), failed(x.name, "connect")
		over := tried - read - refused
		fmt.Fprintf(&s.out, "%-8s %18.0f %12.0f %15.0f %14.0f %10.0f\n", x.name, tried, read, refused, over, sum(m, "infinirouter_service_ejections_total", label))
		if over < 0 || over > failed(x.name, "client_gone") {
			s.t.Errorf("service %s: %.0f attempts, of which it has seen %.0f, %.0f found no connection and %.0f were over before",
				x.name, tried, read, refused, failed(x.name, "client_gone"))
		}
		heads += int(x.heads.Load())
	}
	s.same("heads that services read, and those of known requests", float64(heads), float64(t.heads))
	fmt.Fprintf(&s.out, "further attempts by cause: connect %.0f, status %.0f, timeout %.0f, broken %.0f; hedges won %.0f, lost %.0f\n",
		sum(m, "infinirouter_retry_causes_total", `"connect"`), sum(m, "infinirouter_retry_causes_total", `"status"`),
		sum(m, "infinirouter_retry_causes_total", `"timeout"`), sum(m, "infinirouter_retry_causes_total", `"broken"`),
		sum(m, "infinirouter_hedges_total", `"won"`), sum(m, "infinirouter_hedges_total", `"lost"`))
}
