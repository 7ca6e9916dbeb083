package forward

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSendReusesConnections(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, answering(okJSON))
	f := New(Options{})
	for range 5 {
		status, body, err := ask(f, newRequest("{}"), s)
		if err != nil || status != 200 || body != `{"ok":true}` {
			t.Fatalf("got %d %q %v", status, body, err)
		}
	}
	if n := s.accepted.Load(); n != 1 {
		t.Errorf("5 requests took %d connections", n)
	}
}

func TestSendRetriesWhatNobodySaw(t *testing.T) {
	checkLeaks(t)
	dead1, dead2 := refused(t, "a"), refused(t, "b")
	alive := newFake(t, answering(okJSON))
	f := New(Options{})
	var k tries
	reply, err := f.Send(newRequest("{}"), []Target{dead1, dead2, alive}, 2, nil, k.note)
	if err != nil {
		t.Fatal(err)
	}
	if reply.Attempts() != 3 || reply.Target() != Target(alive) || !slices.Equal(k, tries{KindConnect, KindConnect}) {
		t.Errorf("got %d attempts, failures %v", reply.Attempts(), k)
	}
	reply.Close()
	reply.Close() // once more does nothing

	k = nil
	_, err = f.Send(newRequest("{}"), []Target{dead1, dead2, alive}, 1, nil, k.note)
	e := wantKind(t, err, KindConnect, 502)
	if e.Service != "b" || !e.Retryable || len(k) != 2 || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("with one retry: %v, failures %v", e, k)
	}
	if p := e.Public(); p != `service "b" could not be reached` {
		t.Errorf("Public() = %q", p)
	}
}

func TestSendDoesNotRetryWhatWasWritten(t *testing.T) {
	checkLeaks(t)
	for name, handle := range map[string]func(p *peer){
		"closed without a reply": func(p *peer) { p.request() },
		"reset": func(p *peer) {
			p.request()
			_ = p.Conn.(*net.TCPConn).SetLinger(0)
		},
		"garbage":          func(p *peer) { p.request(); p.say("nonsense\r\n\r\n"); p.closed() },
		"cut in the head":  func(p *peer) { p.request(); p.say("HTTP/1.1 200 OK\r\nX-A") },
		"cut after a head": func(p *peer) { p.request(); p.say("HTTP/1.1 103 E\r\n\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			first, second := newFake(t, handle), newFake(t, answering(okJSON))
			var k tries
			_, err := New(Options{}).Send(newRequest("{}"), []Target{first, second}, 2, nil, k.note)
			if e := wantKind(t, err, KindProtocol, 502); e.Retryable || len(k) != 1 {
				t.Errorf("retryable %v, failures %v", e.Retryable, k)
			}
			if second.accepted.Load() != 0 {
				t.Error("the request was sent again")
			}
		})
	}
}

