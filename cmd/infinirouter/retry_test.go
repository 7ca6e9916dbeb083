package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// twoServices is a router.toml with two services of one model and one route.
// Round robin: the first request goes to the first.
func twoServices(first, second string, route ...string) string {
	return fmt.Sprintf(`
[health]
interval = "1h"
[[services]]
name = "first"
url = %q
[[services]]
name = "second"
url = %q
[[routes]]
name = "r"
balance = "round_robin"
%s
`, first, second, strings.Join(route, "\n"))
}

// TestRetriesOnStatus: a service that has too much to do is passed over, and the
// client sees nothing of it.
func TestRetriesOnStatus(t *testing.T) {
	full := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		http.Error(w, `{"error":"full"}`, http.StatusTooManyRequests)
	})
	good := startService(t, echo)
	r := startRouter(t, twoServices(full.URL, good.URL))
	for range 4 {
		if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 200 || string(got) != chat {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
	}
	wantMetric(t, r, `infinirouter_retry_causes_total{cause="status",route="r"}`, "2")
	if _, page := fetchJSON(t, "GET", r.url+"/health", ""); page["healthy_services"] != "2/2" {
		t.Errorf("a service with enough to do is out: %v", page)
	}
}

// TestRefusalPassesUnchanged: when no try is left, the service's own last reply
// is the client's, header, body and all, and one request cannot take the only
// service out.
func TestRefusalPassesUnchanged(t *testing.T) {
	var asked atomic.Int64
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Try", fmt.Sprint(asked.Add(1)))
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "loading the model")
	})
	r := startRouter(t, oneService(s.URL))
	resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat)
	if resp.StatusCode != 503 || string(got) != "loading the model" || resp.Header.Get("X-Try") != "3" || resp.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%d %v %q", resp.StatusCode, resp.Header, got)
	}
	wantMetric(t, r, `infinirouter_retry_causes_total{cause="status",route="default"}`, "2")
	eventually(t, "three attempts are in the log", func() bool { return strings.Contains(r.access.String(), `"attempts":3`) })
	_, page := fetchJSON(t, "GET", r.url+"/stats", "")
	if s := page["services"].([]any)[0].(map[string]any); s["healthy"] != true || s["request_count"] != 3.0 || s["error_count"] != 3.0 || s["in_flight"] != 0.0 {
		t.Errorf("stats: %v", s)
	}
}

// TestSilentServiceIsFailedOver: with duplicate_work, a service that took a
// request and says nothing is left for another.
func TestSilentServiceIsFailedOver(t *testing.T) {
	left := make(chan struct{}, 1)
	silent := startService(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush() // as vLLM does, before prefill
		<-r.Context().Done()
		left <- struct{}{}
	})
	good := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\ndata: [DONE]\n\n")
	})
	r := startRouter(t, twoServices(silent.URL, good.URL, "first_byte_timeout = \"100ms\"\n[routes.retry]\nduplicate_work = true"))
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", streamChat); resp.StatusCode != 200 || string(got) != "data: 1\n\ndata: [DONE]\n\n" {
		t.Errorf("%d %q", resp.StatusCode, got)
	}
	<-left // its connection was closed
	wantMetric(t, r, `infinirouter_retry_causes_total{cause="timeout",route="r"}`, "1")
	wantMetric(t, r, `infinirouter_timeouts_total{knob="routes.first_byte_timeout"}`, "1")
}

// TestBrokenReplyIsTriedAgain: a reply that does not stream breaks in its body,
// of which the client has seen nothing. With duplicate_work another service is
// asked, or the same one when there is no other, as often as retries says.
func TestBrokenReplyIsTriedAgain(t *testing.T) {
	breaks := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"half":`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	var asked atomic.Int64
	once := func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			breaks(w, r)
		}
		echo(w, r)
	}
	const again = "[routes.retry]\nduplicate_work = true\nbackoff = \"1ms\"\n"
	for name, c := range map[string]struct {
		first, second http.HandlerFunc
		route         string
		status        int
		attempts      int
		cause         string
	}{
		"another":           {breaks, echo, again, 200, 2, "1"},
		"only where it may": {breaks, echo, "", 502, 1, ""},
		"the same":          {once, nil, again, 200, 2, "1"},
		"none that answers": {breaks, breaks, "retries = 3\n" + again, 502, 4, "3"},
		"no budget":         {breaks, echo, again + "budget_percent = 0\nbudget_floor = 0\n", 502, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			url := startService(t, c.first).URL
			toml := oneService(url) + "[[routes]]\nname = \"r\"\n" + c.route
			if c.second != nil {
				toml = twoServices(url, startService(t, c.second).URL, c.route)
			}
			r := startRouter(t, toml)
			resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat)
			if resp.StatusCode != c.status || c.status == 200 && string(got) != chat || c.status == 502 && !strings.Contains(string(got), "before the reply was complete") {
				t.Errorf("%d %s", resp.StatusCode, got)
			}
			eventually(t, "it is logged", func() bool { return strings.Contains(r.access.String(), fmt.Sprintf(`"attempts":%d`, c.attempts)) })
			if got := metric(t, r, `infinirouter_retry_causes_total{cause="broken",route="r"}`); got != c.cause {
				t.Errorf("%q further tries", got)
			}
			_, page := fetchJSON(t, "GET", r.url+"/stats", "")
			for _, s := range page["services"].([]any) {
				if s.(map[string]any)["in_flight"] != 0.0 {
					t.Errorf("%v", s)
				}
			}
		})
	}
}

// TestRetryBudgetHolds: when every service refuses, what is sent to them stays
// near what was asked, and the router says that its budget is used up.
func TestRetryBudgetHolds(t *testing.T) {
	var asked atomic.Int64
	refuse := func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(529)
	}
	a, b := startService(t, refuse), startService(t, refuse)
	r := startRouter(t, twoServices(a.URL, b.URL, "[routes.retry]\nbackoff = \"0s\"\nbudget_percent = 10\nbudget_floor = 2"))
	const requests = 200
	for range requests {
		if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 529 {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
	}
	if n := asked.Load(); n < requests+2 || n > requests*11/10 {
		t.Errorf("%d requests became %d", requests, n)
	}
	if n := metric(t, r, `infinirouter_budget_exhausted_total{kind="retry",route="r"}`); n == "" || n == "0" {
		t.Errorf("%q times was the budget used up", n)
	}
}

// TestStaleConnectionIsNoAttempt: a service closes its keep-alive connections
// just when the next request comes. Nothing of it was written there, so it goes
// out on a new one, and nobody counts a retry.
func TestStaleConnectionIsNoAttempt(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL, "")+"[[routes]]\nname = \"r\"\nretries = 0\n")
	for range 5 {
		if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
		s.CloseClientConnections()
	}
	if strings.Contains(r.access.String(), `"attempts":2`) {
		t.Errorf("access log: %s", r.access.String())
	}
	_, page := fetchJSON(t, "GET", r.url+"/stats", "")
	if s := page["services"].([]any)[0].(map[string]any); s["request_count"] != 5.0 || s["error_count"] != 0.0 {
		t.Errorf("stats: %v", s)
	}
}
