package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// metric returns the value of a row of /metrics, "" when it is not there.
func metric(t *testing.T, r *testRouter, row string) string {
	t.Helper()
	_, page := fetch(t, "GET", r.url+"/metrics", "")
	for line := range strings.Lines(string(page)) {
		if value, ok := strings.CutPrefix(line, row+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func wantMetric(t *testing.T, r *testRouter, row, value string) {
	t.Helper()
	eventually(t, row+" is "+value, func() bool { return metric(t, r, row) == value })
}

// raw opens a connection of the test's own to the router.
func raw(t *testing.T, r *testRouter) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.TCPConn)
}

// TestTimeoutOfRouteAndService: which of three counts, in the client's answer,
// in the log and in the metrics.
func TestTimeoutOfRouteAndService(t *testing.T) {
	s := startService(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}, "quick", "other")
	r := startRouter(t, quickHealth+fmt.Sprintf(`
[server]
first_byte_timeout = "1h"
[[services]]
name = "one"
url = %q
first_byte_timeout = "60ms"
[[routes]]
name = "quick"
models = ["quick"]
first_byte_timeout = "30ms"
[[routes]]
name = "other"
`, s.URL))
	for model, said := range map[string]string{
		"quick": `routes.first_byte_timeout = "30ms"`,
		"other": `services.first_byte_timeout = "60ms"`,
	} {
		resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", fmt.Sprintf(`{"model":%q}`, model))
		if message := errorMessage("plain", got); resp.StatusCode != 504 || !strings.Contains(message, said) {
			t.Errorf("%s: %d %s", model, resp.StatusCode, got)
		}
	}
	wantMetric(t, r, `infinirouter_timeouts_total{knob="routes.first_byte_timeout"}`, "1")
	wantMetric(t, r, `infinirouter_timeouts_total{knob="services.first_byte_timeout"}`, "1")
	eventually(t, "the knobs are in the log", func() bool {
		log := r.access.String()
		return strings.Contains(log, "routes.first_byte_timeout") && strings.Contains(log, "services.first_byte_timeout")
	})
}

// TestConnectTimeoutOfService: a service that does not take connections is
// given up at its own connect_timeout.
func TestConnectTimeoutOfService(t *testing.T) {
	s, deafen := startDeafening(t, echo)
	r := startRouter(t, fmt.Sprintf(`
[health]
interval = "1h"
[[services]]
name = "one"
url = %q
connect_timeout = "50ms"
[[routes]]
name = "r"
retries = 0
`, s.URL))
	deafen()
	resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat)
	if message := errorMessage("plain", got); resp.StatusCode != 502 || !strings.Contains(message, "services.connect_timeout") {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
	wantMetric(t, r, `infinirouter_timeouts_total{knob="services.connect_timeout"}`, "1")
}

// TestSlowSender: a request that comes too slowly, head or body, is answered
// with 408 and the knob, and its connection closed.
func TestSlowSender(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL, "[server]\nclient_header_timeout = \"100ms\"\nclient_body_timeout = \"150ms\""))
	for sent, said := range map[string]string{
		"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: ":                      `server.client_header_timeout = "100ms"`,
		"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"m": `server.client_body_timeout = "150ms"`,
	} {
		conn := raw(t, r)
		_, _ = io.WriteString(conn, sent)
		got, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 408 ") || !strings.Contains(strings.ReplaceAll(string(got), `\"`, `"`), said) {
			t.Errorf("%q: %q, %v", sent, got, err)
		}
		knob, _, _ := strings.Cut(said, " ")
		wantMetric(t, r, fmt.Sprintf("infinirouter_timeouts_total{knob=%q}", knob), "1")
	}
}

// TestSlowReader: a client that reads nothing makes its service wait, whatever
// that has to say, and is given up after client_write_timeout: the service's
// connection is closed.
func TestSlowReader(t *testing.T) {
	const event = 16 << 10
	var sent atomic.Int64
	blocked, left := make(chan struct{}), make(chan struct{})
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(left)
		w.Header().Set("Content-Type", "text/event-stream")
		data := "data: " + strings.Repeat("x", event) + "\n\n"
		for {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(30 * time.Second))
			if _, err := io.WriteString(w, data); err != nil {
				return
			}
			sent.Add(1)
		}
	})
	r := startRouter(t, oneService(s.URL, "[server]\nclient_write_timeout = \"1s\""))
	conn := raw(t, r)
	_ = conn.SetReadBuffer(4 << 10)
	_, _ = fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(streamChat), streamChat)
	go func() {
		defer close(blocked)
		for before := int64(-1); before != sent.Load(); time.Sleep(200 * time.Millisecond) {
			before = sent.Load()
		}
	}()
	<-blocked
	select {
	case <-left:
		t.Error("the client was given up before the service had to wait")
	default:
	}
	<-left
	// What the kernel holds of two connections is some megabytes at most; what
	// the router holds is the matter here, and it is not all that was sent.
	if n := sent.Load() * event; n > 64<<20 {
		t.Errorf("the service could send %d bytes that nobody read", n)
	}
	eventually(t, "it is in the log", func() bool {
		return strings.Contains(r.access.String(), "client_gone") && strings.Contains(r.access.String(), "server.client_write_timeout")
	})
	wantMetric(t, r, `infinirouter_timeouts_total{knob="server.client_write_timeout"}`, "1")
	if _, page := fetchJSON(t, "GET", r.url+"/stats", ""); page["services"].([]any)[0].(map[string]any)["error_count"] != 0.0 {
		t.Error("a slow reader counts against the service")
	}
}

// TestSlowButSteadyReader: a client that reads slowly, and does read, gets all.
func TestSlowButSteadyReader(t *testing.T) {
	const events = 200
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range events {
			_, _ = fmt.Fprintf(w, "data: %d %s\n\n", i, strings.Repeat("x", 8<<10))
		}
	})
	r := startRouter(t, oneService(s.URL, "[server]\nclient_write_timeout = \"5s\""))
	conn := raw(t, r)
	_ = conn.SetReadBuffer(4 << 10)
	_, _ = fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(streamChat), streamChat)
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(resp.Body)
	for i := range events {
		event, err := readEvent(body)
		if err != nil || !strings.HasPrefix(event, fmt.Sprintf("data: %d x", i)) {
			t.Fatalf("event %d: %.30q, %v", i, event, err)
		}
		if i%20 == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}
