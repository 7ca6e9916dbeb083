package forward

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
)

// fake is a service that answers with the bytes that a test wants, and the
// Target that leads to it.
type fake struct {
	name   string
	hc     *fasthttp.HostClient
	prefix string
	cfg    config.Service
	max    int64 // slots; 0: no limit

	listener net.Listener
	taken    atomic.Int64 // slots taken now
	acquired atomic.Int64 // slots taken ever
	accepted atomic.Int64 // connections
	requests atomic.Int64
	running  sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]bool
}

func (f *fake) Name() string                 { return f.name }
func (f *fake) Client() *fasthttp.HostClient { return f.hc }
func (f *fake) Host() string                 { return "service.test" }
func (f *fake) PathPrefix() string           { return f.prefix }
func (f *fake) Config() config.Service       { return f.cfg }
func (f *fake) Release()                     { f.taken.Add(-1) }

func (f *fake) Acquire() bool {
	if n := f.taken.Add(1); f.max > 0 && n > f.max {
		f.taken.Add(-1)
		return false
	}
	f.acquired.Add(1)
	return true
}

// peer is the service's side of one connection.
type peer struct {
	net.Conn
	f  *fake
	br *bufio.Reader
}

// request reads one request; ok is false at the connection's end.
func (p *peer) request() (r *http.Request, body []byte, ok bool) {
	r, err := http.ReadRequest(p.br)
	if err != nil {
		return nil, nil, false
	}
	body, err = io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, false
	}
	p.f.requests.Add(1)
	return r, body, true
}

func (p *peer) say(s string) { _, _ = io.WriteString(p.Conn, s) }

// closed waits until the other side has closed the connection.
func (p *peer) closed() { _, _ = io.Copy(io.Discard, p.br) }

// newFake starts a service; handle serves one connection, which is closed when
// it returns. When the test ends, every slot and connection must be back.
func newFake(t testing.TB, handle func(p *peer)) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{name: "s", listener: l, open: map[net.Conn]bool{}}
	f.cfg.V1, f.cfg.PassAuthorization = true, true
	f.hc = &fasthttp.HostClient{
		Addr:                l.Addr().String(),
		MaxIdleConnDuration: time.Hour,
		ConnPoolStrategy:    fasthttp.LIFO,
		DialTimeout: func(addr string, d time.Duration) (net.Conn, error) {
			return net.DialTimeout("tcp", addr, d)
		},
	}
	f.running.Go(func() { f.accept(handle) })
	t.Cleanup(func() { f.stop(t) })
	return f
}

func (f *fake) accept(handle func(p *peer)) {
	for {
		c, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.accepted.Add(1)
		f.mu.Lock()
		f.open[c] = true
		f.mu.Unlock()
		f.running.Go(func() {
			handle(&peer{c, f, bufio.NewReader(c)})
			_ = c.Close()
			f.mu.Lock()
			delete(f.open, c)
			f.mu.Unlock()
		})
	}
}

func (f *fake) stop(t testing.TB) {
	if n := f.taken.Load(); n != 0 {
		t.Errorf("service %s: %d slots are still taken", f.name, n)
	}
	_ = f.listener.Close()
	// A dial that a client did not wait for may end, and be pooled, right now.
	eventually(t, "every connection is closed or in the pool", func() bool {
		f.hc.CloseIdleConnections()
		return f.hc.ConnsCount() == 0
	})
	f.mu.Lock()
	for c := range f.open {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.running.Wait()
}

// answering serves every request with the same bytes.
func answering(wire string) func(p *peer) {
	return func(p *peer) {
		for {
			if _, _, ok := p.request(); !ok {
				return
			}
			p.say(wire)
		}
	}
}

// refused is a target where nobody listens: its port is that of a connection's
// near end, or another process could be given it and answer.
func refused(t testing.TB, name string) *fake {
	t.Helper()
	f := newFake(t, func(*peer) {})
	f.name = name
	conn, err := net.Dial("tcp", f.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	f.hc.Addr = conn.LocalAddr().String()
	return f
}

const okJSON = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}"

func newRequest(body string) *Request {
	h := &fasthttp.RequestHeader{}
	h.SetContentType("application/json")
	return &Request{
		Source: h, Method: []byte("POST"), Path: []byte("/v1/chat/completions"), Body: [][]byte{[]byte(body)},
		ClientAddress: "192.0.2.7", Scheme: "http", OriginalHost: []byte("router.test"), RequestID: []byte("r1"),
	}
}

// tries records failed attempts.
type tries []Kind

func (k *tries) note(_ Target, e *Error) { *k = append(*k, e.Kind) }

// ask sends and reads everything.
func ask(f *Forwarder, r *Request, targets ...*fake) (status int, body string, err error) {
	plan := make([]Target, len(targets))
	for i, t := range targets {
		plan[i] = t
	}
	reply, err := f.Send(r, plan, 2, nil, nil)
	if err != nil {
		return 0, "", err
	}
	defer reply.Close()
	b, err := reply.ReadAll(nil, 1<<20)
	return reply.Status(), string(b), err
}

func asError(t testing.TB, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v (%T), want an *Error", err, err)
	}
	return e
}

func wantKind(t testing.TB, err error, kind Kind, status int) *Error {
	t.Helper()
	e := asError(t, err)
	if e.Kind != kind || e.Status != status {
		t.Fatalf("got %s %d (%v), want %s %d", e.Kind, e.Status, e, kind, status)
	}
	return e
}

// eventually polls, for what happens on another goroutine.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

// TestMain makes Go's poller, which takes descriptors at its first use, and would
// look like the first test's leak.
func TestMain(m *testing.M) {
	if ln, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = ln.Close()
	}
	os.Exit(m.Run())
}

// checkLeaks makes the test fail when goroutines or descriptors are left over.
// It must come first, so that its check comes last.
func checkLeaks(t testing.TB) {
	t.Helper()
	goroutines, files := goroutineCount(), fileCount()
	t.Cleanup(func() {
		eventually(t, "goroutines and descriptors are back to where they were", func() bool {
			return goroutineCount() <= goroutines && fileCount() <= files
		})
	})
}

// goroutineCount leaves out the sleepers of HostClient's pools, which wake up
// once in MaxIdleConnDuration to find that they are not needed any more.
func goroutineCount() int {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	n := 0
	for stack := range bytes.SplitSeq(buf, []byte("\n\n")) {
		if !bytes.Contains(stack, []byte("connsCleaner")) {
			n++
		}
	}
	return n
}

// fileCount is 0 where there is no /proc.
func fileCount() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

func chunked(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(strings.ToUpper(hex(len(p))) + "\r\n" + p + "\r\n")
	}
	return b.String()
}

func hex(n int) string {
	const digits = "0123456789abcdef"
	if n < 16 {
		return digits[n : n+1]
	}
	return hex(n/16) + digits[n%16:n%16+1]
}
