package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startDeafening is startService for a service that can be made to take no
// connections any more. What connects then waits, as for a host that is gone.
func startDeafening(t *testing.T, handler http.HandlerFunc, models ...string) (s *httptest.Server, deafen func()) {
	t.Helper()
	inner := startService(t, handler, models...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	quit := make(chan struct{})
	s = httptest.NewUnstartedServer(inner.Config.Handler)
	_ = s.Listener.Close()
	s.Listener = &pausable{Listener: l, quit: quit, stopped: stopped, closed: make(chan struct{})}
	s.Start()
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s, func() {
		close(quit)
		_ = l.(*net.TCPListener).SetDeadline(time.Now())
		<-stopped
		fill(t, l.(*net.TCPListener))
		s.CloseClientConnections()
	}
}

// pausable is a listener whose Accept waits for its Close once quit is closed.
type pausable struct {
	net.Listener
	quit, stopped, closed chan struct{}
	once                  sync.Once
}

func (p *pausable) Close() error {
	p.once.Do(func() { close(p.closed) })
	return p.Listener.Close()
}

func (p *pausable) Accept() (net.Conn, error) {
	conn, err := p.Listener.Accept()
	select {
	case <-p.quit:
		if err == nil {
			_ = conn.Close()
		}
		close(p.stopped)
		<-p.closed
		return nil, net.ErrClosed
	default:
	}
	return conn, err
}

// fill makes the queue of a listener that nobody empties full.
func fill(t *testing.T, l *net.TCPListener) {
	t.Helper()
	sys, err := l.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if e := sys.Control(func(fd uintptr) { err = syscall.Listen(int(fd), 0) }); e != nil || err != nil {
		t.Fatal(e, err)
	}
	for range 100 {
		conn, err := net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	t.Fatal("a full queue still takes connections")
}
