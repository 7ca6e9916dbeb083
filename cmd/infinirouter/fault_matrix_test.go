package main

import (
	"bufio"
	"bytes"
	"fmt"
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
)

// The fault matrix: in each phase of a request, each thing that can go wrong,
// over real sockets. A cell says what the client sees, what the service sees and
// what is counted; after all of them nothing may be left over. A row for another
// phase is another file's own table of cells, run by runMatrix.

// cell is one fault in one phase.
type cell struct {
	phase, fault string
	toml         string // of the only route, which is open, and its tables
	once         string // answers the first chat request; "" for none
	behave       func(p *party)
	before       func(p *party) // once the router is up; e.g. to stop listening
	leave        func(p *party) // returns when the client is to leave; nil: it stays

	status  int    // that the client sees; 0: none
	body    string // that its body begins with
	says    string // and holds
	cut     bool   // the body does not end properly
	outcome string
	errors  float64 // that the service is charged with
	asked   int64   // chat requests that the service has read
	gone    bool    // the service sees the connection close under it
}

// party is a service that speaks raw bytes, and the router in front of it.
type party struct {
	t      *testing.T
	router *testRouter
	listen *net.TCPListener
	cell   *cell
	ready  atomic.Bool // chats are on; before, only checks
	asked  atomic.Int64
	at     chan struct{} // the service is where the client may leave
	closed chan struct{} // the service has seen its connection close
	conns  sync.Map
	all    sync.WaitGroup
}

// rawConn is one connection of the service's.
type rawConn struct {
	net.Conn
	in *bufio.Reader
}

func (c *rawConn) say(s string) { _, _ = io.WriteString(c.Conn, s) }

// bytewise says s a byte at a time.
func (c *rawConn) bytewise(s string) {
	for i := range len(s) {
		c.say(s[i : i+1])
		time.Sleep(100 * time.Microsecond)
	}
}

func (c *rawConn) reset() { _ = c.Conn.(*net.TCPConn).SetLinger(0) }

// hang waits for the other side to close.
func (c *rawConn) hang(p *party) {
	p.at <- struct{}{}
	_, _ = io.Copy(io.Discard, c.in)
	p.closed <- struct{}{}
}

const (
	wholeReply  = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	streamHead  = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	firstEvent  = "9\r\ndata: 1\n\n\r\n"
	streamEnd   = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
	notNow      = "HTTP/1.1 503 X\r\nContent-Length: 5\r\n\r\nbusy\n"
	notForLong  = "HTTP/1.1 503 X\r\nRetry-After: 30\r\nContent-Length: 5\r\n\r\nbusy\n"
	noRetry     = "retries = 0\n"
	oneRetry    = "retries = 1\nfirst_byte_timeout = \"150ms\"\n[routes.retry]\nbackoff = \"1ms\"\n"
	somebodyRan = "client_gone"
)

