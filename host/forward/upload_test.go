package forward

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

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
