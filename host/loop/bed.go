//go:build linux

package loop

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bed is where loops sleep without holding a processor: the last one awake in
// Go's poller, while nothing happens, the others until they are called, while it
// keeps up.
//
// Go's poller cannot be told to look at the loops' epoll set for a while only,
// and to look at it always would wake a thread at each event. So a second set
// stands between, in which the first is armed for one event at a time.
type bed struct {
	between int // the second set
	file    *os.File
	raw     syscall.RawConn
	look    func(between uintptr) bool // lookOrArm, made once
	bell    int                        // an eventfd in the second set, for ring
	epoll   int

	waiting atomic.Int32 // loops that sleep and are not called yet

	mu     sync.Mutex
	called sync.Cond
	calls  int // not yet followed
	asleep int // loops, with the one in Go's poller
	rung   bool
}

func (b *bed) make(epoll int) (err error) {
	b.epoll = epoll
	b.called.L = &b.mu
	if b.between, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(b.between, true); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if b.bell, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		_ = unix.Close(b.between)
		return os.NewSyscallError("eventfd", err)
	}
	b.file = os.NewFile(uintptr(b.between), "epoll")
	if err := polled(b.file); err != nil {
		return err
	}
	if b.raw, err = b.file.SyscallConn(); err != nil {
		return err
	}
	b.look = b.lookOrArm
	for fd, events := range map[int]uint32{epoll: unix.EPOLLONESHOT, b.bell: unix.EPOLLIN} {
		if err := unix.EpollCtl(b.between, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
	return nil
}

// ring wakes whoever sleeps, for good.
func (b *bed) ring() {
	b.mu.Lock()
	b.rung = true
	b.mu.Unlock()
	b.called.Broadcast()
	_, _ = unix.Write(b.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
}

func (b *bed) remove() {
	_ = b.file.Close()
	_ = unix.Close(b.bell)
}

// alone reports whether just one of n loops is awake, and none was called that
// has not come yet.
func (b *bed) alone(n int) bool { return int(b.waiting.Load()) == n-1 }

// stepAside sleeps until another loop calls for help. In the last of n loops that
// is awake it returns at once.
func (b *bed) stepAside(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asleep >= n-1 {
		return
	}
	b.asleep++
	b.waiting.Add(1)
	for b.calls == 0 && !b.rung {
		b.called.Wait()
	}
	if b.calls > 0 {
		b.calls--
	} else {
		b.waiting.Add(-1)
	}
	b.asleep--
}

// call wakes one of the loops that stepped aside.
func (b *bed) call() {
	if b.waiting.Load() == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting.Load() > 0 {
		b.waiting.Add(-1)
		b.calls++
		b.called.Signal()
	}
}

// sleep returns when there may be events. It is for the last of n loops that is
// awake: in another it returns at once.
func (b *bed) sleep(n int) {
	b.mu.Lock()
	last := b.alone(n) && !b.rung
	if last {
		b.asleep++
	}
	b.mu.Unlock()
	if !last {
		return
	}
	b.watch()
	b.mu.Lock()
	b.asleep--
	b.mu.Unlock()
}

// watch waits in Go's poller for an event in the loops' set.
func (b *bed) watch() {
	if b.raw.Read(b.look) != nil {
		time.Sleep(time.Millisecond) // so that who comes again at once does not spin
	}
}

// lookOrArm reports whether the second set has an event. It has the next one
// reported otherwise, be it there already.
func (b *bed) lookOrArm(between uintptr) bool {
	var events [1]unix.EpollEvent
	if n, errno := epollWait(int(between), events[:], 0); n > 0 || errno != 0 && errno != unix.EINTR {
		return true
	}
	arm := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(b.epoll)}
	if unix.EpollCtl(int(between), unix.EPOLL_CTL_MOD, b.epoll, &arm) != nil {
		time.Sleep(time.Millisecond) // as above
		return true
	}
	return false
}

// polled reports whether Go's poller has taken f in: os.NewFile does not.
func polled(f *os.File) error {
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("a descriptor is refused by Go's poller: %w", err)
	}
	return nil
}
