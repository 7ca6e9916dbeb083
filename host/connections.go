package host

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
)

// connections counts the clients' connections and knows how many there may be.
// The first few above a limit are still served, but with pages alone, so that
// whoever asks for /health or /metrics is heard; what comes after them is told
// so and closed unread.
type connections struct {
	open   atomic.Int64
	limits atomic.Pointer[connectionLimits]
	shed   func(knob string)

	mu     sync.Mutex
	byPeer map[netip.Addr]int64
}

// connectionLimits are today's; 0 is none.
type connectionLimits struct{ all, perClient int64 }

const (
	// pageConnections is how many connections above a limit get pages.
	pageConnections = 64

	knobConnections          = "server.max_connections"
	knobConnectionsPerClient = "server.max_connections_per_client"
)

// limit makes s's limits those of connections to come. Without one in
// router.toml it is what the descriptors of this process suffice for.
func (c *connections) limit(s *config.Server) {
	l := &connectionLimits{all: int64(s.MaxConnections), perClient: int64(s.MaxConnectionsPerClient)}
	if l.all == 0 {
		l.all = descriptorsAllow()
	}
	c.limits.Store(l)
}

// allowed is how many connections a process with so many descriptors may take:
// each may need one to a service, and some are for files, checks and the
// operator's pages.
func allowed(descriptors uint64) int64 {
	descriptors = min(descriptors, 1<<30)
	return max(1, int64(descriptors-min(128, descriptors/8))/2)
}

// enter counts a connection that was accepted. It returns nil for one that was
// closed at once. The caller closes all others.
func (c *connections) enter(tcp *net.TCPConn) *clientConn {
	conn := &clientConn{socket: tcp, counted: c}
	l := c.limits.Load()
	n := c.open.Add(1)
	if l.perClient > 0 {
		if tcp, ok := tcp.RemoteAddr().(*net.TCPAddr); ok {
			conn.peer = tcp.AddrPort().Addr().Unmap().WithZone("")
		}
		if c.enterPeer(conn.peer) > l.perClient {
			conn.over = overLimit(fasthttp.StatusTooManyRequests, knobConnectionsPerClient, l.perClient)
		}
	}
	if l.all > 0 && n > l.all {
		conn.over = overLimit(fasthttp.StatusServiceUnavailable, knobConnections, l.all)
	}
	if conn.over == nil {
		return conn
	}
	c.shed(conn.over.knob)
	if l.all > 0 && n > l.all+pageConnections || l.perClient > 0 && c.ofPeer(conn.peer) > l.perClient+pageConnections {
		conn.turnAway()
		return nil
	}
	return conn
}

func (c *connections) enterPeer(peer netip.Addr) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byPeer == nil {
		c.byPeer = map[netip.Addr]int64{}
	}
	c.byPeer[peer]++
	return c.byPeer[peer]
}

func (c *connections) ofPeer(peer netip.Addr) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byPeer[peer]
}

// leave undoes enter.
func (c *connections) leave(conn *clientConn) {
	c.open.Add(-1)
	if !conn.peer.IsValid() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byPeer[conn.peer]--; c.byPeer[conn.peer] <= 0 {
		delete(c.byPeer, conn.peer)
	}
}

// turnAway answers a connection that nothing will be read from. It does not
// wait: so little fits into what the kernel holds for a new connection.
func (c *clientConn) turnAway() {
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	var resp fasthttp.Response
	c.over.write(&resp, config.ErrorFormatPlain)
	resp.SetConnectionClose()
	_, _ = resp.WriteTo(c.socket)
	_ = c.Close()
}

// connectionOver is why this connection gets pages alone, or nil.
func connectionOver(ctx *fasthttp.RequestCtx) *fault {
	if c, ok := ctx.Conn().(*clientConn); ok {
		return c.over
	}
	return nil
}
