package forward

import (
	"net"
	"syscall"
	"testing"
	"time"
)

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
