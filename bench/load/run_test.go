//go:build unix

package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/bench/corpus"
	"github.com/infinirouter/infinirouter/bench/service/fast"
)

func serve(t *testing.T, cfg fast.Config) *fast.Server {
	t.Helper()
	s, err := fast.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func do(t *testing.T, s *fast.Server, job Job) *Result {
	t.Helper()
	job.URL, job.Model = s.URL(), "m"
	if job.Timeout == 0 {
		job.Timeout = time.Minute // a busy machine is no error
	}
	r, err := Run(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// clean checks that n requests went well and nothing else happened.
func clean(t *testing.T, r *Result, n int64) {
	t.Helper()
	if r.Sent != n || r.Requests != n || r.ErrorCount() != 0 || r.Unfinished != 0 || r.Left != 0 || r.Numbered != n {
		t.Errorf("sent %d, good %d, numbered %d, left %d, unfinished %d, errors %q; want %d good",
			r.Sent, r.Requests, r.Numbered, r.Left, r.Unfinished, r.ErrorText(), n)
	}
	if r.Latency.Count() != n || r.FromSend.Count() != n || r.FirstToken.Count() != n || r.SendDelay.Count() != n || r.Statuses[200] != n {
		t.Errorf("%d latencies, %d first tokens of %d requests, statuses %v", r.Latency.Count(), r.FirstToken.Count(), n, r.Statuses)
	}
}

func TestClosedLoop(t *testing.T) {
	for _, size := range []int{1 << 10, 10 << 10, 100 << 10, 1 << 20} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprint(size, stream), func(t *testing.T) {
				s := serve(t, fast.Config{})
				r := do(t, s, Job{Connections: 4, Requests: 100, BodyBytes: size, Stream: stream, Corpus: corpus.Prefix, Tokens: 7})
				clean(t, r, 100)
				events := int64(0)
				if stream {
					events = 100 * (7 + 1) // the finish reason
				}
				if r.Events != events || r.Gap.Count() != max(0, events-200) || r.Dials > 4 || r.BytesOut < 100*int64(size) {
					t.Errorf("%d events, %d gaps, %d dials, %d bytes out", r.Events, r.Gap.Count(), r.Dials, r.BytesOut)
				}
				if got := s.Stats(); got.Requests != 100 || got.Answered != 100 || got.MaxOpen > 4 || got.BytesIn != r.BytesOut || got.BytesOut != r.BytesIn {
					t.Errorf("the service saw %+v, the generator %d bytes out, %d in", got, r.BytesOut, r.BytesIn)
				}
			})
		}
	}
}

func TestOpenLoopSendsWhatTheRateSays(t *testing.T) {
	s := serve(t, fast.Config{})
	r := do(t, s, Job{Rate: 1000, Duration: 300 * time.Millisecond, Warmup: 50 * time.Millisecond})
	clean(t, r, 300)
	if got := s.Stats().Requests; got != 350 {
		t.Errorf("the service saw %d requests, with the warm-up", got)
	}
	if r.Rate < 999 || r.Rate > 1001 {
		t.Errorf("rate %f", r.Rate)
	}
	r = do(t, s, Job{Rate: 1000, Duration: time.Hour, Requests: 20})
	clean(t, r, 20)
}

