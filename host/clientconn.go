package host

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/infinirouter/infinirouter/host/wire"
)

// clientConn is a client's connection, of which fasthttp reads nothing that
// two parsers could read in two ways.
//
// Closed with bytes of a request unread, a socket is reset, and the reset
// overtakes the answer that says why; so such a connection is closed for
// writing first, and read for a while.
type clientConn struct {
	*net.TCPConn
	guard  wire.Guard
	unread atomic.Bool
}

// Read implements net.Conn. What the guard holds back is a *wire.Fault.
func (c *clientConn) Read(p []byte) (int, error) {
	if f := c.guard.Fault(); f != nil {
		return 0, f
	}
	n, err := c.TCPConn.Read(p)
	if n <= 0 {
		return n, err
	}
	if n = c.guard.Check(p[:n]); n == 0 {
		return 0, c.guard.Fault()
	}
	return n, err
}

// Limits on what is read of a request that was refused.
const (
	lingerTime  = time.Second
	lingerBytes = 64 << 20
)

// Close implements net.Conn.
func (c *clientConn) Close() error {
	if c.unread.Load() && c.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.TCPConn, lingerBytes)
	}
	return c.TCPConn.Close()
}
