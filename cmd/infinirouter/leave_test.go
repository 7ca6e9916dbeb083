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
	"sync/atomic"
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

// leaveQueued lets clients leave the queue, and returns how long each still had
// its place there: nothing of such a request is at a service. The access log
// says when it is over, which is after the place was given back.
func leaveQueued(tb testing.TB, tries int) []time.Duration {
	tb.Helper()
	addr, asked, closed := slowService(tb, "")
	r := startRouter(tb, fmt.Sprintf("[server]\nrequest_timeout = \"1h\"\nmax_in_flight = 1\n[server.queue]\nsize = 4\ntimeout = \"1h\"\n[[services]]\nname = \"one\"\nurl = \"http://%s\"\nmodels = [\"m\"]\n", addr))
	first := sendChat(tb, r) // has the only place in the router
	<-asked
	waiting := func() {
		for !strings.Contains(httpGet(tb, r.url+"/metrics"), `infinirouter_queue_waiting{priority="normal"} 1`) {
			time.Sleep(time.Millisecond)
		}
	}
	took := leaveUnseen(tb, r, tries, waiting)
	_ = first.Close()
	<-closed
	return took
}

// leaveBackoff lets clients leave while their requests pause before a further
// attempt, and returns how long each was still the router's. Nothing is at the
// service then; that it was asked once for each request, and no more, is checked.
func leaveBackoff(tb testing.TB, tries int) []time.Duration {
	tb.Helper()
	busy := make(chan struct{})
	var asked atomic.Int64
	s := startService(tb, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
		w.(http.Flusher).Flush()
		asked.Add(1)
		busy <- struct{}{}
	})
	r := startRouter(tb, oneService(s.URL, "[health.outlier]\nconsecutive_failures = 0\nerror_rate = 0")+"[[routes]]\nname = \"r\"\n[routes.retry]\nmax_wait = \"2m\"\nbudget_percent = 100\n")
	took := leaveUnseen(tb, r, tries, func() { <-busy })
	if n := asked.Load(); n != int64(tries) {
		tb.Errorf("the service was asked %d times for %d requests", n, tries)
	}
	return took
}

// leaveUnseen lets clients leave, each some milliseconds after there has returned,
// and returns when the access log knew of it.
func leaveUnseen(tb testing.TB, r *testRouter, tries int, there func()) []time.Duration {
	tb.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	took := make([]time.Duration, 0, tries)
	for range tries {
		before := r.access.Len()
		conn := sendChat(tb, r)
		there()
		time.Sleep(time.Duration(random.IntN(8000)) * time.Microsecond)
		left := time.Now()
		_ = conn.Close()
		for r.access.Len() == before {
			time.Sleep(20 * time.Microsecond)
		}
		took = append(took, time.Since(left))
	}
	if n := strings.Count(r.access.String(), `"outcome":"client_gone"`); n != tries {
		tb.Errorf("%d of %d clients have left, says the log", n, tries)
	}
	slices.Sort(took)
	return took
}

// sendChat sends a chat request and reads nothing.
func sendChat(tb testing.TB, r *testRouter) net.Conn {
	tb.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.WriteString(conn, chatRequest(chat)); err != nil {
		tb.Fatal(err)
	}
	return conn
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

// leavings are the phases in which no service has the request.
var leavings = []struct {
	name  string
	leave func(tb testing.TB, tries int) []time.Duration
}{
	{"connecting", leaveConnecting},
	{"queued", leaveQueued},
	{"backoff", leaveBackoff},
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
	for _, p := range leavings {
		t.Run(p.name, func(t *testing.T) { check(t, p.leave(t, 5)) })
	}
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
	for _, p := range leavings {
		b.Run(p.name, func(b *testing.B) { report(b, p.leave(b, b.N)) })
	}
}
