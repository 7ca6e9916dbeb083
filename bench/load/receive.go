//go:build unix

package load

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/infinirouter/infinirouter/bench/loop"
)

// Ready implements loop.Handler.
func (g *generator) Ready(r loop.Ready) {
	c := g.conns[r.FD]
	if c == nil {
		return // closed by what came before it in this round
	}
	if c.connecting {
		g.connected(c)
		return
	}
	if r.Write && c.writing {
		g.write(c, loop.Now())
	}
	if r.Read && c.fd == r.FD && !c.paused {
		g.read(c)
	}
}

func (g *generator) connected(c *conn) {
	now := loop.Now()
	if err := loop.Connected(c.fd); err != nil {
		if c.idler {
			g.fatal(err)
		}
		g.fail(c, ErrDial, now)
		return
	}
	c.connecting = false
	g.write(c, now)
}

// slowPause is how often a slow reader reads.
const slowPause = 100 * time.Millisecond

func (g *generator) read(c *conn) {
	room := g.scratch
	if c.slow {
		room = room[:min(len(room), max(1, int(int64(g.job.Slow.BytesPerSecond)*int64(slowPause)/int64(time.Second))))]
	}
	n, err := unix.Read(c.fd, room)
	now := loop.Now()
	switch {
	case n > 0:
		g.received(c, room[:n], now)
	case err == nil || !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
		g.ended(c, now)
	}
}

// received takes bytes of a reply.
func (g *generator) received(c *conn, b []byte, now int64) {
	if !c.busy {
		g.to.r.Foreign++ // nobody asked for it
		g.lose(c)
		return
	}
	c.to.r.BytesIn += int64(len(b))
	used := c.reply.feed(b, now)
	switch p := &c.reply; {
	case p.at == atEnd:
		if used < len(b) {
			p.fault, p.close = ErrHTTP, true
		}
		g.finish(c, now)
	case p.fault != "":
		g.fail(c, p.fault, now)
	case c.leaves && g.job.Leave.AfterEvents > 0 && p.events >= g.job.Leave.AfterEvents:
		g.hangUp(c, now)
	case c.slow:
		c.paused = true
		g.loop.Forget(c.fd)
		g.timers.Add(now+int64(slowPause), c, c.mark)
	}
}

// ended is the server's end of the connection.
func (g *generator) ended(c *conn, now int64) {
	if !c.busy {
		g.lose(c)
		return
	}
	c.reply.cut()
	if c.reply.fault != "" {
		g.fail(c, c.reply.fault, now)
		return
	}
	g.finish(c, now)
}

// lose closes a connection without a request.
func (g *generator) lose(c *conn) {
	g.shut(c)
	if i := slices.Index(g.free, c); i >= 0 {
		g.free = slices.Delete(g.free, i, i+1)
	}
}

// finish ends a request whose reply is complete, well or not.
func (g *generator) finish(c *conn, now int64) {
	c.to.over(c, now)
	g.active--
	c.busy = false
	if c.idler {
		g.idlers++
		if c.reply.fault != "" || c.reply.close {
			g.fatal(errors.New("the server answers with " + c.reply.fault + ", or closes"))
		}
		return
	}
	if c.reply.close || c.slow || len(c.out[0]) > 0 {
		g.shut(c)
	}
	g.again(c, now)
}

// pause is how long a closed loop waits after a connection that failed.
const pause = 10 * time.Millisecond

// fail ends a request, and its connection, with an error.
func (g *generator) fail(c *conn, kind string, now int64) {
	c.reply.fault = kind
	c.to.over(c, now)
	g.active--
	g.shut(c)
	c.busy = false
	if c.idler {
		g.fatal(errors.New(kind))
		return
	}
	if !g.phase.open {
		g.timers.Add(now+int64(pause), c, c.mark)
	}
}

// hangUp leaves before the reply is complete.
func (g *generator) hangUp(c *conn, now int64) {
	c.to.r.Left++
	g.active--
	g.shut(c)
	c.busy = false
	g.again(c, now)
}

// timeToLeave sees to it that a client hangs up, once its request is sent.
func (g *generator) timeToLeave(c *conn, now int64) {
	switch l := g.job.Leave; {
	case l.After > 0:
		c.leaveAt = c.sent + int64(l.After)
		g.timers.Add(c.leaveAt, c, c.mark)
	case l.AfterEvents <= 0:
		g.hangUp(c, now)
	}
}

// wake does what a connection's timer is for.
func (g *generator) wake(c *conn, mark uint64, now int64) {
	switch {
	case c.mark != mark:
	case !c.busy:
		if g.active < g.phase.width {
			g.again(c, now)
		}
	case now >= c.leaveAt:
		g.hangUp(c, now)
	case c.paused:
		c.paused = false
		if err := g.loop.Watch(c.fd, c.writing); err != nil {
			g.fail(c, ErrCut, now)
		}
	}
}
