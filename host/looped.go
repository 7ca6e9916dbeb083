package host

import (
	"log/slog"
	"net"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/loop"
)

// loopListener gives what it accepts to the loops, and nothing to its caller:
// fasthttp learns of a connection when it has a request (serveLooped).
type loopListener struct {
	net.Listener
	loops *loop.Group
	log   *slog.Logger
}

// Accept implements net.Listener. It returns at the listener's end.
func (l *loopListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client, ok := conn.(*clientConn)
		if !ok {
			return conn, nil
		}
		if _, err := l.loops.Accepted(client.TCPConn, headTimeout); err != nil {
			l.log.Warn("accepting a connection failed", "error", err.Error())
		}
	}
}

// serveLooped serves a client's connection from the first byte of a request
// until the next one is to come, or to its end.
func (r *Router) serveLooped(c *loop.Conn) { _ = r.server.ServeConn(c) }

// followState tells a connection of the loops where fasthttp is.
func followState(conn net.Conn, state fasthttp.ConnState) {
	c, ok := conn.(*loop.Conn)
	if !ok {
		return
	}
	switch state {
	case fasthttp.StateActive:
		c.Within()
	case fasthttp.StateIdle:
		c.Between()
	case fasthttp.StateHijacked:
		c.HandOver()
	}
}
