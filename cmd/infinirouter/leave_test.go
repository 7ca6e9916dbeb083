//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// phases are how far a request has come when its client leaves: what the service
// has sent by then.
var phases = []struct{ name, sent string }{
	{"prefill", ""},
	{"prefill, head sent", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"},
	{"mid-stream", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"},
	{"mid-reply", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"},
}

// slowService sends what it is told to, goes on with its stream, and says when
// it was asked and when it saw the connection close.
func slowService(tb testing.TB, send string) (addr string, asked chan struct{}, closed chan time.Time) {
	tb.Helper()
	asked, closed = make(chan struct{}), make(chan time.Time)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go serveSlowly(conn, send, asked, closed)
		}
	}()
	return ln.Addr().String(), asked, closed
}

func serveSlowly(conn net.Conn, send string, asked chan<- struct{}, closed chan<- time.Time) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		if req.Method == http.MethodPost {
			break
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	}
	_, _ = io.WriteString(conn, send)
	done := make(chan struct{})
	defer close(done)
	if strings.Contains(send, "data: ") {
		go func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(5 * time.Millisecond):
					_, _ = io.WriteString(conn, "9\r\ndata: 2\n\n\r\n")
				}
			}
		}()
	}
	asked <- struct{}{}
	_, _ = in.ReadByte()
	closed <- time.Now()
}

// leave lets clients leave, each some milliseconds after the service was asked,
// and returns how long the service took to see it.
func leave(tb testing.TB, send string, tries int) []time.Duration {
	tb.Helper()
	addr, asked, closed := slowService(tb, send)
	r := startRouter(tb, fmt.Sprintf("[server]\naccess_log = false\n[[services]]\nname = \"one\"\nurl = \"http://%s\"\nmodels = [\"m\"]\n", addr))
	random := rand.New(rand.NewPCG(1, 2))
	took := make([]time.Duration, 0, tries)
	for range tries {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			tb.Fatal(err)
		}
		_, _ = io.WriteString(conn, chatRequest(streamChat))
		<-asked
		time.Sleep(time.Duration(random.IntN(8000)) * time.Microsecond)
		left := time.Now()
		_ = conn.Close()
		took = append(took, (<-closed).Sub(left))
	}
	slices.Sort(took)
	return took
}

// leaveConnecting lets clients leave while the router connects to a service
// whose queue of connections is full, and returns how long it counted their
// requests as that service's.
func leaveConnecting(tb testing.TB, tries int) []time.Duration {
	tb.Helper()
	ln := shortQueue(tb)
	go func() { // until it is healthy to the router
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go serveSlowly(conn, "", nil, nil)
		}
	}()
	r := startRouter(tb, fmt.Sprintf("[server]\naccess_log = false\nconnect_timeout = \"20s\"\n[health]\nunhealthy_after = 1_000_000\n[[services]]\nname = \"one\"\nurl = \"http://%s\"\nmodels = [\"m\"]\n", ln.Addr()))
	fillQueue(tb, ln)
	stats := func() bool { return strings.Contains(httpGet(tb, r.url+"/stats"), `"in_flight":1`) }
	took := make([]time.Duration, 0, tries)
	for range tries {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err != nil {
			tb.Fatal(err)
		}
		_, _ = io.WriteString(conn, chatRequest(chat))
		for !stats() {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(3 * time.Millisecond)
		left := time.Now()
		_ = conn.Close()
		for stats() {
			time.Sleep(100 * time.Microsecond)
		}
		took = append(took, time.Since(left))
	}
	slices.Sort(took)
	return took
}

func httpGet(tb testing.TB, url string) string {
	tb.Helper()
	resp, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

// shortQueue listens with as short a queue of connections as there can be.
func shortQueue(tb testing.TB) *net.TCPListener {
	tb.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		tb.Fatal(err)
	}
	err = errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0))
	f := os.NewFile(uintptr(fd), "short queue")
	ln, err2 := net.FileListener(f)
	if err = errors.Join(err, err2, f.Close()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = ln.Close() })
	return ln.(*net.TCPListener)
}

// fillQueue ends the accepting of connections, and makes some until one waits in
// vain.
func fillQueue(tb testing.TB, ln *net.TCPListener) {
	tb.Helper()
	_ = ln.SetDeadline(time.Unix(1, 0))
	for {
		conn, err := net.DialTimeout("tcp", ln.Addr().String(), 100*time.Millisecond)
		if err != nil {
			return
		}
		tb.Cleanup(func() { _ = conn.Close() })
	}
}

// TestServiceSeesClientLeave in every phase. The figures are the benchmark's;
// here a wait of seconds is the only failure.
func TestServiceSeesClientLeave(t *testing.T) {
	check := func(t *testing.T, took []time.Duration) {
		if last := took[len(took)-1]; last > 3*time.Second {
			t.Errorf("it took %v", last)
		}
	}
	for _, p := range phases {
		t.Run(p.name, func(t *testing.T) { check(t, leave(t, p.sent, 20)) })
	}
	t.Run("connecting", func(t *testing.T) { check(t, leaveConnecting(t, 5)) })
}

// BenchmarkServiceSeesClientLeave: run it with -benchtime 1000x.
func BenchmarkServiceSeesClientLeave(b *testing.B) {
	report := func(b *testing.B, took []time.Duration) {
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
	}
	for _, p := range phases {
		b.Run(p.name, func(b *testing.B) { report(b, leave(b, p.sent, b.N)) })
	}
	b.Run("connecting", func(b *testing.B) { report(b, leaveConnecting(b, b.N)) })
}