// serve answers checks, and a chat as the cell says.
func (p *party) serve(conn net.Conn) {
	c := &rawConn{conn, bufio.NewReader(conn)}
	for {
		req, err := http.ReadRequest(c.in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		switch {
		case req.URL.Path == "/health":
			c.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			continue
		case req.Method == http.MethodGet:
			c.say("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{\"data\":[{\"id\":\"m\"}]}   ")
			continue
		}
		if p.asked.Add(1) == 1 && p.cell.once != "" {
			c.say(p.cell.once)
			p.at <- struct{}{}
			continue
		}
		p.behaveOn(c)
		return
	}
}

var current sync.Map // *party to its connection, for behave

func (p *party) behaveOn(c *rawConn) {
	current.Store(p, c)
	defer current.Delete(p)
	p.cell.behave(p)
}

// conn is the connection that behave is called for.
func (p *party) conn() *rawConn {
	c, _ := current.Load(p)
	return c.(*rawConn)
}

func (p *party) accept() {
	for {
		conn, err := p.listen.Accept()
		if err != nil {
			return
		}
		p.conns.Store(conn, nil)
		p.all.Go(func() {
			defer func() { _ = conn.Close() }()
			if p.ready.Load() && p.cell.phase == "connecting" {
				p.behaveOn(&rawConn{conn, bufio.NewReader(conn)})
				return
			}
			p.serve(conn)
		})
	}
}

// silence stops the service from listening, and closes what is open.
func (p *party) silence() {
	_ = p.listen.Close()
	p.conns.Range(func(conn, _ any) bool { _ = conn.(net.Conn).Close(); return true })
}

// read reads one request on a connection that was just taken.
func (c *rawConn) read(p *party) {
	req, err := http.ReadRequest(c.in)
	if err == nil {
		_, _ = io.Copy(io.Discard, req.Body)
		p.asked.Add(1)
	}
}

// busyRouter returns when the router has the request under way.
func busyRouter(p *party) {
	eventually(p.t, "the request is on its way", func() bool {
		return metric(p.t, p.router, "infinirouter_requests_in_flight") == "1"
	})
	time.Sleep(20 * time.Millisecond) // it may still be before the wait; either way it has to end well
}

func atService(p *party) { <-p.at }

// refused returns when the router has taken a refusal in.
func refused(p *party) {
	eventually(p.t, "the refusal is counted", func() bool { return serviceFigures(p.t, p.router)["error_count"] == 1.0 })
}

// matrix is {connecting, prefill, mid-stream, between retries} x {client
// leaves, service resets, hangs, closes early, sends garbage, sends byte by byte}.
var matrix = []cell{
	{
		phase: "connecting", fault: "client leaves", toml: noRetry,
		before: func(p *party) { fill(p.t, p.listen) }, leave: busyRouter, outcome: somebodyRan,
	},
	{
		phase: "connecting", fault: "service resets", toml: noRetry, before: (*party).silence,
		status: 502, says: "could not be reached", outcome: "service_error", errors: 1,
	},
	{
		phase: "connecting", fault: "service hangs", toml: noRetry, before: func(p *party) { fill(p.t, p.listen) },
		status: 502, says: "connect_timeout", outcome: "service_error", errors: 1,
	},
	{
		phase: "connecting", fault: "service closes early", toml: noRetry, behave: func(*party) {},
		status: 502, outcome: "service_error", errors: 1,
	},
	{
		phase: "connecting", fault: "service sends garbage", toml: noRetry,
		behave: func(p *party) { p.conn().say("SSH-2.0-x\r\n"); p.conn().read(p) },
		status: 502, outcome: "service_error", errors: 1, asked: 1,
	},
	{
		phase: "connecting", fault: "service sends byte by byte", toml: noRetry,
		behave: func(p *party) { p.conn().read(p); p.conn().bytewise(wholeReply) },
		status: 200, body: "{}", outcome: "ok", asked: 1,
	},
	{
		phase: "prefill", fault: "client leaves", behave: func(p *party) { p.conn().hang(p) }, leave: atService,
		outcome: somebodyRan, asked: 1, gone: true,
	},
	{
		phase: "prefill", fault: "service resets", behave: func(p *party) { p.conn().reset() },
		status: 502, outcome: "service_error", errors: 1, asked: 1,
	},
	{
		phase: "prefill", fault: "service hangs", toml: "first_byte_timeout = \"150ms\"\n", behave: func(p *party) { p.conn().hang(p) },
		status: 504, says: "routes.first_byte_timeout", outcome: "timeout", errors: 1, asked: 1, gone: true,
	},
	{
		phase: "prefill", fault: "service closes early", behave: func(*party) {},
		status: 502, says: "without a reply", outcome: "service_error", errors: 1, asked: 1,
	},
	{
		phase: "prefill", fault: "service sends garbage", behave: func(p *party) { p.conn().say("\x00\x01 nonsense\r\n\r\n") },
		status: 502, outcome: "service_error", errors: 1, asked: 1,
	},
	{
		phase: "prefill", fault: "service sends byte by byte", behave: func(p *party) { p.conn().bytewise(wholeReply) },
		status: 200, body: "{}", outcome: "ok", asked: 1,
	},
	{
		phase: "mid-stream", fault: "client leaves", behave: func(p *party) { p.conn().say(streamHead + firstEvent); p.conn().hang(p) },
		leave: atService, outcome: somebodyRan, asked: 1, gone: true,
	},
	{
		phase: "mid-stream", fault: "service resets",
		behave: func(p *party) {
			p.conn().say(streamHead + firstEvent)
			time.Sleep(30 * time.Millisecond)
			p.conn().reset()
		},
		status: 200, body: "data: 1\n\ndata: {\"error\":", cut: true, outcome: "cut", errors: 1, asked: 1,
	},
	{
		phase: "mid-stream", fault: "service hangs", toml: "stream_idle_timeout = \"150ms\"\n",
		behave: func(p *party) { p.conn().say(streamHead + firstEvent); p.conn().hang(p) },
		status: 200, body: "data: 1\n\ndata: {\"error\":", says: "routes.stream_idle_timeout", cut: true, outcome: "cut", errors: 1, asked: 1, gone: true,
	},
	{
		phase: "mid-stream", fault: "service closes early", behave: func(p *party) { p.conn().say(streamHead + firstEvent) },
		status: 200, body: "data: 1\n\ndata: {\"error\":", cut: true, outcome: "cut", errors: 1, asked: 1,
	},
	{
		phase: "mid-stream", fault: "service sends garbage", behave: func(p *party) { p.conn().say(streamHead + firstEvent + "zz\r\n") },
		status: 200, body: "data: 1\n\ndata: {\"error\":", cut: true, outcome: "cut", errors: 1, asked: 1,
	},
	{
		phase: "mid-stream", fault: "service sends byte by byte", behave: func(p *party) { p.conn().bytewise(streamHead + firstEvent + streamEnd) },
		status: 200, body: "data: 1\n\ndata: [DONE]\n\n", outcome: "ok", asked: 1,
	},
	{
		phase: "between retries", fault: "client leaves", toml: "[routes.retry]\nmax_wait = \"1m\"\n", once: notForLong,
		leave: refused, outcome: somebodyRan, errors: 1, asked: 1,
	},
	{
		phase: "between retries", fault: "service resets", toml: oneRetry, once: notNow, behave: func(p *party) { p.conn().reset() },
		status: 503, body: "busy\n", outcome: "service_error", errors: 2, asked: 2,
	},
	{
		phase: "between retries", fault: "service hangs", toml: oneRetry, once: notNow, behave: func(p *party) { p.conn().hang(p) },
		status: 503, body: "busy\n", outcome: "service_error", errors: 2, asked: 2, gone: true,
	},
	{
		phase: "between retries", fault: "service closes early", toml: oneRetry, once: notNow, behave: func(*party) {},
		status: 503, body: "busy\n", outcome: "service_error", errors: 2, asked: 2,
	},
	{
		phase: "between retries", fault: "service sends garbage", toml: oneRetry, once: notNow, behave: func(p *party) { p.conn().say("nonsense\r\n\r\n") },
		status: 503, body: "busy\n", outcome: "service_error", errors: 2, asked: 2,
	},
	{
		phase: "between retries", fault: "service sends byte by byte", toml: oneRetry, once: notNow, behave: func(p *party) { p.conn().bytewise(wholeReply) },
		status: 200, body: "{}", outcome: "ok", errors: 1, asked: 2,
	},
}

func TestFaultMatrix(t *testing.T) { runMatrix(t, matrix) }

// runMatrix runs every cell with a router and a service of its own, and looks
// for what is left over when all are done.
func runMatrix(t *testing.T, cells []cell) {
	t.Run("warm up", func(t *testing.T) {
		runCell(t, cell{phase: "none", behave: func(p *party) { p.conn().say(wholeReply) }, status: 200, outcome: "ok", asked: 1})
	})
	goroutines, files := leftOver()
	for _, c := range cells {
		t.Run(strings.ReplaceAll(c.phase+"/"+c.fault, " ", "-"), func(t *testing.T) { runCell(t, c) })
	}
	eventually(t, "goroutines and descriptors are back to where they were", func() bool {
		g, f := leftOver()
		return g <= goroutines && f <= files
	})
}

// leftOver counts goroutines, without those that sleep in pools of connections,
// and descriptors, where there is a /proc.
func leftOver() (goroutines, files int) {
	http.DefaultClient.CloseIdleConnections()
	buf := make([]byte, 4<<20)
	for stack := range bytes.SplitSeq(buf[:runtime.Stack(buf, true)], []byte("\n\n")) {
		if !bytes.Contains(stack, []byte("connsCleaner")) {
			goroutines++
		}
	}
	entries, _ := os.ReadDir("/proc/self/fd")
	return goroutines, len(entries)
}

func runCell(t *testing.T, c cell) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &party{t: t, listen: l.(*net.TCPListener), cell: &c, at: make(chan struct{}, 8), closed: make(chan struct{}, 8)}
	p.all.Go(p.accept)
	defer p.all.Wait()
	defer p.silence()
	p.router = startRouter(t, fmt.Sprintf("[health]\ninterval = \"1h\"\n[[services]]\nname = \"one\"\nurl = \"http://%s\"\nconnect_timeout = \"2s\"\n[[routes]]\nname = \"r\"\n%s", l.Addr(), c.toml))
	defer func() { _ = p.router.stop() }()
	p.ready.Store(true)
	if c.before != nil {
		stopAccepting(p)
		c.before(p)
	}
	conn := raw(t, p.router)
	defer func() { _ = conn.Close() }()
	_, _ = fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(streamChat), streamChat)
	if c.leave != nil {
		c.leave(p)
		_ = conn.Close()
	} else {
		p.clientSees(conn)
	}
	if c.gone {
		<-p.closed
	}
	p.counted()
}

