package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const streamChat = `{"model":"m","stream":true,"messages":[]}`

// post sends a request whose reply is read by the caller.
func post(ctx context.Context, url, body string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	return http.DefaultClient.Do(req)
}

// TestEventsArriveOneByOne lets the service send an event only after the
// client has read the one before.
func TestEventsArriveOneByOne(t *testing.T) {
	next := make(chan string)
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		for event := range next {
			_, _ = io.WriteString(w, event)
			w.(http.Flusher).Flush()
		}
	})
	r := startRouter(t, oneService(s.URL))
	resp, err := post(context.Background(), r.url+"/v1/chat/completions", streamChat)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
	body := bufio.NewReader(resp.Body)
	for i := range 20 {
		event := fmt.Sprintf("data: {\"n\":%d}\n", i)
		next <- event + "\n"
		if got, err := readEvent(body); err != nil || got != event {
			t.Fatalf("event %d: %q, %v", i, got, err)
		}
	}
	next <- "data: [DONE]\n\n"
	close(next)
	if rest, err := io.ReadAll(body); err != nil || string(rest) != "data: [DONE]\n\n" {
		t.Errorf("end: %q, %v", rest, err)
	}
}

// TestCutStream breaks the service's reply at different places: the client
// must get an error event and a reply that does not end well.
func TestCutStream(t *testing.T) {
	for name, sent := range map[string]string{
		"after an event": "data: {\"n\":1}\n\n",
		"in an event":    "data: {\"n\":1}\n\ndata: {\"n\"",
	} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, sent)
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			})
			r := startRouter(t, oneService(s.URL))
			resp, err := post(context.Background(), r.url+"/v1/chat/completions", streamChat)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			got, err := io.ReadAll(resp.Body)
			if err == nil {
				t.Errorf("the cut reply ended well: %q", got)
			}
			events := strings.Split(strings.TrimSuffix(string(got), "\n\n"), "\n\n")
			if len(events) != 2 || events[0] != `data: {"n":1}` || !strings.HasPrefix(events[1], `data: {"error":`) || strings.Contains(string(got), "[DONE]") {
				t.Errorf("got %q", got)
			}
			eventually(t, "the cut is in the access log", func() bool { return strings.Contains(r.access.String(), "cut") })
			_, page := fetchJSON(t, "GET", r.url+"/stats", "")
			if s := page["services"].([]any)[0].(map[string]any); s["error_count"] != 1.0 || s["request_count"] != 1.0 {
				t.Errorf("stats: %v", s)
			}
		})
	}
}

