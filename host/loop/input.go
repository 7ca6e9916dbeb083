//go:build linux

package loop

import (
	"syscall"
	"unsafe"
)

// HasInput asks the socket whether there is something to read, be it its end: the
// event that says so may be on its way. It reads nothing, and is false once the
// connection is closed here.
func (c *Conn) HasInput() bool {
	if !c.enter() {
		return false
	}
	var b byte
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(c.fd), uintptr(unsafe.Pointer(&b)), 1, syscall.MSG_PEEK|syscall.MSG_DONTWAIT, 0, 0)
	c.leave()
	return errno != syscall.EAGAIN
}
