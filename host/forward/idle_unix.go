//go:build unix

package forward

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/infinirouter/infinirouter/host/loop"
)

// probe looks at a pooled connection before it is used again. It keeps what a
// look needs, so that looking allocates next to nothing.
type probe struct {
	fds   [1]unix.PollFd
	quiet bool
	look  func(fd uintptr)
}

func (p *probe) init() { p.look = p.poll }

// idle reports whether conn has nothing to say: neither bytes that no request
// asked for, which would become somebody's reply, nor its end. Where there is
// no socket behind conn it cannot be known, and is taken to be so.
func (p *probe) idle(conn net.Conn) bool {
	if c, ok := conn.(*loop.Conn); ok {
		return !c.HasInput()
	}
	socket, ok := socketOf(conn)
	if !ok {
		return true
	}
	raw, err := socket.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	p.quiet = false
	// Control and not Read: an old read deadline must not answer for the socket.
	return raw.Control(p.look) == nil && p.quiet
}

func (p *probe) poll(fd uintptr) {
	for {
		p.fds[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		n, err := unix.Poll(p.fds[:], 0)
		if err != unix.EINTR {
			p.quiet = err == nil && n == 0
			return
		}
	}
}
