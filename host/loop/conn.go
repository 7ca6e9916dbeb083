//go:build linux

package loop

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/infinirouter/infinirouter/host/large"
)

// Conn is a TCP connection on the loops. It is a net.Conn with the usual
// contract: one reader and one writer at a time, any of them a goroutine or,
// bound to it, a worker; deadlines and Close from anywhere.
type Conn struct {
	group  *Group
	fd     int
	serial uint32 // tells it from others that have had the same fd
	local  net.Addr
	remote net.Addr
	client bool
	// attached is what is served for a client's connection.
	attached any

	users  atomic.Int32  // operations under way, and closedBit
	ready  atomic.Uint32 // canRead, canWrite, hungUp
	served atomic.Bool   // a client's: a worker has it

	reader, writer              atomic.Pointer[parker]
	sleeper                     parker       // of a client's, in a service's reader
	readDeadline, writeDeadline atomic.Int64 // Unix nanoseconds, 0: none
	watcher                     atomic.Pointer[HangupWatcher]

	// These belong to whoever reads and serves.
	owner   *worker
	between bool             // requests: a Read that would wait ends the serving
	resting atomic.Bool      // such a Read has said so
	ahead   *[aheadSize]byte // read from the socket, not taken yet: ahead[r:w]
	r, w    int
	wanted  int // bytes that a Read waits for; 0: any
}

// HangupWatcher hears that a client has gone.
type HangupWatcher interface{ HungUp() }

// Bits of ready. They say that a system call may succeed, and are taken back
// before the call that may not.
const (
	canRead = 1 << iota
	canWrite
	hungUp
)

// ErrRest is what Read says between requests when there is nothing to read: the
// server is to end serving, and the connection stays open.
var ErrRest error = restError{}

type restError struct{}

func (restError) Error() string { return "the connection waits for its next request" }

// aheadSize is what is read of a request at first: most have no more.
const aheadSize = 16 << 10

var aheadPool = sync.Pool{New: func() any { return new([aheadSize]byte) }}

// Read implements net.Conn.
func (c *Conn) Read(p []byte) (int, error) {
	if c.r < c.w {
		return c.take(p), nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	if past(c.readDeadline.Load()) {
		return 0, os.ErrDeadlineExceeded
	}
	if c.client && len(p) < aheadSize {
		// fasthttp asks for the first byte alone.
		ahead := aheadPool.Get().(*[aheadSize]byte)
		n, err := c.read(ahead[:])
		if n == 0 {
			aheadPool.Put(ahead)
			return 0, err
		}
		c.ahead, c.r, c.w = ahead, 0, n
		return c.take(p), nil
	}
	return c.read(p)
}

// take moves bytes that were read ahead.
func (c *Conn) take(p []byte) int {
	n := copy(p, c.ahead[c.r:c.w])
	if c.r += n; c.r == c.w {
		aheadPool.Put(c.ahead)
		c.ahead, c.r, c.w = nil, 0, 0
	}
	return n
}

// read reads from the socket, and waits where it has nothing.
func (c *Conn) read(p []byte) (int, error) {
	for {
		if c.ready.Load()&(canRead|hungUp) == 0 {
			if c.between {
				c.resting.Store(true)
				return 0, ErrRest
			}
			if err := c.waitToRead(); err != nil {
				return 0, err
			}
		}
		c.ready.And(^uint32(canRead))
		n, err := c.syscall(syscall.SYS_READ, unsafe.Pointer(unsafe.SliceData(p)), len(p))
		switch {
		case n > 0:
			if n == len(p) {
				c.ready.Or(canRead)
			}
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err == syscall.EINTR:
			c.ready.Or(canRead)
		case err == syscall.EAGAIN:
			c.ready.And(^uint32(hungUp))
		default:
			return 0, c.opError("read", err)
		}
	}
}

// ReadWanted is Read for who wants all of p and will call again until it is full:
// it may wait until there is much of it, so that a loop is not woken for each
// segment.
func (c *Conn) ReadWanted(p []byte) (int, error) {
	c.wanted = min(len(p), mostWanted)
	n, err := c.Read(p)
	c.wanted = 0
	return n, err
}

// waitToRead waits for something to read.
func (c *Conn) waitToRead() error {
	if c.wanted > 0 {
		c.wakeAt(c.wanted)
		defer c.wakeAt(1)
	}
	return c.wait(c.owner, &c.reader, &c.readDeadline, canRead|hungUp)
}

// mostWanted is how much is waited for at most. The kernel makes room for twice
// as much.
const mostWanted = 256 << 10

// wakeAt sets how many bytes the socket must have before it can be read. The call
// is raw, since unix.SetsockoptInt tells the scheduler, which wakes Go's monitor.
func (c *Conn) wakeAt(n int) {
	if c.enter() {
		value := int32(n)
		_, _, _ = syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(c.fd), syscall.SOL_SOCKET, unix.SO_RCVLOWAT, uintptr(unsafe.Pointer(&value)), unsafe.Sizeof(value), 0)
		c.leave()
	}
}