// stopAccepting leaves the listener open, and nobody who takes from it.
func stopAccepting(p *party) {
	_ = p.listen.SetDeadline(time.Unix(1, 0))
	eventually(p.t, "nobody accepts", func() bool {
		_ = p.listen.SetDeadline(time.Unix(1, 0))
		conn, err := p.listen.Accept()
		if err == nil {
			_ = conn.Close()
		}
		return isTimeout(err)
	})
	_ = p.listen.SetDeadline(time.Time{})
}

func isTimeout(err error) bool {
	t, ok := err.(net.Error)
	return ok && t.Timeout()
}

func (p *party) clientSees(conn net.Conn) {
	t, c := p.t, p.cell
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no reply: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != c.status || !strings.HasPrefix(string(body), c.body) || !strings.Contains(string(body), c.says) || c.cut != (err != nil) {
		t.Errorf("the client sees %d %q, %v", resp.StatusCode, body, err)
	}
	if c.status >= 500 && c.once == "" && errorMessage("plain", body) == "" {
		t.Errorf("no error in %q", body)
	}
}

// counted checks the log, the counters and that every slot is back.
func (p *party) counted() {
	t, c := p.t, p.cell
	accessLine(t, p.router, c.outcome)
	eventually(t, "no request is open", func() bool { return metric(t, p.router, "infinirouter_requests_in_flight") == "0" })
	figures := serviceFigures(t, p.router)
	if figures["error_count"] != c.errors || figures["in_flight"] != 0.0 {
		t.Errorf("counted %v, want %v errors", figures, c.errors)
	}
	if n := p.asked.Load(); n != c.asked {
		t.Errorf("the service was asked %d times, want %d", n, c.asked)
	}
}