// TestAStallIsChargedToEveryRequestInIt: one connection, and a first reply that
// takes 200 ms. The requests that should have been sent meanwhile have waited,
// although the server answered each of them at once.
func TestAStallIsChargedToEveryRequestInIt(t *testing.T) {
	const stall = 200 * time.Millisecond
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			time.Sleep(stall)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	r, err := Run(t.Context(), Job{URL: server.URL, Rate: 1000, Requests: 200, Connections: 1, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if r.Requests != 200 || r.ErrorCount() != 0 {
		t.Fatalf("%d good, %s", r.Requests, r.ErrorText())
	}
	// Request i was to be sent at i ms and cannot have been before 200: half of
	// them waited 100 ms or more, whatever else the machine did.
	if got := r.Latency.Quantile(0.5); got < stall*49/100 {
		t.Errorf("p50 of latency is %s", got)
	}
	if r.Late < 190 || r.MaxBacklog < 1 || r.SendDelay.Quantile(0.5) < stall*49/100 {
		t.Errorf("%d late, backlog %d, p50 of the delay %s", r.Late, r.MaxBacklog, r.SendDelay.Quantile(0.5))
	}
}

func TestErrorsAreCountedByKind(t *testing.T) {
	for _, c := range []struct {
		name   string
		b      fast.Behaviour
		stream bool
		want   map[string]int64
	}{
		{"status", fast.Behaviour{ErrorRate: 0.1, ErrorStatus: 503}, false, map[string]int64{"status 503": 10}},
		{"dropped", fast.Behaviour{DropRate: 0.25}, false, map[string]int64{ErrReset: 25}},
		{"cut", fast.Behaviour{CutRate: 0.2}, false, map[string]int64{ErrCut: 20}},
		{"stream cut", fast.Behaviour{CutRate: 0.2}, true, map[string]int64{ErrCut: 20}},
		{"several", fast.Behaviour{CutRate: 0.5, ErrorRate: 0.5}, true, map[string]int64{"status 500": 50, ErrCut: 25}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, fast.Config{Behaviour: c.b})
			r := do(t, s, Job{Connections: 3, Requests: 100, Stream: c.stream})
			sum := int64(0)
			for _, n := range c.want {
				sum += n
			}
			if !reflect.DeepEqual(r.Errors, c.want) || r.Requests != 100-sum || r.Latency.Count() != r.Requests {
				t.Errorf("errors %v, %d good", r.Errors, r.Requests)
			}
		})
	}
	s := serve(t, fast.Config{Behaviour: fast.Behaviour{HangRate: 0.5}})
	r := do(t, s, Job{Connections: 10, Requests: 10, Timeout: 300 * time.Millisecond})
	if r.Errors[ErrTimeout] < 5 || r.Requests > 5 {
		t.Errorf("of 10, 5 of which hang: %d good, %v", r.Requests, r.Errors)
	}
}

func TestClientsHangUp(t *testing.T) {
	for _, c := range []struct {
		name  string
		leave Leave
		b     fast.Behaviour
	}{
		{"at once", Leave{Share: 0.5}, fast.Behaviour{FirstToken: time.Hour}},
		{"after a time", Leave{Share: 0.5, After: 20 * time.Millisecond}, fast.Behaviour{FirstToken: time.Hour}},
		{"after events", Leave{Share: 0.5, AfterEvents: 3}, fast.Behaviour{Interval: 5 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, fast.Config{Behaviour: c.b})
			job := Job{Connections: 8, Requests: 8, Stream: true, Tokens: 10, Leave: c.leave, Drain: 100 * time.Millisecond, Duration: 100 * time.Millisecond}
			if c.b.FirstToken == 0 {
				job.Drain = time.Minute
			}
			r := do(t, s, job)
			if r.Left != 4 || r.Sent != 8 || r.ErrorCount() != 0 || r.Requests+r.Unfinished != 4 {
				t.Errorf("sent %d, left %d, good %d, unfinished %d, errors %s", r.Sent, r.Left, r.Requests, r.Unfinished, r.ErrorText())
			}
			for s.Stats().Open > 0 {
				time.Sleep(time.Millisecond)
			}
			if got := s.Stats().Cancelled; got != r.Left+r.Unfinished {
				t.Errorf("the service saw %d leave, %d did", got, r.Left+r.Unfinished)
			}
		})
	}
}

func TestSlowReadersGetItAll(t *testing.T) {
	s := serve(t, fast.Config{})
	r := do(t, s, Job{Connections: 4, Requests: 8, Stream: true, Tokens: 30, Slow: Slow{Share: 0.5, BytesPerSecond: 100 << 10}})
	clean(t, r, 8)
}

func TestIdleConnectionsStayOpen(t *testing.T) {
	s := serve(t, fast.Config{})
	var atBegin, atEnd fast.Stats
	r := do(t, s, Job{
		Idle: 200, Connections: 2, Requests: 50,
		Begin: func() { atBegin = s.Stats() }, End: func() { atEnd = s.Stats() },
	})
	clean(t, r, 50)
	if r.IdleOpen != 200 || atBegin.Requests != 200 || atBegin.Connections < 200 || atEnd.Connections != 202 || atEnd.Requests != 250 {
		t.Errorf("%d idle; at the beginning %+v, at the end %+v", r.IdleOpen, atBegin, atEnd)
	}
}

