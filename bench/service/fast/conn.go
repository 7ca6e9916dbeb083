//go:build unix

package fast

import (
	"errors"
	"math/bits"

	"golang.org/x/sys/unix"
)

// conn is a client's connection, with the request that is being answered.
type conn struct {
	fd   int    // -1 once closed
	mark uint64 // of the timer that counts
	in   []byte // what was read and not yet used; nil when there is none
	need int    // length of the request that in begins with, once known
	out  []byte // what the socket would not take

	state state
	close bool // once the reply is written
	asked bool // Expect was answered
	reply
}

// state is what a connection is at.
type state uint8

const (
	idle    state = iota // or reading a request
	delayed              // before the head
	waiting              // for the time of a reply that does not stream
	streams              // head sent
	hung                 // for ever
	closing              // as soon as out is written
)

// read takes what has arrived.
func (s *service) read(c *conn) {
	if c.in == nil {
		n, err := unix.Read(c.fd, s.scratch)
		if !s.arrived(c, n, err) {
			return
		}
		s.use(c, s.scratch[:n], false)
		return
	}
	if len(c.in) == cap(c.in) {
		s.grow(c, 2*cap(c.in))
	}
	n, err := unix.Read(c.fd, c.in[len(c.in):cap(c.in)])
	if !s.arrived(c, n, err) {
		return
	}
	c.in = c.in[:len(c.in)+n]
	if c.state == idle && len(c.in) >= c.need {
		s.use(c, c.in, true)
	}
}

// arrived counts a read, and says whether there is something to look at. An end
// or an error closes the connection.
func (s *service) arrived(c *conn, n int, err error) bool {
	if n > 0 {
		s.stats.BytesIn += int64(n)
		return true
	}
	if err == nil || !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		if c.state != idle && c.state != closing {
			s.stats.Cancelled++
		}
		s.shut(c)
	}
	return false
}

// use answers the requests in b and keeps what is left over. own says that b is
// c.in.
func (s *service) use(c *conn, b []byte, own bool) {
	s.using = true
	for c.state == idle && len(b) > 0 {
		n, need := s.request(c, b)
		if c.fd < 0 {
			break
		}
		if n == 0 {
			c.need = need
			break
		}
		b = b[n:]
		c.need = 0
	}
	s.using = false
	if c.fd >= 0 {
		s.keep(c, b, own)
	}
}

// keep stores what could not be used yet in c.in.
func (s *service) keep(c *conn, b []byte, own bool) {
	if len(b) == 0 {
		s.give(c.in)
		c.in = nil
		return
	}
	if own && cap(c.in) >= max(c.need, len(b)+1) {
		c.in = c.in[:copy(c.in[:cap(c.in)], b)]
		return
	}
	old := c.in
	c.in = append(s.take(max(c.need, 2*len(b))), b...)
	s.give(old)
}

func (s *service) grow(c *conn, size int) {
	old := c.in
	c.in = append(s.take(size), old...)
	s.give(old)
}

// take and give keep buffers by powers of two.
func (s *service) take(size int) []byte {
	class := bits.Len(uint(max(size, 4096) - 1))
	if list := s.free[class]; len(list) > 0 {
		b := list[len(list)-1]
		s.free[class] = list[:len(list)-1]
		return b
	}
	return make([]byte, 0, 1<<class)
}

func (s *service) give(b []byte) {
	if class := bits.Len(uint(cap(b)) >> 1); cap(b) == 1<<class && len(s.free[class]) < 64 {
		s.free[class] = append(s.free[class], b[:0])
	}
}

// send writes b, and keeps what the socket does not take. b may be changed
// afterwards.
func (s *service) send(c *conn, b []byte) {
	n := 0
	if len(c.out) == 0 {
		var err error
		n, err = unix.Write(c.fd, b)
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			s.left(c)
			return
		}
		n = max(n, 0)
		s.stats.BytesOut += int64(n)
		if n == len(b) {
			return
		}
		if s.loop.Watch(c.fd, true) != nil {
			s.left(c)
			return
		}
	}
	c.out = append(c.out, b[n:]...)
}

// left closes the connection of a client that is gone.
func (s *service) left(c *conn) {
	if c.state != idle && c.state != closing {
		s.stats.Cancelled++
	}
	s.shut(c)
}

// flush goes on with a reply once the socket has room.
func (s *service) flush(c *conn) {
	n, err := unix.Write(c.fd, c.out)
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		s.left(c)
		return
	}
	n = max(n, 0)
	s.stats.BytesOut += int64(n)
	if n < len(c.out) {
		c.out = c.out[:copy(c.out, c.out[n:])]
		return
	}
	if c.out = c.out[:0]; cap(c.out) > 64<<10 {
		c.out = nil
	}
	if s.loop.Watch(c.fd, false) != nil {
		s.left(c)
		return
	}
	switch c.state {
	case closing:
		s.shut(c)
	case streams:
		s.resume(c)
	case idle:
		s.next(c)
	}
}

// shut closes a connection, whatever it is at.
func (s *service) shut(c *conn) {
	if c.state != idle && c.state != closing {
		s.stats.Open--
	}
	s.loop.Forget(c.fd)
	_ = unix.Close(c.fd)
	s.conns[c.fd] = nil
	s.give(c.in)
	c.fd, c.in, c.out, c.state = -1, nil, nil, closing
	c.mark++
	s.stats.Connections--
}
