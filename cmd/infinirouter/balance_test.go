package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// severalServices is a router.toml with services called a, b, c... and one
// route with these keys.
func severalServices(urls []string, more, route string) string {
	var b strings.Builder
	b.WriteString("[server]\nexpose_service = true\n" + quickHealth + more + "\n[[routes]]\nname = \"r\"\n" + route + "\n")
	for i, url := range urls {
		fmt.Fprintf(&b, "[[services]]\nname = %q\nurl = %q\n", string(rune('a'+i)), url)
	}
	return b.String()
}

// startServices runs n services that echo.
func startServices(t *testing.T, n int) []string {
	t.Helper()
	var urls []string
	for range n {
		urls = append(urls, startService(t, echo).URL)
	}
	return urls
}

// askVia sends a chat request and returns the service that answered.
func askVia(t *testing.T, r *testRouter, body string, headers ...string) string {
	t.Helper()
	resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", body, headers...)
	if resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	return resp.Header.Get("X-Router-Service")
}

// TestSessionsStay: whatever names a session, its requests go to one service,
// by every router, and those of many sessions to all.
func TestSessionsStay(t *testing.T) {
	urls := startServices(t, 5)
	toml := severalServices(urls, "", `balance = "session"
session_key = ["header:X-Session-Id", "field:user", "field:/metadata/user_id", "client_address"]`)
	one, two := startRouter(t, toml), startRouter(t, toml)
	used := map[string]bool{}
	for i := range 40 {
		name := fmt.Sprintf("session-%d", i)
		user := strings.Replace(chat, "{", `{"user":"`+name+`",`, 1)
		first := askVia(t, one, chat, "X-Session-Id", name)
		used[first] = true
		for _, r := range []*testRouter{one, two} {
			if got := askVia(t, r, user, "X-Session-Id", name); got != first {
				t.Errorf("%s goes to %s and %s", name, first, got)
			}
		}
		second := askVia(t, two, user)
		if got := askVia(t, one, user); got != second {
			t.Errorf("user %s goes to %s and %s", name, second, got)
		}
		metadata := strings.Replace(chat, "{", `{"user":"","metadata":{"user_id":"`+name+`"},`, 1)
		if got := askVia(t, one, metadata); got != second {
			t.Errorf("the same name in the metadata goes to %s, not %s", got, second)
		}
	}
	if len(used) != 5 {
		t.Errorf("40 sessions went to %v", used)
	}
	home := askVia(t, one, chat)
	for range 5 {
		if got := askVia(t, two, chat); got != home {
			t.Errorf("the same client goes to %s and %s", home, got)
		}
	}
}

// TestPrefixesStay: the turns of a conversation go to one service, and so do
// questions about the same long text.
func TestPrefixesStay(t *testing.T) {
	r := startRouter(t, severalServices(startServices(t, 5), "", `balance = "prefix"`))
	used := map[string]bool{}
	for i := range 30 {
		talk := fmt.Sprintf(`{"role":"system","content":"be brief"},{"role":"user","content":"question %d"}`, i)
		first := askVia(t, r, `{"model":"m","messages":[`+talk+`]}`)
		used[first] = true
		for turn := range 4 {
			talk += fmt.Sprintf(`,{"role":"assistant","content":"yes %d"},{"role":"user","content":"why %d"}`, turn, turn)
			if got := askVia(t, r, `{"model":"m","temperature":0.5,"messages":[`+talk+`]}`); got != first {
				t.Errorf("conversation %d goes to %s and, in turn %d, to %s", i, first, turn, got)
			}
		}
	}
	if len(used) < 4 {
		t.Errorf("30 conversations went to %v", used)
	}
	text := strings.Repeat("a long text ", 200)
	first := askVia(t, r, `{"model":"m","messages":[{"role":"user","content":"`+text+` Who wrote it?"}]}`)
	if got := askVia(t, r, `{"model":"m","messages":[{"role":"user","content":"`+text+` When?"}]}`); got != first {
		t.Errorf("questions about one text go to %s and %s", first, got)
	}
}

