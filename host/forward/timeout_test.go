package forward

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

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
