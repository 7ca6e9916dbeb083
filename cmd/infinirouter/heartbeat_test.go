package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const heartbeatRoute = "[[routes]]\nname = \"r\"\nheartbeat = \"20ms\"\n"

// beating opens a stream on a router with a heartbeat and reads two beats, each
// after what the service does before it answers.
func beating(ctx context.Context, t *testing.T, r *testRouter) (*http.Response, *bufio.Reader) {
	t.Helper()
	resp, err := post(ctx, r.url+"/v1/chat/completions", streamChat)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("X-Request-Id") == "" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	body := bufio.NewReader(resp.Body)
	for range 2 {
		if event, err := readEvent(body); err != nil || event != ": heartbeat\n" {
			t.Fatalf("%q, %v", event, err)
		}
	}
	return resp, body
}

// rest reads what follows the beats.
func rest(t *testing.T, body *bufio.Reader) (string, error) {
	t.Helper()
	all, err := io.ReadAll(body)
	return strings.ReplaceAll(string(all), ": heartbeat\n\n", ""), err
}

func TestHeartbeat(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		rest   string
		whole  bool
		log    string
	}{
		"a stream": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\ndata: [DONE]\n\n")
		}, "data: 1\n\ndata: [DONE]\n\n", true, `"outcome":"ok"`},
		"a stream that breaks": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: 1\n\n")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "data: 1\n\ndata: {\"error\":", false, `"outcome":"cut"`},
		"an error": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(422)
			_, _ = io.WriteString(w, "{\"error\":\n{\"code\":7}}\n")
		}, "data: {\"error\":\ndata: {\"code\":7}}\n\n", false, `"status":422`},
		"an error in words": {refusing(500, "no"), "data: {\"error\":\"service \\\"one\\\" answered with status 500\"}\n\n", false, `"status":500`},
		"no stream": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{}")
		}, "data: {\"error\":\"service \\\"one\\\" answered with something else than a stream\"}\n\n", false, `"status":502`},
		"a break": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "data: {\"error\":", false, `"status":502`},
	} {
		t.Run(name, func(t *testing.T) {
			answer := make(chan struct{})
			s := startService(t, func(w http.ResponseWriter, r *http.Request) {
				<-answer
				c.answer(w, r)
			})
			r := startRouter(t, oneService(s.URL)+heartbeatRoute)
			_, body := beating(context.Background(), t, r)
			close(answer)
			got, err := rest(t, body)
			if !strings.HasPrefix(got, c.rest) || c.whole != (err == nil) {
				t.Errorf("%q, %v", got, err)
			}
			eventually(t, c.log+" in the access log", func() bool { return strings.Contains(r.access.String(), c.log) })
			eventually(t, "no slot is taken", func() bool { return serviceFigures(t, r)["in_flight"] == 0.0 })
		})
	}
}

// TestHeartbeatAndRetry: beats do not keep a request from being tried again.
func TestHeartbeatAndRetry(t *testing.T) {
	answer := make(chan struct{})
	busy := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		<-answer
		w.WriteHeader(503)
	})
	good := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	r := startRouter(t, twoServices(busy.URL, good.URL, "heartbeat = \"20ms\""))
	_, body := beating(context.Background(), t, r)
	close(answer)
	if got, err := rest(t, body); err != nil || got != "data: [DONE]\n\n" {
		t.Errorf("%q, %v", got, err)
	}
	wantMetric(t, r, `infinirouter_retry_causes_total{cause="status",route="r"}`, "1")
}

// TestHeartbeatNotNeeded: what comes within a beat is passed on as ever, status
// and all, and so is what did not ask for a stream.
func TestHeartbeatNotNeeded(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"stream":true`) {
			http.Error(w, "no", http.StatusUnprocessableEntity)
			return
		}
		time.Sleep(30 * time.Millisecond)
		_, _ = io.WriteString(w, "{}")
	})
	r := startRouter(t, oneService(s.URL)+strings.Replace(heartbeatRoute, "20ms", "10s", 1))
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", streamChat); resp.StatusCode != 422 || string(got) != "no\n" {
		t.Errorf("%d %q", resp.StatusCode, got)
	}
	r = startRouter(t, oneService(s.URL)+strings.Replace(heartbeatRoute, "20ms", "1ms", 1))
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 200 || string(got) != "{}" {
		t.Errorf("%d %q", resp.StatusCode, got)
	}
}

// TestHeartbeatClientLeaves: the service hears of it between two beats.
func TestHeartbeatClientLeaves(t *testing.T) {
	left := make(chan struct{})
	s := startService(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		close(left)
	})
	r := startRouter(t, oneService(s.URL)+heartbeatRoute)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	beating(ctx, t, r)
	cancel()
	<-left
	accessLine(t, r, "client_gone")
	if s := serviceFigures(t, r); s["in_flight"] != 0.0 || s["error_count"] != 0.0 {
		t.Errorf("%v", s)
	}
}

// TestHeartbeatOnAKeptConnection: the next request of the same connection is
// served after a stream with beats.
func TestHeartbeatOnAKeptConnection(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		time.Sleep(50 * time.Millisecond)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	r := startRouter(t, oneService(s.URL)+heartbeatRoute)
	conn := raw(t, r)
	in := bufio.NewReader(conn)
	for range 3 {
		_, _ = fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(streamChat), streamChat)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(resp.Body); err != nil || !strings.HasSuffix(string(got), "data: [DONE]\n\n") {
			t.Fatalf("%q, %v", got, err)
		}
	}
}
