//go:build unix

package load

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/infinirouter/infinirouter/bench/corpus"
	"github.com/infinirouter/infinirouter/bench/loop"
)

// conn is a keep-alive connection with the request that is under way on it.
type conn struct {
	fd         int // -1: there is none
	mark       uint64
	connecting bool
	idler      bool // one of Job.Idle

	busy     bool  // a request is under way
	intended int64 // when it should have been sent
	sent     int64 // when it was
	to       *recorder
	front    []byte    // head and body up to the mark, or the small rest of all
	out      [3][]byte // what is still to be written
	reply    reader

	began   bool  // the request is on its way
	writing bool  // and has to wait for room
	leaves  bool  // hangs up
	leaveAt int64 // then, if that comes before its events do
	slow    bool  // reads slowly, on a connection of its own
	paused  bool  // and not now
}

// send starts what is due and can be started.
func (g *generator) send(now int64) {
	p := &g.phase
	if p.kind == opening {
		for p.more(now) && g.active < p.width && g.err == nil {
			g.start(&conn{fd: -1, idler: true}, now, now)
		}
		return
	}
	if !p.open {
		return // connections start their next request themselves
	}
	for g.active < p.width && p.waiting(now) > 0 {
		g.start(g.idle(), p.intended(p.started), now)
	}
	p.maxBacklog = max(p.maxBacklog, p.waiting(now))
}

// idle takes a connection that is free, or makes a new one.
func (g *generator) idle() *conn {
	if last := len(g.free) - 1; last >= 0 {
		c := g.free[last]
		g.free = g.free[:last]
		return c
	}
	return &conn{fd: -1}
}

// startAll starts a closed loop's connections.
func (g *generator) startAll(now int64) {
	p := &g.phase
	if p.open {
		return
	}
	for i := range p.width {
		c := g.idle()
		if at := int64(p.ramp) * int64(i) / int64(p.width); at > 0 {
			g.timers.Add(now+at, c, c.mark)
		} else if p.more(now) {
			g.start(c, now, now)
		}
	}
}

// again starts the next request of a closed loop on c, or keeps c.
func (g *generator) again(c *conn, now int64) {
	switch p := &g.phase; {
	case p.open || p.kind == opening || !p.more(now):
		if c.fd >= 0 && !c.idler {
			g.free = append(g.free, c)
		}
	default:
		g.start(c, now, now)
	}
}

// start begins a request on c, dialing if there is no connection.
func (g *generator) start(c *conn, intended, now int64) {
	g.phase.started++
	g.active++
	c.busy, c.intended, c.sent, c.to = true, intended, now, g.to
	c.began, c.leaveAt = false, loop.Never
	c.to.r.Sent++
	c.leaves = !c.idler && g.leave.take(g.job.Leave.Share)
	g.names++
	name := corpus.Name(g.names)
	if c.idler {
		g.render(c, g.small.Next(), name)
		c.reply.start(false, name, c.to)
	} else {
		if c.slow = g.slow.take(g.job.Slow.Share); c.slow {
			g.shut(c)
		}
		g.render(c, g.bodies.Next(), name)
		c.reply.start(g.job.Stream, name, c.to)
	}
	if c.fd < 0 {
		g.dial(c, now)
		return
	}
	g.write(c, now)
}

// render makes the request of a body.
func (g *generator) render(c *conn, b corpus.Body, name [16]byte) {
	size := len(b.Parts[0]) + len(b.Parts[1]) + len(b.Parts[2]) + len(name) + len(b.Mark)
	f := append(c.front[:0], g.head...)
	f = append(f, "Content-Length: "...)
	f = appendInt(f, size)
	f = append(f, "\r\n\r\n"...)
	if size <= 16<<10 {
		c.front = b.Append(f, name)
		c.out = [3][]byte{c.front}
		return
	}
	f = append(append(f, b.Parts[0]...), name[:]...)
	f = append(append(f, b.Parts[1]...), b.Mark[:]...)
	c.front = f
	c.out = [3][]byte{f, b.Parts[2]}
}

func appendInt(b []byte, n int) []byte {
	if n >= 10 {
		b = appendInt(b, n/10)
	}
	return append(b, byte('0'+n%10))
}

func (g *generator) dial(c *conn, now int64) {
	fd, err := loop.Dial(g.addr)
	if err == nil {
		if c.slow {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096) // else the system reads for it
		}
		err = g.loop.Watch(fd, true)
	}
	if err != nil {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
		if c.idler {
			g.fatal(err)
		}
		g.fail(c, ErrDial, now)
		return
	}
	if !c.idler {
		g.dials++
	}
	for fd >= len(g.conns) {
		g.conns = append(g.conns, nil)
	}
	c.fd, c.connecting, c.writing = fd, true, true
	g.conns[fd] = c
}

// shut closes c's connection. c itself lives on.
func (g *generator) shut(c *conn) {
	if c.fd < 0 {
		return
	}
	if !c.paused {
		g.loop.Forget(c.fd)
	}
	_ = unix.Close(c.fd)
	g.conns[c.fd] = nil
	c.fd, c.connecting, c.writing, c.paused = -1, false, false, false
	c.mark++
	if c.idler && !c.busy {
		g.idlers--
	}
}

// write sends what is left of the request.
func (g *generator) write(c *conn, now int64) {
	if !c.began {
		c.began, c.sent = true, now
		c.to.sent(c.intended, now, g.phase.open)
	}
	for len(c.out[0]) > 0 {
		n, err := g.writeOnce(c)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			g.fail(c, ErrReset, now)
			return
		}
		c.to.r.BytesOut += int64(n)
		c.drop(n)
	}
	if more := len(c.out[0]) > 0; more != c.writing {
		c.writing = more
		if err := g.loop.Watch(c.fd, more); err != nil {
			g.fail(c, ErrReset, now)
			return
		}
	}
	if c.leaves && !c.writing {
		g.timeToLeave(c, now)
	}
}

func (g *generator) writeOnce(c *conn) (int, error) {
	if len(c.out[1]) == 0 {
		return unix.Write(c.fd, c.out[0])
	}
	return unix.Writev(c.fd, c.out[:2])
}

// drop takes n written bytes off.
func (c *conn) drop(n int) {
	for n >= len(c.out[0]) && len(c.out[0]) > 0 {
		n -= len(c.out[0])
		c.out[0], c.out[1] = c.out[1], nil
	}
	c.out[0] = c.out[0][n:]
}
