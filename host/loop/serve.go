//go:build linux

package loop

import (
	"syscall"
	"time"
	"unsafe"
)

// What a server tells its connection, and a forwarder those of services.

// Between says that the next Read waits for a next request: if nothing is
// there, it fails with ErrRest, and Close leaves the connection open.
func (c *Conn) Between() { c.between = true }

// Within says that a request is being read.
func (c *Conn) Within() { c.between = false }

// Bind makes the worker that has by the one that waits for c, or where a
// goroutine has by, that goroutine. It ends with Unbind.
func (c *Conn) Bind(by *Conn) { c.owner = by.owner }

// Unbind is the end of Bind.
func (c *Conn) Unbind() { c.owner = nil }

// Detach lets the worker that has c go on in a goroutine of its own, until it
// next waits for a connection: to be called before anything that may block, or
// run for long.
func (c *Conn) Detach() {
	if w := c.owner; w != nil && w.loop != nil {
		w.yield(opDetach)
	}
}

// Now is the time for who serves c, or is bound to it: in a loop that of the events
// under way, which costs nothing, and is exact enough for a deadline in seconds. c
// may be nil: what is not on the loops.
func (c *Conn) Now() time.Time {
	if c != nil && c.owner != nil && c.owner.loop != nil {
		return c.owner.loop.began
	}
	return time.Now()
}

// Watch calls w, once, when the peer has hung up, or at once if it has. Nil
// ends that; w may be called a last time meanwhile. One watcher at a time.
func (c *Conn) Watch(w *HangupWatcher) {
	c.watcher.Store(w)
	if w != nil && (c.ready.Load()&hungUp != 0 || c.isClosed()) {
		c.hangUp()
	}
}

func (c *Conn) hangUp() {
	if w := c.watcher.Swap(nil); w != nil {
		(*w).HungUp()
	}
}

// rest lets go of a connection whose server found nothing to read. It reports
// whether there is something after all: then the caller serves on.
func (c *Conn) rest() bool {
	c.owner = nil
	if !c.resting.Load() {
		return false // closed
	}
	c.between = false
	c.resting.Store(false)
	if c.group.draining.Load() {
		if c.HasInput() { // it was sent before anybody could know
			return true
		}
		c.abandon()
		return false
	}
	c.served.Store(false)
	return c.somethingToServe() && c.served.CompareAndSwap(false, true)
}

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

func (c *Conn) somethingToServe() bool { return c.ready.Load()&(canRead|hungUp) != 0 }