// Await returns when Read has something to give, be it an error.
func (c *Conn) Await() {
	if c.ready.Load()&(canRead|hungUp) == 0 {
		_ = c.wait(c.owner, &c.reader, &c.readDeadline, canRead|hungUp)
	}
}

// Write implements net.Conn.
func (c *Conn) Write(p []byte) (int, error) { return c.write(p, c.owner) }

// write is Write for a worker, or for a goroutine where that is nil.
func (c *Conn) write(p []byte, by *worker) (int, error) {
	if past(c.writeDeadline.Load()) {
		return 0, os.ErrDeadlineExceeded
	}
	for sent := 0; ; {
		n, err := c.writeSome(p[sent:])
		sent += n
		if err != nil || sent == len(p) {
			return sent, err
		}
		if err := c.wait(by, &c.writer, &c.writeDeadline, canWrite); err != nil {
			return sent, err
		}
	}
}

// writeSome writes what the socket takes at once, a piece at most.
func (c *Conn) writeSome(p []byte) (int, error) {
	p = p[:min(len(p), large.Piece)]
	return c.put(syscall.SYS_WRITE, unsafe.Pointer(unsafe.SliceData(p)), len(p), len(p))
}

// writeParts is writeSome for what of head and body is behind the first sent
// bytes, which must not be all.
func (c *Conn) writeParts(head []byte, body [][]byte, sent int) (int, error) {
	var parts [mostParts]syscall.Iovec
	n, all := 0, 0
	for i := -1; i < len(body) && n < len(parts) && all < large.Piece; i++ {
		part := head
		if i >= 0 {
			part = body[i]
		}
		if sent >= len(part) {
			sent -= len(part)
			continue
		}
		part = part[sent:]
		part = part[:min(len(part), large.Piece-all)]
		sent = 0
		parts[n].Base = &part[0]
		parts[n].SetLen(len(part))
		all += len(part)
		n++
	}
	return c.put(syscall.SYS_WRITEV, unsafe.Pointer(&parts), n, all)
}

// mostParts is how many parts are written with one system call.
const mostParts = 16

// put makes a system call that writes up to all bytes, of the n bytes or pieces
// at p.
func (c *Conn) put(trap uintptr, p unsafe.Pointer, n, all int) (int, error) {
	for {
		c.ready.And(^uint32(canWrite))
		done, err := c.syscall(trap, p, n)
		switch err {
		case nil:
			if done == all {
				c.ready.Or(canWrite)
			}
			return done, nil
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, nil
		default:
			return 0, c.opError("write", err)
		}
	}
}

// longWrite is what takes so long to write that a loop should not: the system
// copies it, and on loopback receives it, within the call.
const longWrite = 2 << 20

// WriteUnlessRead writes head and then the parts of body, and stops where the
// socket takes no more and has something to read, which early reports. It tells
// how much was written of all. Much is written in a goroutine.
func (c *Conn) WriteUnlessRead(head []byte, body [][]byte) (sent int, early bool, err error) {
	if past(c.writeDeadline.Load()) {
		return 0, false, os.ErrDeadlineExceeded
	}
	all := len(head)
	for _, part := range body {
		all += len(part)
	}
	for {
		if all-sent > longWrite {
			c.Detach()
		}
		var n int
		if len(body) == 0 {
			n, err = c.writeSome(head[sent:])
		} else {
			n, err = c.writeParts(head, body, sent)
		}
		sent += n
		if err != nil || sent == all {
			return sent, false, err
		}
		if c.ready.Load()&canWrite != 0 { // a piece went whole
			large.GiveWay()
			continue
		}
		if c.ready.Load()&(canRead|hungUp) != 0 {
			return sent, true, nil
		}
		if err := c.waitEither(); err != nil {
			return sent, false, err
		}
		if c.ready.Load()&canWrite == 0 {
			return sent, true, nil
		}
	}
}

// Aside is c for a goroutine that writes while whoever c is bound to reads.
func (c *Conn) Aside() io.Writer { return aside{c} }

type aside struct{ c *Conn }

func (a aside) Write(p []byte) (int, error) { return a.c.write(p, nil) }

// SetDeadline implements net.Conn.
func (c *Conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn. It is a store, and rarely more.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.setDeadline(&c.readDeadline, &c.reader, t)
}

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.setDeadline(&c.writeDeadline, &c.writer, t)
}

func (c *Conn) setDeadline(deadline *atomic.Int64, slot *atomic.Pointer[parker], t time.Time) error {
	if c.isClosed() {
		return net.ErrClosed
	}
	if t.IsZero() {
		deadline.Store(0)
		return nil
	}
	at := t.UnixNano()
	deadline.Store(at)
	c.group.sweeper.expect(at)
	if p := slot.Load(); p != nil && at <= time.Now().UnixNano() {
		c.group.notifyAside(p)
	}
	return nil
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }
