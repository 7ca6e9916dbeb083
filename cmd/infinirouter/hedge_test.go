package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	procs "github.com/infinirouter/infinirouter/bench/process"
)

// TestHedge: a service that takes long is overtaken by another, and hears at
// once that its work is not wanted any more.
func TestHedge(t *testing.T) {
	left := make(chan struct{}, 10)
	slow := startService(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		left <- struct{}{}
	})
	quick := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			time.Sleep(5 * time.Millisecond)
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	r := startRouter(t, twoServices(slow.URL, quick.URL, "[routes.hedge]\nafter = \"30ms\"\nbudget_percent = 100\nbudget_floor = 10"))
	for range 4 { // every second one meets the slow one first
		resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", streamChat)
		if resp.StatusCode != 200 || string(got) != "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: [DONE]\n\n" {
			t.Fatalf("%d %q", resp.StatusCode, got)
		}
	}
	<-left
	<-left
	wantMetric(t, r, `infinirouter_hedges_total{result="won",route="r"}`, "2")
	eventually(t, "no slot is taken, and nobody is to blame", func() bool {
		_, page := fetchJSON(t, "GET", r.url+"/stats", "")
		for _, s := range page["services"].([]any) {
			if s := s.(map[string]any); s["in_flight"] != 0.0 || s["error_count"] != 0.0 || s["healthy"] != true {
				return false
			}
		}
		return true
	})
	if log := r.access.String(); strings.Count(log, `"attempts":2`) != 2 || strings.Count(log, `"outcome":"ok"`) != 4 {
		t.Errorf("log: %s", log)
	}
}

// TestHedgeByPercentile: without enough requests there is nothing to go by and
// no hedge; then one that takes much longer than most is hedged.
func TestHedgeByPercentile(t *testing.T) {
	var stuck atomic.Bool
	var asked atomic.Int64
	answer := func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		if stuck.CompareAndSwap(true, false) {
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, "{}")
	}
	a, b := startService(t, answer), startService(t, answer)
	r := startRouter(t, twoServices(a.URL, b.URL, "first_byte_timeout = \"20s\"\n[routes.hedge]\nafter = \"p99\"\nbudget_floor = 1000"))
	for range 40 {
		if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
	}
	stuck.Store(true)
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
	if n := metric(t, r, `infinirouter_hedges_total{result="won",route="r"}`); n == "" || n == "0" {
		t.Errorf("hedges won: %q", n)
	}
}

// TestHedgeBudget: where every request is slow, only some are asked twice.
func TestHedgeBudget(t *testing.T) {
	var asked atomic.Int64
	slow := func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		time.Sleep(20 * time.Millisecond)
		_, _ = io.WriteString(w, "{}")
	}
	a, b := startService(t, slow), startService(t, slow)
	r := startRouter(t, twoServices(a.URL, b.URL, "[routes.hedge]\nafter = \"1ms\"\nbudget_percent = 10\nbudget_floor = 1"))
	const requests = 100
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range requests / 4 {
				if resp, err := http.Post(r.url+"/v1/chat/completions", "application/json", strings.NewReader(chat)); err != nil || resp.StatusCode != 200 {
					t.Error(err)
				} else {
					_ = resp.Body.Close()
				}
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n < requests+1 || n > requests*11/10 {
		t.Errorf("%d requests became %d", requests, n)
	}
	if n := metric(t, r, `infinirouter_budget_exhausted_total{kind="hedge",route="r"}`); n == "" || n == "0" {
		t.Errorf("%q times was the budget used up", n)
	}
}

// BenchmarkHedgedRoute is what a hedge costs a request that does not need one:
// processor time of the router on a route without and one with a hedge, which
// take turns. Run it with -benchtime 20000x.
func BenchmarkHedgedRoute(b *testing.B) {
	a, c := startService(b, echo), startService(b, echo)
	hedge := "[routes.hedge]\nafter = "
	routes := []string{"plain", "after 1s", "p95"}
	p := startProcess(b, "[server]\nlisten = \"127.0.0.1:0\"\naccess_log = false\n"+twoServices(a.URL, c.URL, "headers = { \"X-Route\" = \"plain\" }")+
		"[[routes]]\nname = \"fixed\"\nheaders = { \"X-Route\" = \"after 1s\" }\n"+hedge+"\"1s\"\n"+
		"[[routes]]\nname = \"percentile\"\nheaders = { \"X-Route\" = \"p95\" }\n"+hedge+"\"p95\"\nbudget_percent = 0\nbudget_floor = 0\n")
	for !healthy(p.url) {
		time.Sleep(5 * time.Millisecond)
	}
	const round = 200
	used := func() time.Duration {
		u, err := procs.Measure(p.cmd.Process.Pid)
		if err != nil {
			b.Fatal(err)
		}
		return u.CPU
	}
	took := make([]time.Duration, len(routes))
	for n := 0; n < b.N; n += round {
		for i, route := range routes {
			before := used()
			for range min(round, b.N-n) {
				askRoute(b, p.url, route)
			}
			took[i] += used() - before
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(took[0].Microseconds())/float64(b.N), "us-plain")
	for i, route := range routes[1:] {
		b.ReportMetric(float64(took[i+1])/float64(took[0]), "x-"+strings.ReplaceAll(route, " ", "-"))
	}
}

func askRoute(b *testing.B, url, route string) {
	req, err := http.NewRequest(http.MethodPost, url+"/v1/chat/completions", strings.NewReader(chat))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("X-Route", route)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		b.Fatal(resp.Status, err)
	}
}
