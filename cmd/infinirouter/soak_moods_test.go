//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// startSoakService keeps its port for itself while it does not listen.
func startSoakService(t *testing.T, name string, ledger *soakLedger) *soakService {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name4, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	s := &soakService{name: name, ledger: ledger, port: name4.(*unix.SockaddrInet4).Port, conns: map[*soakConn]bool{}}
	s.mood.Store(&soakMood{"well", make(chan struct{})})
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

func (s *soakService) url() string { return fmt.Sprintf("http://127.0.0.1:%d", s.port) }

func (s *soakService) open() error {
	reuse := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		e := c.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		if err == nil {
			err = e
		}
		return err
	}}
	ln, err := reuse.Listen(context.Background(), "tcp4", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.listen = ln
	s.mu.Unlock()
	s.all.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					s.ledger.wrong("service %s accepts no more: %v", s.name, err)
				}
				return
			}
			c := &soakConn{TCPConn: conn.(*net.TCPConn), in: bufio.NewReader(conn)}
			s.mu.Lock()
			s.conns[c] = true
			s.mu.Unlock()
			s.all.Go(func() { s.serve(c) })
		}
	})
	return nil
}

func (s *soakService) stop() {
	s.become("closes")
	s.mu.Lock()
	_ = s.listen.Close()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.all.Wait()
}

// become begins a mood, "well" among them.
func (s *soakService) become(name string) {
	before := s.mood.Swap(&soakMood{name, make(chan struct{})})
	close(before.over)
	switch {
	case name == "refuses":
		s.mu.Lock()
		defer s.mu.Unlock()
		_ = s.listen.Close()
		// What is idle is closed by halves: a request that is on its way there is
		// still read, and can be accounted for.
		for c := range s.conns {
			if !c.busy.Load() {
				_ = c.CloseWrite()
			}
		}
	case before.name == "refuses":
		if err := s.open(); err != nil {
			s.ledger.wrong("service %s does not come back: %v", s.name, err)
		}
	}
}
