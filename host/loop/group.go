//go:build linux

package loop

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Options are what a Group works with.
type Options struct {
	// Loops is their number; 0: the processors that Go uses.
	Loops int
	// Serve serves a client's connection, in a worker, from the moment that it
	// has sent something until it has a next request to send, or is closed. Its
	// argument is what Accepted was given for the connection.
	Serve func(any)
	// Logger hears of panics in Serve and of stuck loops; nil: nobody.
	Logger *slog.Logger
}

// Group is loops that share their connections.
type Group struct {
	epoll   int
	serve   func(any)
	log     *slog.Logger
	table   table
	sweeper sweeper
	bed     bed
	dog     watchdog
	closed  atomic.Bool
	// draining says that connections between requests are closed.
	draining atomic.Bool
	events   atomic.Uint64 // batches so far
	running  sync.WaitGroup
	extra    int // of GOMAXPROCS

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
	g := &Group{epoll: epoll, serve: o.Serve, log: o.Logger, extra: o.Loops}
	if err := g.bed.make(epoll); err != nil {
		_ = unix.Close(epoll)
		return nil, err
	}
	g.sweeper.start(g)
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + g.extra)
	for range o.Loops {
		g.startLoop(nil)
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
	g.dog.stop()
	g.table.each((*Conn).abandon)
	g.bed.ring()
	g.running.Wait()
	g.bed.remove()
	_ = unix.Close(g.epoll)
	g.workersMu.Lock()
	idle := g.workers
	g.workers = nil
	g.workersMu.Unlock()
	for _, w := range idle {
		w.stop()
	}
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - g.extra)
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
			if c.somethingToServe() || c.hasInput() {
				go g.drive(g.hire(c), false)
				return
			}
			c.abandon()
		}
	})
}

// hasInput asks the socket: an event may be on its way.
func (c *Conn) hasInput() bool {
	if !c.enter() {
		return false
	}
	defer c.leave()
	fds := [1]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds[:], 0)
	return err == nil && n > 0
}

// Accepted takes over a client's connection. It is served once it has sent
// something, and closed if that takes longer than patience. What attach returns
// for the connection is what is served. While the process has no descriptor
// left, Accepted waits.
func (g *Group) Accepted(tcp *net.TCPConn, patience time.Duration, attach func(*Conn) any) error {
	c, err := g.adopt(tcp)
	const first, longest = 5 * time.Millisecond, time.Second
	for wait := first; exhausted(err) && !g.draining.Load() && !g.closed.Load(); wait = min(2*wait, longest) {
		g.log.Warn("accepting a connection failed, waiting", "error", err.Error(), "wait", wait.String())
		time.Sleep(wait)
		c, err = g.adopt(tcp)
	}
	if err != nil {
		_ = tcp.Close()
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
	} else {
		_ = tcp.Close()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// exhausted reports whether err says that no descriptor is left.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// adopt takes the socket from Go's poller. Unless it fails tcp is closed.
func (g *Group) adopt(tcp *net.TCPConn) (*Conn, error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd, dupErr := -1, error(nil)
	if err := raw.Control(func(old uintptr) {
		fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return nil, err
	}
	if dupErr != nil {
		return nil, &net.OpError{Op: "dup", Net: "tcp", Addr: tcp.RemoteAddr(), Err: os.NewSyscallError("fcntl", dupErr)}
	}
	c := &Conn{group: g, fd: fd, local: tcp.LocalAddr(), remote: tcp.RemoteAddr()}
	_ = tcp.Close()
	return c, nil
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
		go g.drive(w, false)
	}
}

func (g *Group) panicked(what string, stack []byte) {
	g.log.Error("the router failed on a connection", "panic", what, "stack", string(stack))
}
