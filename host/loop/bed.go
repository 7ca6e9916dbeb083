//go:build linux

package loop

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// bed is where loops sleep while nothing happens, without holding a processor:
// the first in Go's poller, the others until it wakes them.
//
// Go's poller cannot be told to look at the loops' epoll set for a while only,
// and to look at it always would wake a thread at each event. So a second set
// stands between, in which the first is armed for one event at a time.
type bed struct {
	between int // the second set
	file    *os.File
	raw     syscall.RawConn
	bell    int // an eventfd in the second set, for ring
	epoll   int

	asleep atomic.Int32
	mu     sync.Mutex
	wake   chan struct{} // closed by the next rouse
}

func (b *bed) make(epoll int) (err error) {
	b.epoll = epoll
	b.wake = make(chan struct{})
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
	raw, err := b.file.SyscallConn()
	if err != nil {
		return err
	}
	b.raw = raw
	for fd, events := range map[int]uint32{epoll: unix.EPOLLONESHOT, b.bell: unix.EPOLLIN} {
		if err := unix.EpollCtl(b.between, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
	return nil
}

// ring wakes whoever sleeps, for good.
func (b *bed) ring() {
	_, _ = unix.Write(b.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	b.rouse()
}

func (b *bed) remove() {
	_ = b.file.Close()
	_ = unix.Close(b.bell)
}

// sleep returns when there may be events.
func (b *bed) sleep(g *Group) {
	b.mu.Lock()
	wake := b.wake
	first := b.asleep.Add(1) == 1
	b.mu.Unlock()
	if first {
		b.watch()
		b.rouse()
	} else {
		<-wake
	}
	g.dog.rouse()
}

// holds reports whether n loops sleep.
func (b *bed) holds(n int) bool { return int(b.asleep.Load()) >= n }

// watch waits in Go's poller for an event in the loops' set.
func (b *bed) watch() {
	arm := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT, Fd: int32(b.epoll)}
	if unix.EpollCtl(b.between, unix.EPOLL_CTL_MOD, b.epoll, &arm) != nil {
		return
	}
	var events [1]unix.EpollEvent
	_ = b.raw.Read(func(fd uintptr) bool {
		n, err := unix.EpollWait(int(fd), events[:], 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
}

// rouse gets all loops out of bed.
func (b *bed) rouse() {
	if b.asleep.Load() == 0 {
		return
	}
	b.mu.Lock()
	b.asleep.Store(0)
	close(b.wake)
	b.wake = make(chan struct{})
	b.mu.Unlock()
}
