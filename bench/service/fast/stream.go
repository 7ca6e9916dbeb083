//go:build unix

package fast

import (
	"bytes"

	"github.com/infinirouter/infinirouter/bench/loop"
)

// openStream sends the head, with the first token if that is due at once.
func (s *service) openStream(c *conn, now int64) {
	c.state = streams
	c.start = now + int64(c.first)
	c.due = c.start
	head := c.made.head.b
	if c.raw {
		head = bytes.Replace(head, []byte("Transfer-Encoding: chunked\r\n"), []byte("Connection: close\r\n"), 1)
	}
	if c.first > 0 {
		s.send(c, head)
		s.schedule(c)
		return
	}
	s.together = append(s.together[:0], head...)
	s.together = append(s.together, s.token(c)...)
	s.send(c, s.together)
	s.tokens(c, now)
}

// token renders the next token and moves on to the one behind it.
func (s *service) token(c *conn) []byte {
	p := &c.made.event
	if c.seq == 0 {
		p = &c.made.first
	}
	b := p.fill(&c.id, c.seq)
	c.seq++
	c.due = s.onGrid(c.start + int64(c.seq)*int64(c.interval))
	s.stats.Events++
	if c.raw {
		return unchunked(b)
	}
	return b
}

// onGrid moves a time to the next tick.
func (s *service) onGrid(t int64) int64 {
	tick := int64(s.cfg.Tick)
	if tick <= 0 {
		return t
	}
	return (t + tick - 1) / tick * tick
}

// tokens sends what is due, and the end behind the last one.
func (s *service) tokens(c *conn, now int64) {
	for c.fd >= 0 && len(c.out) == 0 {
		switch {
		case c.cut > 0 && c.seq >= c.cut:
			s.stats.Cut++
			s.finish(c, true)
			return
		case c.hang > 0 && c.seq >= c.hang:
			s.stats.Hung++
			c.state = hung
			return
		case c.seq >= c.made.tokens:
			s.endStream(c)
			return
		case c.due > now && (c.interval > 0 || c.seq == 0):
			s.schedule(c)
			return
		}
		s.send(c, s.token(c))
	}
	// What the socket did not take must go first: flush resumes.
}

func (s *service) endStream(c *conn) {
	b := c.made.last.fill(&c.id, 0)
	if c.raw {
		b = unchunked(b)
	}
	s.send(c, b)
	s.stats.Answered++
	s.finish(c, c.close || c.raw)
}

func (s *service) schedule(c *conn) {
	if c.fd >= 0 {
		s.timers.Add(c.due, c, c.mark)
	}
}

// resume goes on with a stream that its client's slowness had stopped.
func (s *service) resume(c *conn) {
	c.mark++ // a timer from before has nothing to say
	s.tokens(c, loop.Now())
}

// unchunked takes the chunk framing off bytes of our own making.
func unchunked(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\r\n"))
		size := 0
		for _, d := range line {
			size = size<<4 | int(d&0xf)
			if d > '9' {
				size += 9
			}
		}
		out = append(out, rest[:size]...)
		b = rest[min(len(rest), size+2):]
	}
	return out
}
