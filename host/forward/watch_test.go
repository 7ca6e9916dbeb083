package forward

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"
)

// clientPair is a client's connection and the server's side of it.
func clientPair(t testing.TB) (client, server *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = c.Close(), s.Close() })
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// leavings are the ways in which a client leaves.
var leavings = map[string]func(c *net.TCPConn){
	"close":      func(c *net.TCPConn) { _ = c.Close() },
	"reset":      func(c *net.TCPConn) { _ = c.SetLinger(0); _ = c.Close() },
	"half-close": func(c *net.TCPConn) { _ = c.CloseWrite() },
}

func TestClientLeavesWhileConnecting(t *testing.T) {
	checkLeaks(t)
	for name, leave := range leavings {
		t.Run(name, func(t *testing.T) {
			s, release := blackhole(t)
			client, server := clientPair(t)
			w := NewWatch(server)
			go leave(client)
			var k tries
			_, err := New(Options{}).Send(newRequest("{}"), []Target{s, s}, 2, w, k.note)
			wantKind(t, err, KindClientGone, StatusClientGone)
			if len(k) != 1 || !w.Gone() {
				t.Errorf("failures %v, gone %v", k, w.Gone())
			}
			w.Stop()
			release()
			if s.requests.Load() != 0 {
				t.Error("the request was sent for nobody")
			}
		})
	}
}

func TestClientLeavesBeforeTheFirstByte(t *testing.T) {
	checkLeaks(t)
	for name, leave := range leavings {
		t.Run(name, func(t *testing.T) {
			got, seen := make(chan struct{}), make(chan struct{})
			s := newFake(t, func(p *peer) {
				p.request()
				close(got)
				p.closed()
				close(seen)
			})
			client, server := clientPair(t)
			w := NewWatch(server)
			go func() { <-got; leave(client) }()
			_, err := New(Options{}).Send(newRequest("{}"), []Target{s, s}, 2, w, nil)
			wantKind(t, err, KindClientGone, StatusClientGone)
			<-seen
			w.Stop()
			w.Stop()
		})
	}
}

func TestClientLeavesWhileUploading(t *testing.T) {
	checkLeaks(t)
	got, seen := make(chan struct{}), make(chan struct{})
	s := newFake(t, func(p *peer) {
		_, _ = p.br.ReadString('\n')
		close(got)
		<-p.f.hold(p)
		close(seen)
	})
	client, server := clientPair(t)
	w := NewWatch(server)
	go func() { <-got; _ = client.Close() }()
	_, err := New(Options{}).Send(newRequest(string(make([]byte, 64<<20))), []Target{s}, 0, w, nil)
	wantKind(t, err, KindClientGone, StatusClientGone)
	<-seen
	w.Stop()
}

func TestClientLeavesMidStream(t *testing.T) {
	checkLeaks(t)
	for name, leave := range leavings {
		t.Run(name, func(t *testing.T) {
			seen := make(chan struct{})
			s := newFake(t, func(p *peer) {
				p.request()
				p.say(h11 + "Content-Type: text/event-stream\r\n" + te + blank + chunked("data: 1\n\n"))
				p.closed()
				close(seen)
			})
			client, server := clientPair(t)
			reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, NewWatch(server), nil)
			if err != nil {
				t.Fatal(err)
			}
			readSome(t, reply)
			go leave(client)
			_, err = reply.Read(make([]byte, 100))
			wantKind(t, err, KindClientGone, StatusClientGone)
			<-seen // before Close: the Watch itself closed the service's connection
			reply.Close()
			if s.hc.ConnsCount() != 0 {
				t.Error("a closed connection was pooled")
			}
		})
	}
}

// TestClientLeavesAtTheEnd: the reply was read whole, the Watch closed its
// connection all the same. It must not get into the pool.
func TestClientLeavesAtTheEnd(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, answering(okJSON))
	client, server := clientPair(t)
	w := NewWatch(server)
	reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reply.ReadAll(nil, 1<<20); err != nil {
		t.Fatal(err)
	}
	gone := w.arm()
	_ = client.Close()
	<-gone
	reply.Close()
	if n := s.hc.ConnsCount(); n != 0 {
		t.Errorf("%d closed connections were pooled", n)
	}
}

// TestClientLeavesBehindPipelinedBytes: peeking would see the bytes only.
func TestClientLeavesBehindPipelinedBytes(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // hungUp says what is known elsewhere
	}
	checkLeaks(t)
	client, server := clientPair(t)
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	w := NewWatch(server)
	gone := w.arm()
	_ = client.Close()
	<-gone
	w.Stop()
	rest, err := io.ReadAll(server)
	if string(rest) != "GET / HTTP/1.1\r\n\r\n" || err != nil {
		t.Errorf("the watch took bytes: %q, %v left", rest, err)
	}
}