// serviceOf returns a service's row of /services.
func serviceOf(t *testing.T, r *testRouter, name string) map[string]any {
	t.Helper()
	_, page := fetchJSON(t, "GET", r.url+"/services", "")
	for _, s := range page["services"].([]any) {
		if s := s.(map[string]any); s["name"] == name {
			return s
		}
	}
	return map[string]any{"state": "gone"}
}

func metricsOf(t *testing.T, r *testRouter) string {
	t.Helper()
	_, page := fetch(t, "GET", r.url+"/metrics", "")
	return string(page)
}

// TestServiceThatFailsRequestsIsEjected though its checks are fine, and comes
// back by itself.
func TestServiceThatFailsRequestsIsEjected(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	a := startService(t, func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			w.WriteHeader(503)
			return
		}
		echo(w, r)
	})
	urls := []string{a.URL, startService(t, echo).URL}
	r := startRouter(t, severalServices(urls, "slow_start = \"0s\"\n[health.outlier]\nbase_ejection = \"100ms\"\nmax_ejection = \"400ms\"", "balance = \"round_robin\"\nretries = 0"))
	eventually(t, "a is ejected", func() bool {
		fetch(t, "POST", r.url+"/v1/chat/completions", chat)
		s := serviceOf(t, r, "a")
		return s["ejections"].(float64) >= 2 && s["state"] == "ejected" && s["healthy"] == false && s["ejected_until"] != nil
	})
	for _, want := range []string{
		`infinirouter_service_healthy{service="a"} 0`, `infinirouter_service_ejections_total{service="a"} `, `infinirouter_service_state{service="b",state="healthy"} 1`,
	} {
		if page := metricsOf(t, r); !strings.Contains(page, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if serviceOf(t, r, "b")["ejections"] != 0.0 {
		t.Error("b was ejected")
	}
	broken.Store(false)
	eventually(t, "a is back", func() bool {
		fetch(t, "POST", r.url+"/v1/chat/completions", chat)
		return serviceOf(t, r, "a")["state"] == "healthy"
	})
	for _, want := range []string{`level=WARN msg="service is ejected" service=a reason="3 requests failed in a row"`, `msg="service is on trial: one request at a time until it answers" service=a`, `msg="service is back: it answered the request of its trial" service=a`} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

// TestTheOnlyServiceIsNotEjected: its failures reach the client, which is more
// than a 503 without trying.
func TestTheOnlyServiceIsNotEjected(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	r := startRouter(t, severalServices([]string{s.URL}, "", "retries = 0"))
	for range 10 {
		if resp, body := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 503 || strings.Contains(string(body), "no healthy service") {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
	}
	if got := serviceOf(t, r, "a"); got["state"] != "healthy" || got["ejections"] != 0.0 {
		t.Errorf("%v", got)
	}
	if page := metricsOf(t, r); !strings.Contains(page, `infinirouter_service_ejections_spared_total{service="a"} 3`) {
		t.Error("/metrics does not say that it was spared three times")
	}
}

// TestDrainingFinishesWhatIsOpen: a stream is open on a, which is marked drain,
// and then taken out of router.toml; it ends well, and nothing else gets there.
func TestDrainingFinishesWhatIsOpen(t *testing.T) {
	step := make(chan struct{})
	a := startService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "data: {\"n\":%d}\n\n", i)
			w.(http.Flusher).Flush()
			<-step
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	b := startService(t, echo)
	config := func(services ...string) string {
		return "[server]\nexpose_service = true\n" + quickHealth + strings.Join(services, "")
	}
	inA, inB := fmt.Sprintf("[[services]]\nname = \"a\"\nurl = %q\n", a.URL), fmt.Sprintf("[[services]]\nname = \"b\"\nurl = %q\n", b.URL)
	r := startRouter(t, config(inA))
	resp, err := http.Post(r.url+"/v1/chat/completions", "application/json", strings.NewReader(strings.Replace(chat, "{", `{"stream":true,`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()

	writeFile(t, r.config, config(inA+"drain = true\n", inB))
	if page := r.reload(t); page["ok"] != true {
		t.Fatalf("%v", page)
	}
	for range 10 {
		if got := askVia(t, r, chat); got != "b" {
			t.Fatalf("%s answers while a drains", got)
		}
	}
	if s := serviceOf(t, r, "a"); s["state"] != "draining" || s["healthy"] != false || s["in_flight"] != 1.0 {
		t.Errorf("%v", s)
	}
	step <- struct{}{}

	writeFile(t, r.config, config(inB))
	if page := r.reload(t); page["ok"] != true {
		t.Fatalf("%v", page)
	}
	if s := serviceOf(t, r, "a"); s["state"] != "draining" || s["in_flight"] != 1.0 {
		t.Errorf("once it is out of router.toml: %v", s)
	}
	if page := metricsOf(t, r); !strings.Contains(page, `infinirouter_service_state{service="a",state="draining"} 1`) {
		t.Error("/metrics does not show that a drains")
	}
	close(step)
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.HasSuffix(string(body), "data: [DONE]\n\n") {
		t.Errorf("the stream ended with %v after %q", err, body)
	}
	eventually(t, "a is gone", func() bool { return serviceOf(t, r, "a")["state"] == "gone" })
	eventually(t, "the log says so", func() bool {
		return strings.Contains(r.log.String(), `msg="service has drained: nothing is open there" service=a`)
	})
}

// TestLeastLoadSeesWhatOthersSent: a and b say how busy they are, by the names
// of two engines; all goes to the idle one until it is as busy.
func TestLeastLoadSeesWhatOthersSent(t *testing.T) {
	var busy atomic.Int64
	busy.Store(50)
	reporting := func(page func() string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/metrics" {
				_, _ = io.WriteString(w, page())
				return
			}
			echo(w, r)
		}
	}
	a := startService(t, reporting(func() string {
		return fmt.Sprintf("vllm:num_requests_running{model_name=\"m\"} %d.0\nvllm:num_requests_waiting 0\nvllm:kv_cache_usage_perc 0.5\n", busy.Load())
	}))
	b := startService(t, reporting(func() string { return "sglang:num_running_reqs 20\nsglang:num_queue_reqs 0\n" }))
	r := startRouter(t, severalServices([]string{a.URL, b.URL}, "[load]\ninterval = \"20ms\"\nexpire = \"20s\"", `balance = "least_load"`))
	running := func(name string) any {
		load, _ := serviceOf(t, r, name)["load"].(map[string]any)
		return load["running"]
	}
	eventually(t, "both have said how busy they are", func() bool { return running("a") == 50.0 && running("b") == 20.0 })
	for range 20 {
		if got := askVia(t, r, chat); got != "b" {
			t.Fatalf("%s answers, the busier one", got)
		}
	}
	busy.Store(3)
	eventually(t, "a is known to be idle", func() bool { return running("a") == 3.0 })
	for range 20 {
		if got := askVia(t, r, chat); got != "a" {
			t.Fatalf("%s answers, the busier one", got)
		}
	}
	load := serviceOf(t, r, "a")["load"].(map[string]any)
	if load["engine"] != "vllm" || load["waiting"] != 0.0 || load["cache_use"] != 0.5 || load["age"] == nil {
		t.Errorf("%v", load)
	}
	for _, want := range []string{`infinirouter_service_engine_running{service="b"} 20`, `infinirouter_service_engine_cache_use{service="a"} 0.5`} {
		if !strings.Contains(metricsOf(t, r), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if log := r.log.String(); strings.Count(log, "lack signals") != 1 || !strings.Contains(log, `service=b engine=sglang missing=[cache_use]`) {
		t.Error("the missing signal is not said, or not once")
	}
}
