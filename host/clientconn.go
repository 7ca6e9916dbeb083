package host

import (
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/infinirouter/infinirouter/host/loop"
	"github.com/infinirouter/infinirouter/host/wire"
)

// clientConn is a client's connection, of which fasthttp reads nothing that
// two parsers could read in two ways.
//
// Closed with bytes of a request unread, a socket is reset, and the reset
// overtakes the answer that says why; so such a connection is closed for
// writing first, and read for a while.
type clientConn struct {
	socket
	looped *loop.Conn // socket, where there are loops
	guard  wire.Guard
	unread atomic.Bool
	// answered says that the reply is written: fasthttp's is dropped.
	answered bool
	address  string // peerAddress, once asked for
	handled  uint64 // requests
	// stream is the reply that goes on without fasthttp.
	stream *stream

	counted *connections // nil: not counted
	peer    netip.Addr   // counted under, if valid
	over    *fault       // why it gets pages alone
	closed  atomic.Bool
	memory  *bodyMemory  // that held is of
	held    atomic.Int64 // bytes
	growing atomic.Int64 // bytes taken for a body in chunks that arrives
	grows   uint64       // the request that growing is of, as the guard counts them
	full    bool         // there was no room for its next chunk
}

// socket is a *net.TCPConn or a *loop.Conn.
type socket interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
	SetLinger(sec int) error
}

// NetConn returns the connection under c.
func (c *clientConn) NetConn() net.Conn { return c.socket }

// Read implements net.Conn. What the guard holds back is a *wire.Fault.
func (c *clientConn) Read(p []byte) (int, error) {
	if f := c.guard.Fault(); f != nil {
		return 0, f
	}
	n, err := c.receive(p)
	if n <= 0 {
		if err == io.EOF && c.guard.Inside() {
			err = io.ErrUnexpectedEOF // to fasthttp the other is a client that is done
		}
		return n, err
	}
	if n = c.guard.Check(p[:n]); n == 0 {
		return 0, c.guard.Fault()
	}
	if c.full = c.memory != nil && !c.memory.grow(c); c.full {
		return 0, errNoRoom
	}
	return n, err
}

// receive reads from the socket. fasthttp's buffer is as large as a head may be:
// what it reads beyond is of a body, into all the room that this needs.
func (c *clientConn) receive(p []byte) (int, error) {
	if c.looped != nil && len(p) > maxRequestHead {
		return c.looped.ReadWanted(p)
	}
	return c.socket.Read(p)
}

// Write implements net.Conn.
func (c *clientConn) Write(p []byte) (int, error) {
	if c.answered {
		return len(p), nil
	}
	return c.socket.Write(p)
}

// Limits on what is read of a request that was refused.
const (
	lingerTime  = time.Second
	lingerBytes = 64 << 20
)

// Close implements net.Conn.
func (c *clientConn) Close() error {
	if c.stream != nil {
		return nil // it is fasthttp that is done with it
	}
	if c.unread.Load() && c.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.socket, lingerBytes)
	}
	err := c.socket.Close()
	if c.looped != nil && c.looped.Resting() {
		return nil // between requests it stays open
	}
	c.Left()
	return err
}

// Left implements loop.Left: what the connection counted as it counts no more.
func (c *clientConn) Left() {
	if c.memory != nil {
		c.memory.settle(c)
	}
	if c.counted != nil && !c.closed.Swap(true) {
		c.counted.leave(c)
	}
}
