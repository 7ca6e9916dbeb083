//go:build linux

package loop

import (
	"net"
	"os"
	"syscall"
	"unsafe"
)

// closedBit in users says that the connection is closed; the last operation
// under way gives the fd back.
const closedBit = 1 << 30

func (c *Conn) enter() bool {
	for {
		n := c.users.Load()
		if n&closedBit != 0 {
			return false
		}
		if c.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (c *Conn) leave() {
	if c.users.Add(-1) == closedBit {
		_ = syscall.Close(c.fd)
	}
}

func (c *Conn) isClosed() bool { return c.users.Load()&closedBit != 0 }

// Close implements net.Conn. Between requests, after Read said ErrRest, it ends
// the serving and leaves the connection open.
func (c *Conn) Close() error {
	if c.resting.Load() {
		return nil
	}
	return c.shut()
}

// Resting reports whether Close has just left the connection open.
func (c *Conn) Resting() bool { return c.resting.Load() }

// Left is what a client's connection may have attached that has to know when the
// connection is closed and not by the one who serves it: one that lingers there
// must not be read by another.
type Left interface{ Left() }

// abandon closes a connection for another than who serves it, if anyone does.
func (c *Conn) abandon() {
	_ = c.shut()
	if a, ok := c.attached.(Left); ok {
		a.Left()
	}
}

// shut closes the connection.
func (c *Conn) shut() error {
	for {
		n := c.users.Load()
		if n&closedBit != 0 {
			return net.ErrClosed
		}
		if !c.users.CompareAndSwap(n, (n+1)|closedBit) {
			continue
		}
		c.group.table.remove(c)
		if n > 0 {
			// Operations under way hold on to the fd; the peer need not wait.
			_ = syscall.Shutdown(c.fd, syscall.SHUT_RDWR)
		}
		c.leave()
		break
	}
	for _, p := range [...]*parker{c.reader.Load(), c.writer.Load()} {
		if p != nil {
			c.group.notifyAside(p)
		}
	}
	return nil
}

// syscall reads or writes without telling the scheduler: the socket never
// blocks.
func (c *Conn) syscall(trap uintptr, p unsafe.Pointer, n int) (int, error) {
	if !c.enter() {
		return 0, net.ErrClosed
	}
	done, _, errno := syscall.RawSyscall(trap, uintptr(c.fd), uintptr(p), uintptr(n))
	c.leave()
	if errno != 0 {
		return 0, errno
	}
	return int(done), nil
}

func (c *Conn) opError(op string, err error) error {
	if err == net.ErrClosed {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: os.NewSyscallError(op, err)}
}

// CloseWrite ends the sending side.
func (c *Conn) CloseWrite() error {
	if !c.enter() {
		return net.ErrClosed
	}
	defer c.leave()
	return syscall.Shutdown(c.fd, syscall.SHUT_WR)
}

// SetLinger is as that of net.TCPConn.
func (c *Conn) SetLinger(sec int) error {
	if !c.enter() {
		return net.ErrClosed
	}
	defer c.leave()
	l := syscall.Linger{}
	if sec >= 0 {
		l.Onoff, l.Linger = 1, int32(sec)
	}
	return syscall.SetsockoptLinger(c.fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &l)
}

// SyscallConn gives access to the socket: Control alone is supported.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return rawConn{c}, nil }

type rawConn struct{ c *Conn }

func (r rawConn) Control(f func(fd uintptr)) error {
	if !r.c.enter() {
		return net.ErrClosed
	}
	defer r.c.leave()
	f(uintptr(r.c.fd))
	return nil
}

func (rawConn) Read(func(uintptr) bool) error  { return os.ErrInvalid }
func (rawConn) Write(func(uintptr) bool) error { return os.ErrInvalid }
