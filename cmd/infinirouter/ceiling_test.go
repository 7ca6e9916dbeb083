package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestBodiesStayUnderTheCeiling: many large bodies at once are half a gigabyte,
// of which the router takes what server.max_body_memory allows, and says so to
// the others before they send.
func TestBodiesStayUnderTheCeiling(t *testing.T) {
	const clients, size = 64, 8 << 20
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{}")
	})
	p := startProcess(t, oneService(s.URL, "[server]\nlisten = \"127.0.0.1:0\"\naccess_log = false\nmax_body = \"8MiB\"\nmax_reply_body = \"8MiB\"\nmax_body_memory = \"32MiB\""))
	for !healthy(p.url) {
		time.Sleep(5 * time.Millisecond)
	}
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"` + strings.Repeat("x", size-100) + `"}]}`)
	start := make(chan struct{})
	var served, refused atomic.Int64
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
			<-start
			if _, err := fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", len(body)); err != nil {
				t.Error(err)
				return
			}
			go func() { _, _ = conn.Write(body) }() // refused ones need not take it
			reply, err := io.ReadAll(conn)
			switch text := string(reply); {
			case strings.HasPrefix(text, "HTTP/1.1 200 "):
				served.Add(1)
			case strings.HasPrefix(text, "HTTP/1.1 503 ") && strings.Contains(text, "server.max_body_memory = 33554432"):
				refused.Add(1)
			default:
				t.Errorf("%.200q %v", text, err)
			}
		})
	}
	close(start)
	wg.Wait()
	u := p.end(t)
	t.Logf("%d served, %d refused, %d MiB at the peak", served.Load(), refused.Load(), u.memory>>20)
	if served.Load() < 4 || served.Load()+refused.Load() != clients {
		t.Errorf("%d served, %d refused", served.Load(), refused.Load())
	}
	// What the process is, what bodies may take, and twice that for the collector.
	if u.memory > 200<<20 {
		t.Errorf("%d MiB at the peak", u.memory>>20)
	}
}
