package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// chaosReply is the body that the request with this id must get.
func chaosReply(id int, stream bool) string {
	if !stream {
		return fmt.Sprintf(`{"id":%d,"pad":%q,"end":%d}`, id, strings.Repeat(fmt.Sprint(id%10), id%3000), id)
	}
	var b strings.Builder
	for i := range id % 7 {
		fmt.Fprintf(&b, "data: {\"id\":%d,\"n\":%d}\n\n", id, i)
	}
	b.WriteString("data: [DONE]\n\n")
	return b.String()
}

// chaos is a service that cuts, delays and resets at random, and counts how
// often it was asked for each id.
type chaos struct {
	ln    net.Listener
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns map[net.Conn]bool
	seen  map[int]int
}

func startChaos(t *testing.T) *chaos {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &chaos{ln: ln, conns: map[net.Conn]bool{}, seen: map[int]int{}}
	s.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			s.wg.Go(func() { s.serve(conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		s.mu.Lock()
		for conn := range s.conns {
			_ = conn.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func (s *chaos) serve(conn *net.TCPConn) {
	defer func() {
		_ = conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		if req.Method == http.MethodGet {
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
			continue
		}
		var ask struct {
			ID     int
			Stream bool
		}
		if json.Unmarshal(body, &ask) != nil {
			return
		}
		s.mu.Lock()
		s.seen[ask.ID]++
		s.mu.Unlock()
		if !misbehave(conn, ask.ID, ask.Stream) {
			return
		}
	}
}

func (s *chaos) asked(id int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[id]
}

// misbehave answers as the id decides, and reports whether the connection goes
// on.
func misbehave(conn *net.TCPConn, id int, stream bool) bool {
	r := rand.New(rand.NewPCG(uint64(id), 5))
	wire, kind := chaosReply(id, stream), "application/json"
	if stream {
		kind = "text/event-stream"
	}
	head := "HTTP/1.1 200 OK\r\nContent-Type: " + kind + "\r\n"
	if chunked := r.IntN(2) == 0; chunked {
		head += "Transfer-Encoding: chunked\r\n\r\n"
		wire = inChunks(r, wire)
	} else {
		head += fmt.Sprintf("Content-Length: %d\r\n\r\n", len(wire))
	}
	wire = head + wire
	end, fate := len(wire), r.IntN(10)
	if fate >= 6 {
		end = r.IntN(len(wire))
	}
	for sent := 0; sent < end; {
		n := min(1+r.IntN(600), end-sent)
		if _, err := io.WriteString(conn, wire[sent:sent+n]); err != nil {
			return false
		}
		if sent += n; r.IntN(4) == 0 {
			time.Sleep(time.Duration(r.IntN(3000)) * time.Microsecond)
		}
	}
	switch {
	case fate >= 8:
		_ = conn.SetLinger(0)
		return false
	case fate >= 6:
		return false
	}
	return fate > 0 // 0: it closes behind a whole reply, as a service may at any time
}

// inChunks cuts text into chunks of random sizes.
func inChunks(r *rand.Rand, text string) string {
	var b strings.Builder
	for len(text) > 0 {
		n := min(1+r.IntN(400), len(text))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, text[:n])
		text = text[n:]
	}
	return b.String() + "0\r\n\r\n"
}

// TestChaos sends 3,000 requests through services that cut, delay and reset at
// random. None that was cut may look whole, none may have a byte of another, and
// none may be done twice.
func TestChaos(t *testing.T) {
	const requests, clients = 3000, 24
	one, two := startChaos(t), startChaos(t)
	r := startRouter(t, fmt.Sprintf(`[server]
access_log = false
[health]
unhealthy_after = 1_000_000
[[services]]
name = "one"
url = "http://%s"
models = ["m"]
[[services]]
name = "two"
url = "http://%s"
models = ["m"]
`, one.ln.Addr(), two.ln.Addr()))
	var mu sync.Mutex
	whole, broken := 0, 0
	ids := make(chan int)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for id := range ids {
				status, body, err := askChaos(r.url, id)
				mu.Lock()
				if err == nil && status == http.StatusOK {
					whole++
				} else {
					broken++
				}
				mu.Unlock()
				checkChaos(t, id, status, body, err)
			}
		})
	}
	for id := range requests {
		ids <- id
	}
	close(ids)
	wg.Wait()
	t.Logf("%d whole, %d cut or refused", whole, broken)
	if whole < requests/3 || broken < requests/5 {
		t.Errorf("%d whole, %d broken: this was no chaos", whole, broken)
	}
	for id := range requests {
		if n := one.asked(id) + two.asked(id); n > 1 {
			t.Errorf("request %d was done %d times", id, n)
		}
	}
}

func isStream(id int) bool { return id%2 == 1 }

func askChaos(url string, id int) (status int, body string, err error) {
	resp, err := post(context.Background(), url+"/v1/chat/completions", fmt.Sprintf(`{"model":"m","id":%d,"stream":%v}`, id, isStream(id)))
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// checkChaos compares what a client got with what it should have: all of it, or
// a beginning that does not look whole.
func checkChaos(t *testing.T, id, status int, body string, err error) {
	want := chaosReply(id, isStream(id))
	switch {
	case status == 0:
		t.Errorf("request %d: no reply at all: %v", id, err)
	case status != http.StatusOK:
		if errorMessage("plain", []byte(body)) == "" || err != nil {
			t.Errorf("request %d: %d %q, %v", id, status, body, err)
		}
	case err == nil && body != want:
		t.Errorf("request %d took %q for the whole of %q", id, body, want)
	case err != nil:
		start, said, _ := strings.Cut(body, `data: {"error":`)
		if !strings.HasPrefix(want, start) || strings.Contains(said, `"id"`) {
			t.Errorf("request %d got %q, which is no beginning of %q", id, body, want)
		}
	}
}
