package host

import (
	"log/slog"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/loop"
	"github.com/infinirouter/infinirouter/plugins"
)

var _ plugins.Detacher = (*exchange)(nil)

// loopListener gives what it accepts to the loops, and nothing to its caller:
// fasthttp learns of a connection when it has a request (serveLooped).
type loopListener struct {
	net.Listener
	loops *loop.Group
	// patience is how long a client may take to begin a request.
	patience time.Duration
	log      *slog.Logger
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
		err = l.loops.Accepted(client.socket.(*net.TCPConn), l.patience, func(c *loop.Conn) any {
			client.socket, client.looped = c, c
			return client
		})
		if err != nil {
			_ = client.Close()
			l.log.Warn("accepting a connection failed", "error", err.Error())
		}
	}
}

// serveLooped serves a client's connection from the first byte of a request
// until the next one is to come, until a stream is silent, or to its end. It
// reports whether the connection sleeps.
func (r *Router) serveLooped(conn any) (asleep bool) {
	c := conn.(*clientConn)
	if c.stream != nil {
		c.stream.reply.Wake()
	} else {
		_ = r.server.ServeConn(c)
	}
	return c.stream != nil && r.follow(c)
}

// Detach implements plugins.Detacher: what x does next takes long, and is not for a
// loop to wait for.
func (x *exchange) Detach() {
	if x.aside {
		return
	}
	if client, ok := x.ctx.Conn().(*clientConn); ok && client.looped != nil {
		client.looped.Detach()
	}
}

// followState tells a connection where fasthttp is.
func followState(conn net.Conn, state fasthttp.ConnState) {
	c, ok := conn.(*clientConn)
	switch {
	case !ok:
	case state == fasthttp.StateActive && c.looped != nil:
		c.looped.Within()
	case state == fasthttp.StateIdle:
		c.answered = false
		if c.looped != nil {
			c.looped.Between()
		}
	}
}
