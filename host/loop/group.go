//go:build linux

package loop

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Options are what a Group works with.
type Options struct {
	// Loops is their number; 0: the processors that Go uses.
	Loops int
	// Serve serves a client's connection, in a worker, from the moment that it
	// has sent something until it has a next request to send, is closed, or, which
	// it reports, sleeps (Conn.Sleep): then it is called again. Its argument is what
	// Accepted was given for the connection.
	Serve func(any) (asleep bool)
	// Logger hears of panics in Serve and of stuck loops; nil: nobody.
	Logger *slog.Logger
}

// Group is loops that share their connections.
type Group struct {
	epoll   int
	serve   func(any) bool
	log     *slog.Logger
	table   table
	sweeper sweeper
	bed     bed
	spare   spare
	dogs    []*watchdog // one for each loop
	closed  atomic.Bool
	working atomic.Int32 // loops that are in an event, but for those that are stuck
	// draining says that connections between requests are closed.
	draining atomic.Bool
	running  sync.WaitGroup // loops
	watching sync.WaitGroup // those who watch them
	loops    int            // and so many processors more

	workersMu sync.Mutex
	workers   []*worker
}

// New starts loops. It raises GOMAXPROCS by their number, and Close lowers it
// again.
func New(o Options) (*Group, error) {
	if o.Loops <= 0 {
		o.Loops = runtime.GOMAXPROCS(0)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	g := &Group{epoll: epoll, serve: o.Serve, log: o.Logger, loops: o.Loops}
	if err := g.bed.make(epoll); err != nil {
		_ = unix.Close(epoll)
		return nil, err
	}
	if err := g.spare.take(g.bed.bell); err != nil {
		g.release()
		return nil, err
	}
	for range o.Loops {
		d, err := newWatchdog()
		if err != nil {
			g.release()
			return nil, err
		}
		g.dogs = append(g.dogs, d)
	}
	g.sweeper.start(g)
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + g.loops)
	for _, d := range g.dogs {
		r := g.startLoop(d, nil)
		g.watching.Go(func() { d.watch(r) })
	}
	return g, nil
}

// Close ends the loops, whose connections are no longer served: those that are
// left are closed. It waits until the loops have ended.
func (g *Group) Close() {
	if g == nil {
		return
	}
	if g.closed.Swap(true) {
		return
	}
	g.sweeper.stop()
	g.table.each((*Conn).abandon)
	g.bed.ring()
	g.running.Wait()
	for _, d := range g.dogs {
		d.leave()
	}
	g.watching.Wait()
	g.release()
	g.workersMu.Lock()
	idle := g.workers
	g.workers = nil
	g.workersMu.Unlock()
	for _, w := range idle {
		w.stop()
	}
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - g.loops)
}

// release gives descriptors back.
func (g *Group) release() {
	for _, d := range g.dogs {
		_ = d.timer.Close()
	}
	g.bed.remove()
	g.spare.release()
	_ = unix.Close(g.epoll)
}

// Drain closes clients' connections that are between requests, now and from now
// on. What a client has sent already is served.
func (g *Group) Drain() {
	if g == nil {
		return
	}
	g.draining.Store(true)
	g.table.each(func(c *Conn) {
		if c.client && c.served.CompareAndSwap(false, true) {
			if c.somethingToServe() || c.HasInput() {
				go g.drive(g.hire(c), nil)
				return
			}
			c.abandon()
		}
	})
}

// Draining reports whether Drain was called.
func (g *Group) Draining() bool { return g.draining.Load() }

// Accepted takes over a client's connection. It is served once it has sent
// something, and closed if that takes longer than patience. What attach returns
// for the connection is what is served.
func (g *Group) Accepted(tcp *net.TCPConn, patience time.Duration, attach func(*Conn) any) error {
	c, err := g.adopt(tcp)
	if err != nil {
		return err
	}
	c.client, c.attached = true, attach(c)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	return g.join(c)
}

// Dialled takes over a connection to a service.
func (g *Group) Dialled(tcp *net.TCPConn) (*Conn, error) {
	c, err := g.adopt(tcp)
	if err == nil {
		err = g.join(c)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// adopt takes the socket from Go's poller. tcp is closed in any case.
func (g *Group) adopt(tcp *net.TCPConn) (*Conn, error) {
	local, remote := tcp.LocalAddr(), tcp.RemoteAddr()
	fd, err := duplicate(tcp)
	if err == unix.EMFILE || err == unix.ENFILE {
		fd, err = g.spare.duplicate(tcp)
	}
	_ = tcp.Close()
	if err != nil {
		return nil, &net.OpError{Op: "dup", Net: "tcp", Addr: remote, Err: os.NewSyscallError("fcntl", err)}
	}
	if fd >= tableChunks*tableChunkOf {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("descriptor %d: the loops have room for %d", fd, tableChunks*tableChunkOf)
	}
	c := &Conn{group: g, fd: fd, local: local, remote: remote}
	c.sleeper.sleeps = c
	return c, nil
}

// duplicate returns another descriptor of a socket.
func duplicate(tcp *net.TCPConn) (fd int, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	if failed != nil {
		err = failed
	}
	return fd, err
}

// spare is a descriptor that is given up for the moment in which a socket has
// two of them: a connection that was made is not lost where descriptors are.
type spare struct {
	mu sync.Mutex
	fd int
	of int // that it duplicates
}

func (s *spare) take(of int) (err error) {
	s.of = of
	s.fd, err = unix.FcntlInt(uintptr(of), unix.F_DUPFD_CLOEXEC, 0)
	return os.NewSyscallError("fcntl", err)
}

// duplicate closes tcp, too.
func (s *spare) duplicate(tcp *net.TCPConn) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
	}
	fd, err := duplicate(tcp)
	_ = tcp.Close()
	if s.take(s.of) != nil {
		s.fd = -1
	}
	return fd, err
}

func (s *spare) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
		s.fd = -1
	}
}

// join has the loops look after c, which is closed on error.
func (g *Group) join(c *Conn) error {
	g.table.add(c)
	if g.closed.Load() {
		c.abandon()
		return net.ErrClosed
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(c.fd), Pad: int32(c.serial)}
	if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, c.fd, &e); err != nil {
		c.abandon()
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

// notifyAside makes p look again, its worker in a goroutine: for those who are
// no loop.
func (g *Group) notifyAside(p *parker) {
	if w := p.notify(); w != nil {
		go g.drive(w, nil)
	}
}

func (g *Group) panicked(what string, stack []byte) {
	g.log.Error("the router failed on a connection", "panic", what, "stack", string(stack))
}