func TestSendWithoutSlots(t *testing.T) {
	checkLeaks(t)
	full, alive := newFake(t, answering(okJSON)), newFake(t, answering(okJSON))
	full.name, full.max = "full", 1
	if !full.Acquire() {
		t.Fatal("no slot at all")
	}
	defer full.Release()
	f := New(Options{})
	var k tries
	reply, err := f.Send(newRequest("{}"), []Target{full, alive}, 0, nil, k.note)
	if err != nil {
		t.Fatalf("a full service must not count as a try: %v", err)
	}
	if reply.Attempts() != 1 || !slices.Equal(k, tries{KindNoSlot}) {
		t.Errorf("got %d attempts, failures %v", reply.Attempts(), k)
	}
	reply.Close()

	_, err = f.Send(newRequest("{}"), []Target{full}, 2, nil, nil)
	wantKind(t, err, KindNoSlot, 503)
	_, err = f.Send(newRequest("{}"), nil, 2, nil, nil)
	wantKind(t, err, KindNoSlot, 503)

	dead := refused(t, "dead")
	_, err = f.Send(newRequest("{}"), []Target{dead, full}, 2, nil, nil)
	wantKind(t, err, KindConnect, 502) // what was tried explains more than what was full

	alive.hc.MaxConns = 1
	held, err := f.Send(newRequest("{}"), []Target{alive}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Send(newRequest("{}"), []Target{alive}, 0, nil, nil)
	wantKind(t, err, KindNoSlot, 503)
	held.Close()
}

// TestStalePooledConnection: the pool's connections are dead, in every way
// that a connection can be, and a POST must not notice.
func TestStalePooledConnection(t *testing.T) {
	checkLeaks(t)
	for name, end := range map[string]func(p *peer){
		"closed":              func(p *peer) { _ = p.Close() },
		"reset":               func(p *peer) { _ = p.Conn.(*net.TCPConn).SetLinger(0); _ = p.Close() },
		"unsolicited reply":   func(p *peer) { p.say("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL") },
		"one byte":            func(p *peer) { p.say("x") },
		"408 and then closed": func(p *peer) { p.say("HTTP/1.1 408 Timeout\r\n\r\n"); _ = p.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			turn := make(chan struct{})
			s := newFake(t, func(p *peer) {
				if p.f.accepted.Load() > 2 {
					answering(okJSON)(p)
					return
				}
				p.request()
				p.say(okJSON)
				<-turn
				end(p)
				p.closed()
			})
			f := New(Options{})
			pool(t, f, s, 2)
			close(turn)
			eventually(t, "both connections have something to say", func() bool { return allRestless(t, s, 2) })
			if status, body, err := ask(f, newRequest("{}"), s); err != nil || status != 200 || body != `{"ok":true}` {
				t.Errorf("got %d %q %v", status, body, err)
			}
			if n := s.accepted.Load(); n != 3 {
				t.Errorf("%d connections, want 2 dead ones and a new one", n)
			}
		})
	}
}

// allRestless looks at the n connections of the pool as Send would.
func allRestless(t *testing.T, s *fake, n int) bool {
	t.Helper()
	var p probe
	p.init()
	restless := true
	var held []pooled
	for range n {
		c, err := take(s.hc.AcquireConn, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		restless = restless && !p.idle(c.Conn())
		held = append(held, c)
	}
	for _, c := range held {
		put(s.hc.ReleaseConn, c)
	}
	return restless
}

// pool leaves n connections in the pool.
func pool(t *testing.T, f *Forwarder, s *fake, n int) {
	t.Helper()
	var replies []*Reply
	for range n {
		reply, err := f.Send(newRequest("{}"), []Target{s}, 0, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := reply.ReadAll(nil, 1<<20); err != nil {
			t.Fatal(err)
		}
		replies = append(replies, reply)
	}
	for _, r := range replies {
		r.Close()
	}
	if got := s.hc.IdleConnsCount(); got != n {
		t.Fatalf("%d connections in the pool, want %d", got, n)
	}
}

// deadWrites is a connection that nothing can be written to, and whose death
// cannot be seen beforehand.
type deadWrites struct{ net.Conn }

func (deadWrites) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestRedialsWhenNothingWasWritten(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, answering(okJSON))
	dial := s.hc.DialTimeout
	broken := 0
	s.hc.DialTimeout = func(addr string, d time.Duration) (net.Conn, error) {
		c, err := dial(addr, d)
		if err == nil && broken > 0 {
			broken--
			return deadWrites{c}, nil
		}
		return c, err
	}
	f := New(Options{})
	// A fresh connection that takes nothing is a failure to connect.
	broken = 1
	_, err := f.Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if e := wantKind(t, err, KindConnect, 502); !e.Retryable {
		t.Error("not retryable, though nothing was written")
	}
	// One of the pool is replaced, and no try is counted.
	c, err := s.hc.AcquireConn(time.Second, false)
	if err != nil {
		t.Fatal(err)
	}
	s.hc.CloseConn(c)
	broken = 1
	c, err = s.hc.AcquireConn(time.Second, false)
	if err != nil {
		t.Fatal(err)
	}
	s.hc.ReleaseConn(c)
	var k tries
	reply, err := f.Send(newRequest("{}"), []Target{s}, 0, nil, k.note)
	if err != nil || reply.Attempts() != 1 || len(k) != 0 {
		t.Fatalf("got %v, failures %v", err, k)
	}
	reply.Close()
}

func TestEarlyReply(t *testing.T) {
	checkLeaks(t)
	const refusal = "HTTP/1.1 413 Too Large\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	for name, after := range map[string]func(p *peer){
		"and closes":     func(*peer) {},
		"and reads not":  func(p *peer) { <-p.f.hold(p) },
		"and reads on":   func(p *peer) { p.closed() },
		"and half-close": func(p *peer) { _ = p.Conn.(*net.TCPConn).CloseWrite(); p.closed() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t, func(p *peer) {
				if _, err := p.br.ReadString('\n'); err != nil {
					return
				}
				p.say(refusal)
				after(p)
			})
			status, body, err := ask(New(Options{}), newRequest(strings.Repeat("x", 64<<20)), s)
			if err != nil || status != 413 || body != "{}" {
				t.Errorf("got %d %q %v", status, body, err)
			}
			if s.hc.ConnsCount() != 0 {
				t.Error("the connection of a request that was not written whole is still there")
			}
		})
	}
}

