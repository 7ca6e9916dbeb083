//go:build unix

package fast

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/infinirouter/infinirouter/bench/loop"
)

// Server is a running service. Its methods may be called from any goroutine.
type Server struct {
	addr string
	loop *loop.Loop
	s    *service
	done chan error
}

// Start starts a service. The caller must Close it.
func Start(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	listener, addr, err := loop.Listen(context.Background(), cfg.Addr)
	if err != nil {
		return nil, err
	}
	l, err := loop.New()
	if err != nil {
		_ = unix.Close(listener)
		return nil, err
	}
	s := &service{
		loop: l, listener: listener, cfg: cfg, scratch: make([]byte, 256<<10),
		made: renderings{created: time.Now().Unix()},
	}
	server := &Server{addr: addr, loop: l, s: s, done: make(chan error, 1)}
	watched := l.Watch(listener, false)
	go func() {
		err := l.Run(s)
		s.closeAll()
		server.done <- err
	}()
	if watched != nil {
		server.Close()
		return nil, watched
	}
	return server, nil
}

// URL returns the base URL, such as "http://127.0.0.1:41234".
func (s *Server) URL() string { return "http://" + s.addr }

// Addr returns the host and port.
func (s *Server) Addr() string { return s.addr }

// Close cuts every connection and stops the service. Stats can still be asked for.
func (s *Server) Close() {
	s.do(func() { s.s.stats = s.s.current() })
	s.loop.Stop()
	s.done <- <-s.done // for the next Close
}

// do runs f on the service's thread and waits for it.
func (s *Server) do(f func()) {
	done := make(chan struct{})
	s.loop.Post(func() {
		f()
		close(done)
	})
	<-done
}

// Stats returns what the service has seen so far.
func (s *Server) Stats() (stats Stats) {
	s.do(func() { stats = s.s.current() })
	return stats
}

// ResetStats forgets what is over: counts begin anew.
func (s *Server) ResetStats() { s.do(s.s.reset) }

// SetBehaviour changes how requests to come are answered.
func (s *Server) SetBehaviour(b Behaviour) error {
	b = b.withDefaults()
	if err := b.check(); err != nil {
		return err
	}
	s.do(func() { s.s.cfg.Behaviour = b })
	return nil
}

// service is what the loop's thread owns.
type service struct {
	loop     *loop.Loop
	listener int
	cfg      Config
	conns    []*conn // by descriptor
	timers   loop.Timers[*conn]
	scratch  []byte // what is read goes here first
	together []byte // a head and a first token
	using    bool   // requests are being taken from a buffer
	free     [32][][]byte
	made     renderings
	stats    Stats
	cpu      time.Duration // of the thread at the last reset
	ids      uint64        // of requests that bring no name

	drops, fails, hangs, cuts share
}

// Ready implements loop.Handler.
func (s *service) Ready(r loop.Ready) {
	if r.FD == s.listener {
		s.accept()
		return
	}
	c := s.at(r.FD)
	if c == nil {
		return // closed by what came before it in this round
	}
	if r.Write && len(c.out) > 0 {
		s.flush(c)
	}
	if r.Read && c.fd >= 0 {
		s.read(c)
	}
}

// Due implements loop.Handler.
func (s *service) Due(now int64) int64 {
	for {
		c, mark, ok := s.timers.Next(now)
		if !ok {
			return s.timers.First()
		}
		switch {
		case c == nil:
			_ = s.loop.Watch(s.listener, false)
		case c.mark == mark:
			s.proceed(c, now)
		}
	}
}

func (s *service) at(fd int) *conn {
	if fd >= len(s.conns) {
		return nil
	}
	return s.conns[fd]
}

func (s *service) accept() {
	for range 64 { // and then let others have their turn
		fd, err := loop.Accept(s.listener)
		if err != nil {
			if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.ECONNABORTED) && !errors.Is(err, unix.EINTR) {
				// Out of descriptors, most likely: wait for some to be closed.
				s.loop.Forget(s.listener)
				s.timers.Add(loop.Now()+int64(50*time.Millisecond), nil, 0)
			}
			return
		}
		for fd >= len(s.conns) {
			s.conns = append(s.conns, nil)
		}
		if s.loop.Watch(fd, false) != nil {
			_ = unix.Close(fd)
			continue
		}
		s.conns[fd] = &conn{fd: fd}
		s.stats.Accepted++
		s.stats.Connections++
		s.stats.MaxConnections = max(s.stats.MaxConnections, s.stats.Connections)
	}
}

// current returns the stats as they are now.
func (s *service) current() Stats {
	now := s.stats
	if now.CPU == 0 { // else it is closed, and this another thread
		now.CPU = loop.ThreadCPU() - s.cpu
	}
	return now
}

func (s *service) reset() {
	s.stats.reset()
	s.cpu = loop.ThreadCPU()
}

func (s *service) closeAll() {
	for _, c := range s.conns {
		if c != nil {
			_ = unix.Close(c.fd)
		}
	}
	_ = unix.Close(s.listener)
}