// TestStopGivesTheConnectionBack: readable, every byte there, no deadline.
func TestStopGivesTheConnectionBack(t *testing.T) {
	checkLeaks(t)
	client, server := clientPair(t)
	for range 50 {
		w := NewWatch(server)
		w.arm()
		if _, err := io.WriteString(client, "next\n"); err != nil {
			t.Fatal(err)
		}
		w.Stop()
		if w.Gone() {
			t.Fatal("a client that is there is gone")
		}
		line, err := bufio.NewReader(server).ReadString('\n')
		if line != "next\n" || err != nil {
			t.Fatalf("got %q, %v", line, err)
		}
		if w.arm() == nil || w.armed && !w.stopped {
			t.Fatal("armed after Stop")
		}
	}
	w := NewWatch(server)
	w.Stop() // never armed
	if w.arm() != nil {
		t.Error("armed after Stop")
	}
}

// TestServerClosesTheConnection: closed from our side, the client is gone too.
func TestServerClosesTheConnection(t *testing.T) {
	checkLeaks(t)
	_, server := clientPair(t)
	w := NewWatch(server)
	gone := w.arm()
	_ = server.Close()
	<-gone
	w.Stop()
}

func TestGoneBeforeSend(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, answering(okJSON))
	client, server := clientPair(t)
	w := NewWatch(server)
	gone := w.arm()
	_ = client.Close()
	<-gone
	_, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, w, nil)
	wantKind(t, err, KindClientGone, StatusClientGone)
	if s.acquired.Load() != 0 {
		t.Error("a slot was taken for nobody")
	}
	if w.bind(server) {
		t.Error("bound to a client that has left")
	}
	w.Stop()
}

// TestUnwatchable: without a socket a Watch does nothing, and hurts nobody.
func TestUnwatchable(t *testing.T) {
	checkLeaks(t)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	s := newFake(t, func(p *peer) {
		for {
			if _, _, ok := p.request(); !ok {
				return
			}
			time.Sleep(2 * patience)
			p.say(okJSON)
		}
	})
	for _, w := range []*Watch{nil, NewWatch(nil), NewWatch(a)} {
		reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, w, nil)
		if err != nil {
			t.Fatal(err)
		}
		reply.Close()
		w.Stop()
		if w.Gone() {
			t.Error("gone, unseen")
		}
	}
}

func TestSocketOf(t *testing.T) {
	_, server := clientPair(t)
	for name, conn := range map[string]net.Conn{
		"plain":   server,
		"TLS":     tls.Server(server, &tls.Config{}),
		"wrapped": wrapped{wrapped{server}},
	} {
		if got, ok := socketOf(conn); !ok || got != net.Conn(server) {
			t.Errorf("%s: got %v, %v", name, got, ok)
		}
	}
}

type wrapped struct{ inner net.Conn }

func (w wrapped) NetConn() net.Conn             { return w.inner }
func (w wrapped) Read(p []byte) (int, error)    { return w.inner.Read(p) }
func (w wrapped) Write(p []byte) (int, error)   { return w.inner.Write(p) }
func (w wrapped) Close() error                  { return w.inner.Close() }
func (w wrapped) LocalAddr() net.Addr           { return w.inner.LocalAddr() }
func (w wrapped) RemoteAddr() net.Addr          { return w.inner.RemoteAddr() }
func (w wrapped) SetDeadline(t time.Time) error { return w.inner.SetDeadline(t) }
func (w wrapped) SetReadDeadline(t time.Time) error {
	return w.inner.SetReadDeadline(t)
}

func (w wrapped) SetWriteDeadline(t time.Time) error {
	return w.inner.SetWriteDeadline(t)
}

// TestLeavingNeverClosesAPooledConnection: clients leave while their replies
// are being completed. Whatever wins, what lies in the pool is open.
func TestLeavingNeverClosesAPooledConnection(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, func(p *peer) {
		for {
			if _, _, ok := p.request(); !ok {
				return
			}
			p.say(okJSON)
		}
	})
	f := New(Options{})
	for range 300 {
		client, server := clientPair(t)
		w := NewWatch(server)
		w.arm()
		left := make(chan struct{})
		go func() { _ = client.Close(); close(left) }()
		reply, err := f.Send(newRequest("{}"), []Target{s}, 0, w, nil)
		if err == nil {
			_, err = reply.ReadAll(nil, 1<<20)
			reply.Close()
		}
		var e *Error
		if err != nil && (!errors.As(err, &e) || e.Kind != KindClientGone) {
			t.Fatal(err)
		}
		w.Stop()
		<-left
		_ = server.Close()
		if s.hc.IdleConnsCount() > 0 && allRestless(t, s, 1) {
			t.Fatal("the connection in the pool is closed")
		}
	}
}