// hold waits for the other side's close without reading: writing fails then.
func (f *fake) hold(p *peer) <-chan struct{} {
	gone := make(chan struct{})
	f.running.Go(func() {
		defer close(gone)
		raw, err := p.Conn.(*net.TCPConn).SyscallConn()
		if err == nil {
			_ = raw.Read(hungUp)
		}
	})
	return gone
}

func TestLargeBodyArrivesWhole(t *testing.T) {
	checkLeaks(t)
	for _, size := range []int{0, 1, inlineBody - 1, inlineBody, inlineBody + 1, 1 << 20, 5 << 20} {
		body := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		arrived := make(chan string, 1)
		s := newFake(t, func(p *peer) {
			for {
				_, b, ok := p.request()
				if !ok {
					return
				}
				arrived <- string(b)
				p.say(okJSON)
			}
		})
		f := New(Options{})
		for range 2 {
			_, _, err := ask(f, newRequest(body), s)
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if got := <-arrived; got != body {
				t.Fatalf("%d bytes: got %d others", size, len(got))
			}
		}
		if n := s.accepted.Load(); n != 1 {
			t.Errorf("%d bytes: %d connections", size, n)
		}
	}
}

// TestSlowReader: the service's window fills up before a small body is taken.
func TestSlowReader(t *testing.T) {
	checkLeaks(t)
	body := strings.Repeat("x", inlineBody)
	ready := make(chan struct{})
	s := newFake(t, func(p *peer) {
		<-ready
		if _, b, ok := p.request(); ok && string(b) == body {
			p.say(okJSON)
		}
	})
	dial := s.hc.DialTimeout
	s.hc.DialTimeout = func(addr string, d time.Duration) (net.Conn, error) {
		c, err := dial(addr, d)
		if err != nil {
			return nil, err
		}
		return &slowWrites{Conn: c, ready: ready}, nil
	}
	status, _, err := ask(New(Options{}), newRequest(body), s)
	if err != nil || status != 200 {
		t.Fatalf("got %d %v", status, err)
	}
}

// slowWrites takes a part of the first write and then reports its deadline.
type slowWrites struct {
	net.Conn
	ready chan struct{}
	once  bool
}

func (c *slowWrites) Write(p []byte) (int, error) {
	if c.once {
		return c.Conn.Write(p)
	}
	c.once = true
	n, err := c.Conn.Write(p[:100])
	if err != nil {
		return n, err
	}
	close(c.ready)
	return n, os.ErrDeadlineExceeded
}