func TestACancelledRunTellsWhatItFound(t *testing.T) {
	s := serve(t, fast.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	began := false
	r, err := Run(ctx, Job{URL: s.URL(), Model: "m", Duration: time.Hour, Begin: func() {
		began = true
		time.AfterFunc(50*time.Millisecond, cancel)
	}})
	if err != context.Canceled || r == nil || r.Requests == 0 || r.Elapsed <= 0 || r.Rate <= 0 || !began {
		t.Errorf("%v, %+v", err, r)
	}
}

func TestAServerThatGoesAwayIsAnError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { // takes the first connection, which is the look whether it is there, and no other
		c, err := ln.Accept()
		if err == nil {
			_ = ln.Close()
			_ = c.Close()
		}
	}()
	r, err := Run(t.Context(), Job{URL: "http://" + ln.Addr().String(), Requests: 3, Connections: 1})
	if err == nil && (r.Errors[ErrDial]+r.Errors[ErrReset] != 3 || r.Requests != 0) {
		t.Errorf("%+v", r.Errors)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for _, job := range []Job{
		{URL: "https://127.0.0.1:1", Requests: 1},
		{URL: "127.0.0.1:1", Requests: 1},
		{URL: "http://127.0.0.1:1"},
		{URL: "http://127.0.0.1:1", Requests: 1, Corpus: "warm"},
		{URL: "http://127.0.0.1:1", Requests: 1, BodyBytes: 5},
		{URL: "http://127.0.0.1:1", Requests: 1, Rate: -1},
		{URL: "http://127.0.0.1:1", Requests: 1, Leave: Leave{Share: 2}},
		{URL: "http://127.0.0.1:1", Requests: 1, Headers: map[string]string{"A": "b\r\nC: d"}},
	} {
		if r, err := Run(t.Context(), job); err == nil || r != nil {
			t.Errorf("%+v is fine", job)
		}
	}
}

func TestResultSurvivesJSON(t *testing.T) {
	s := serve(t, fast.Config{Behaviour: fast.Behaviour{ErrorRate: 0.1}})
	r := do(t, s, Job{Requests: 50, Stream: true, Headers: map[string]string{"X-Test": "1"}})
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back Result
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&back)
	if err != nil || !bytes.Equal(b, again) {
		t.Errorf("%v\n%s\n%s", err, b, again)
	}
	if back.Latency.Quantile(0.99) != r.Latency.Quantile(0.99) || back.Errors["status 500"] != 5 || back.Job.Headers["X-Test"] != "1" {
		t.Errorf("%+v", back)
	}
	back.Merge(r)
	if back.Sent != 100 || back.Latency.Count() != 2*r.Latency.Count() || back.Errors["status 500"] != 10 || back.Statuses[200] != 90 {
		t.Errorf("merged: %+v", back)
	}
	var text, progress bytes.Buffer
	if err := WriteSummary(&text, &back); err != nil || !strings.Contains(text.String(), "10 x status 500") || !strings.Contains(text.String(), "90 replies by name and number") {
		t.Errorf("%v\n%s", err, text.String())
	}
	do(t, s, Job{Requests: 5, Progress: &progress})
	if !strings.HasPrefix(progress.String(), "\r") || strings.Contains(progress.String(), "\n") {
		t.Errorf("progress %q", progress.String())
	}
}

func TestHistogramEdges(t *testing.T) {
	h := NewHistogram()
	if h.Mean() != 0 || h.Min() != 0 || h.Max() != 0 || h.StdDev() != 0 || h.Quantile(0.5) != 0 {
		t.Error("an empty histogram has figures")
	}
	h.Record(-1)
	h.Record(2 * time.Hour)
	if h.Count() != 2 || h.Max() < time.Hour*99/100 {
		t.Errorf("%d recorded, the longest %s", h.Count(), h.Max())
	}
}