func TestCutReplyIsNotComplete(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"half":`)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	r := startRouter(t, oneService(s.URL))
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 502 || errorMessage("plain", got) == "" {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

func TestSlowService(t *testing.T) {
	release := make(chan struct{})
	s := startService(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	r := startRouter(t, oneService(s.URL, "[server]\nrequest_timeout = \"100ms\""))
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 504 || errorMessage("plain", got) == "" {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

func TestSilentStreamIsCut(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	r := startRouter(t, oneService(s.URL, "[server]\nstream_idle_timeout = \"100ms\""))
	resp, err := post(context.Background(), r.url+"/v1/chat/completions", streamChat)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got, err := io.ReadAll(resp.Body); err == nil || !strings.Contains(string(got), `data: {"error":`) {
		t.Errorf("%q %v", got, err)
	}
}

// TestClientThatLeaves hangs up at three moments; the service must see its
// connection close.
func TestClientThatLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		body   string
		stream bool // the service starts to stream before the client leaves
	}{
		"during prefill":                {streamChat, false},
		"mid-stream":                    {streamChat, true},
		"while a reply is computed":     {chat, false},
		"mid-stream, stream not wanted": {chat, true},
	} {
		t.Run(name, func(t *testing.T) {
			reached, left := make(chan struct{}, 1), make(chan struct{}, 1)
			s := startService(t, func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				if c.stream {
					w.Header().Set("Content-Type", "text/event-stream")
					_, _ = io.WriteString(w, "data: 1\n\n")
					w.(http.Flusher).Flush()
				}
				reached <- struct{}{}
				<-r.Context().Done()
				left <- struct{}{}
			})
			r := startRouter(t, oneService(s.URL))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			var hungUp time.Time
			go func() {
				<-reached
				if !c.stream {
					hungUp = time.Now()
					cancel()
				}
			}()
			resp, err := post(ctx, r.url+"/v1/chat/completions", c.body)
			if c.stream {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := readEvent(bufio.NewReader(resp.Body)); err != nil {
					t.Fatal(err)
				}
				hungUp = time.Now()
				cancel()
				_ = resp.Body.Close()
			} else if err == nil {
				t.Fatalf("a reply: %d", resp.StatusCode)
			}
			<-left
			t.Logf("the service saw it %v after the client hung up", time.Since(hungUp))
			eventually(t, "the leave is in the access log", func() bool { return strings.Contains(r.access.String(), "client_gone") })
			_, page := fetchJSON(t, "GET", r.url+"/stats", "")
			if s := page["services"].([]any)[0].(map[string]any); s["error_count"] != 0.0 || s["in_flight"] != 0.0 {
				t.Errorf("a leaving client counts against the service: %v", s)
			}
		})
	}
}

// TestDrain ends the router while a stream is open: it must finish first.
func TestDrain(t *testing.T) {
	finish := make(chan struct{})
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-finish
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	r := startRouter(t, oneService(s.URL))
	resp, err := post(context.Background(), r.url+"/v1/chat/completions", streamChat)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	eventually(t, "the listener is closed", func() bool {
		late, err := post(context.Background(), r.url+"/v1/chat/completions", "{}")
		if err == nil {
			_ = late.Body.Close()
		}
		return err != nil
	})
	close(finish)
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "data: 1\n\ndata: [DONE]\n\n" {
		t.Errorf("%q %v", got, err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("drain: %v", err)
	}
}

// TestHTTP10Stream: an HTTP/1.0 client reads no chunks. The end of its
// connection is the end of the reply, and a reply that is cut ends in a reset.
func TestHTTP10Stream(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		if strings.Contains(string(body), "cut") {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	r := startRouter(t, oneService(s.URL))
	for body, whole := range map[string]bool{streamChat: true, `{"model":"m","stream":true,"cut":1}`: false} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		got, err := io.ReadAll(conn)
		_ = conn.Close()
		head, rest, _ := strings.Cut(string(got), "\r\n\r\n")
		if strings.Contains(strings.ToLower(head), "chunked") {
			t.Errorf("head %q", head)
		}
		if whole && (err != nil || rest != "data: 1\n\ndata: [DONE]\n\n" || !strings.HasPrefix(head, "HTTP/1.")) {
			t.Errorf("%q %q, %v", head, rest, err)
		}
		if !whole && err == nil {
			t.Errorf("the cut reply ended well: %q", got)
		}
	}
	eventually(t, "both are accounted for", func() bool {
		return strings.Contains(r.access.String(), `"outcome":"ok"`) && strings.Contains(r.access.String(), `"outcome":"cut"`)
	})
}

// TestOversizedReplyIsNotTheServices: a reply over our own limit is a 502 that
// names the knob, and does not take the service out.
func TestOversizedReplyIsNotTheServices(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, strings.Repeat("x", 5000))
	})
	r := startRouter(t, oneService(s.URL, "[server]\nmax_reply_body = \"4KiB\""))
	for range 5 {
		if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 502 || !strings.Contains(string(got), "max_reply_body") {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
	}
	if _, page := fetchJSON(t, "GET", r.url+"/health", ""); page["healthy_services"] != "1/1" {
		t.Errorf("%v", page)
	}
}

// TestDrainHasALimit: what is still open after server.drain_timeout is cut,
// said in the log, and no failure of the program's.
func TestDrainHasALimit(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	r := startRouter(t, oneService(s.URL, "[server]\ndrain_timeout = \"50ms\""))
	resp, err := post(context.Background(), r.url+"/v1/chat/completions", streamChat)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := r.stop(); err != nil {
		t.Errorf("serve: %v", err)
	}
	if log := r.log.String(); !strings.Contains(log, "server.drain_timeout") {
		t.Errorf("log: %s", log)
	}
}