func TestTimeouts(t *testing.T) {
	checkLeaks(t)
	for _, c := range []struct {
		name   string
		handle func(p *peer)
		knob   string
		head   bool // the head arrives
	}{
		{"no head", func(p *peer) { p.request(); p.closed() }, knobRequest, false},
		{"half a head", func(p *peer) { p.request(); p.say("HTTP/1.1 200 OK\r\nX-"); p.closed() }, knobRequest, false},
		{"interim only", func(p *peer) { p.request(); p.say("HTTP/1.1 100 C\r\n\r\n"); p.closed() }, knobRequest, false},
		{"no body", func(p *peer) { p.request(); p.say(h11 + ctj + cl5 + blank); p.closed() }, knobRequest, true},
		{"half a body", func(p *peer) { p.request(); p.say(h11 + ctj + cl5 + blank + "he"); p.closed() }, knobRequest, true},
		{"JSON in chunks", func(p *peer) { p.request(); p.say(h11 + ctj + te + blank + "2\r\n{}\r\n"); p.closed() }, knobRequest, true},
		{"stream without a byte", func(p *peer) {
			p.request()
			p.say(h11 + "Content-Type: text/event-stream\r\n" + te + blank)
			p.closed()
		}, knobRequest, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newFake(t, c.handle)
			f := New(Options{RequestTimeout: 300 * time.Millisecond})
			reply, err := f.Send(newRequest("{}"), []Target{s}, 2, nil, nil)
			if (err == nil) != c.head {
				t.Fatalf("Send: %v", err)
			}
			if err == nil {
				defer reply.Close()
				_, err = reply.ReadAll(nil, 1<<20)
			}
			e := wantKind(t, err, KindTimeout, 504)
			if !strings.Contains(e.Public(), c.knob) || e.Retryable {
				t.Errorf("%q, retryable %v", e.Public(), e.Retryable)
			}
		})
	}
}

func TestStreamHasNoTotalTimeout(t *testing.T) {
	checkLeaks(t)
	next := make(chan struct{})
	s := newFake(t, func(p *peer) {
		p.request()
		p.say(h11 + "Content-Type: text/event-stream\r\n" + te + blank + chunked("data: 1\n\n"))
		<-next
		p.say(chunked("data: 2\n\n", ""))
		p.closed()
	})
	const total = 500 * time.Millisecond
	f := New(Options{RequestTimeout: total})
	started := time.Now()
	reply, err := f.Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	if got := readSome(t, reply); got != "data: 1\n\n" {
		t.Fatalf("got %q", got)
	}
	time.Sleep(time.Until(started.Add(total + 10*time.Millisecond)))
	close(next)
	rest, err := io.ReadAll(reply)
	if err != nil || string(rest) != "data: 2\n\n" {
		t.Errorf("got %q, %v", rest, err)
	}
}

func TestStreamIdleTimeout(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, func(p *peer) {
		p.request()
		p.say(h11 + "Content-Type: text/event-stream\r\n" + te + blank + chunked("data: 1\n\n"))
		p.closed()
	})
	f := New(Options{StreamIdleTimeout: 50 * time.Millisecond})
	reply, err := f.Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	rest, err := io.ReadAll(reply)
	e := wantKind(t, err, KindTimeout, 504)
	if string(rest) != "data: 1\n\n" || !strings.Contains(e.Public(), knobStreamIdle) {
		t.Errorf("got %q, %q", rest, e.Public())
	}
	if _, again := reply.Read(make([]byte, 10)); again != err {
		t.Errorf("the next Read says %v", again)
	}
}

func TestConnectTimeout(t *testing.T) {
	checkLeaks(t)
	for name, o := range map[string]Options{
		"connect_timeout": {ConnectTimeout: 20 * time.Millisecond},
		"request_timeout": {RequestTimeout: 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			s, release := blackhole(t)
			defer release()
			_, err := New(o).Send(newRequest("{}"), []Target{s}, 0, nil, nil)
			if name == "connect_timeout" {
				wantKind(t, err, KindConnect, 502)
			} else {
				wantKind(t, err, KindTimeout, 504)
			}
		})
	}
}

