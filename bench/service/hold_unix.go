//go:build unix

package service

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
)

// hold binds addr without listening: a connection is refused, and nobody else
// gets the port meanwhile.
func hold(addr string) (io.Closer, error) {
	return bind(addr)
}

// Reserve returns a loopback address whose port nobody gets by asking for a
// free one, so that a config can name it before a service is started there.
// While it is reserved, a service can listen on it, and until then connections
// are refused.
func Reserve() (addr string, release func(), err error) {
	f, err := bind("127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	sa, err := syscall.Getsockname(int(f.Fd()))
	if err != nil {
		return "", nil, errors.Join(os.NewSyscallError("getsockname", err), f.Close())
	}
	port := sa.(*syscall.SockaddrInet4).Port
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)).String(), func() { _ = f.Close() }, nil
}

// bind returns a socket that is bound to addr and does not listen.
func bind(addr string) (*os.File, error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	family := syscall.AF_INET
	var sa syscall.Sockaddr = &syscall.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().Unmap().As4()}
	if !ap.Addr().Unmap().Is4() {
		family = syscall.AF_INET6
		sa = &syscall.SockaddrInet6{Port: int(ap.Port()), Addr: ap.Addr().As16()}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	syscall.CloseOnExec(fd)
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, sa)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return os.NewFile(uintptr(fd), "tcp "+addr), nil
}

// release turns what hold returned into a listener.
func release(held io.Closer, _ string) (net.Listener, error) {
	f := held.(*os.File)
	defer f.Close()
	if err := syscall.Listen(int(f.Fd()), 128); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	return net.FileListener(f)
}