// blackhole is a service that nobody gets through to until release is called,
// and that heeds no timeout: the worst of dialers.
func blackhole(t testing.TB) (f *fake, release func()) {
	hole := make(chan struct{})
	s := newFake(t, answering(okJSON))
	dial := s.hc.DialTimeout
	s.hc.DialTimeout = func(addr string, d time.Duration) (net.Conn, error) {
		<-hole
		return dial(addr, time.Minute)
	}
	return s, func() {
		close(hole)
		// The late connection goes to the pool.
		eventually(t, "the late connection is in the pool", func() bool { return s.hc.IdleConnsCount() == 1 })
	}
}

func readSome(t *testing.T, r *Reply) string {
	t.Helper()
	p := make([]byte, 4096)
	n, err := r.Read(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(p[:n])
}

func TestReplyKinds(t *testing.T) {
	checkLeaks(t)
	for _, c := range []struct {
		name, head string
		method     string
		stream     bool
		length     int
	}{
		{"JSON with a length", ctj + cl5, "POST", false, 5},
		{"JSON in chunks", ctj + te, "POST", false, -1},
		{"problem JSON in chunks", "Content-Type: application/problem+json; a=b\r\n" + te, "POST", false, -1},
		{"JSON until close", ctj, "POST", false, -1},
		{"events in chunks", "Content-Type: Text/Event-Stream;charset=utf-8\r\n" + te, "POST", true, -1},
		{"events with a length", "Content-Type: text/event-stream\r\n" + cl5, "POST", true, 5},
		{"events until close", "Content-Type: text/event-stream\r\n", "POST", true, -1},
		{"JSON lines", "Content-Type: application/x-ndjson\r\n" + te, "POST", true, -1},
		{"no type in chunks", te, "POST", true, -1},
		{"no type with a length", cl5, "POST", false, 5},
		{"long", ctj + "Content-Length: 1001\r\n", "POST", true, 1001},
		{"just not long", ctj + "Content-Length: 1000\r\n", "POST", false, 1000},
		{"HEAD of events", "Content-Type: text/event-stream\r\n" + te, "HEAD", false, 0},
	} {
		s := newFake(t, func(p *peer) { p.request(); p.say(h11 + c.head + blank); p.closed() })
		r := newRequest("")
		r.Method = []byte(c.method)
		reply, err := New(Options{MaxReplyBody: 1000}).Send(r, []Target{s}, 0, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if reply.Streaming() != c.stream || reply.ContentLength() != c.length {
			t.Errorf("%s: streaming %v, length %d", c.name, reply.Streaming(), reply.ContentLength())
		}
		reply.Close()
	}
}

func TestReadAllLimit(t *testing.T) {
	checkLeaks(t)
	for _, wire := range []string{
		h11 + ctj + "Content-Length: 11\r\n\r\n0123456789a",
		h11 + ctj + te + blank + chunked("0123456789", "a", ""),
	} {
		s := newFake(t, answering(wire))
		f := New(Options{})
		for _, limit := range []int64{11, 10} {
			reply, err := f.Send(newRequest("{}"), []Target{s}, 0, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := reply.ReadAll([]byte("<"), limit)
			reply.Close()
			if limit == 11 {
				if err != nil || string(body) != "<0123456789a" {
					t.Errorf("got %q, %v", body, err)
				}
				continue
			}
			if e := wantKind(t, err, KindProtocol, 502); !strings.Contains(e.Public(), "max_reply_body") {
				t.Errorf("Public() = %q", e.Public())
			}
		}
	}
}

// TestReadGivesWhatIsThere: an event is not held for the next one, bytes that
// came together are given together, and Buffered knows which it is.
func TestReadGivesWhatIsThere(t *testing.T) {
	checkLeaks(t)
	next := make(chan struct{})
	s := newFake(t, func(p *peer) {
		p.request()
		p.say(h11 + te + blank + "3\r\none")
		<-next
		p.say("\r\n3\r\ntwo\r\n5\r\nthree\r\n4\r")
		<-next
		p.say("\nfour\r\n0\r\n\r\n")
		p.closed()
	})
	reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	if got := readSome(t, reply); got != "one" || reply.Buffered() {
		t.Fatalf("got %q, buffered %v", got, reply.Buffered())
	}
	next <- struct{}{}
	if got := readSome(t, reply); got != "twothree" || reply.Buffered() {
		t.Fatalf("got %q, buffered %v", got, reply.Buffered())
	}
	next <- struct{}{}
	if got := readSome(t, reply); got != "four" || !reply.Buffered() {
		t.Fatalf("got %q, the end buffered %v", got, reply.Buffered())
	}
	if n, err := reply.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("got %d, %v", n, err)
	}
	reply.Close()
	if _, err := reply.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("a closed reply reads %v", err)
	}
	if s.hc.IdleConnsCount() != 1 {
		t.Error("the connection did not go back to the pool")
	}
}

// TestLargeReplies reads bodies beyond every buffer, through both readers.
func TestLargeReplies(t *testing.T) {
	checkLeaks(t)
	body := strings.Repeat("0123456789abcdef", 20<<10)
	var parts []string
	for i, rest := 0, body; len(rest) > 0; i++ {
		n := min(1+i*i*37, len(rest))
		parts, rest = append(parts, rest[:n]), rest[n:]
	}
	for name, wire := range map[string]string{
		"length": fmt.Sprintf(h11+ctj+"Content-Length: %d\r\n\r\n%s", len(body), body),
		"chunks": h11 + ctj + te + blank + chunked(append(parts, "")...),
		"close":  h11 + ctj + blank + body,
	} {
		s := newFake(t, func(p *peer) {
			for {
				if _, _, ok := p.request(); !ok {
					return
				}
				p.say(wire)
				if name == "close" {
					return
				}
			}
		})
		f := New(Options{})
		if _, got, err := ask(f, newRequest("{}"), s); err != nil || got != body {
			t.Errorf("%s, whole: %d bytes, %v", name, len(got), err)
		}
		for _, size := range []int{1, 1000, inputSize, 100 << 10} {
			reply, err := f.Send(newRequest("{}"), []Target{s}, 0, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			p := make([]byte, size)
			for err == nil {
				var n int
				n, err = reply.Read(p)
				got = append(got, p[:n]...)
			}
			if err != io.EOF || string(got) != body {
				t.Errorf("%s, in %d: %d bytes, %v", name, size, len(got), err)
			}
			reply.Close()
		}
	}
}

// TestResetIsNoEnd: a body until close ends with a close, not with a reset.
func TestResetIsNoEnd(t *testing.T) {
	checkLeaks(t)
	read := make(chan struct{})
	s := newFake(t, func(p *peer) {
		p.request()
		p.say(h11 + blank + "hello")
		<-read
		_ = p.Conn.(*net.TCPConn).SetLinger(0)
	})
	reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	got := readSome(t, reply)
	close(read)
	n, err := reply.Read(make([]byte, 10))
	wantKind(t, err, KindProtocol, 502)
	if got != "hello" || n != 0 {
		t.Errorf("got %q and %d more", got, n)
	}
}

// TestCloseBeforeTheEnd: the service sees it, and nobody else gets the rest.
func TestCloseBeforeTheEnd(t *testing.T) {
	checkLeaks(t)
	seen := make(chan struct{})
	s := newFake(t, func(p *peer) {
		p.request()
		p.say(h11 + te + blank + chunked("one"))
		p.closed()
		close(seen)
	})
	reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	readSome(t, reply)
	reply.Close()
	<-seen
	if s.hc.ConnsCount() != 0 {
		t.Error("the connection is still there")
	}
}
