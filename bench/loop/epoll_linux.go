package loop

import (
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func newPoller() (poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &epoll{fd: fd}, nil
}

// exactTimers makes the kernel wake this thread when it is asked to, not up to
// 50 us later, and returns what undoes that.
func exactTimers() func() {
	was, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil || unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) != nil {
		return func() {}
	}
	return func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(was), 0, 0, 0) }
}

// ThreadCPU returns the CPU time that the calling thread has used, 0 where that
// is not known.
func ThreadCPU() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// epoll is level-triggered: what a short read left is told again, so that no
// second read is needed to see an empty socket.
type epoll struct {
	fd      int
	watched []bool // by descriptor
	coarse  bool   // a kernel without epoll_pwait2: whole milliseconds
	events  [512]unix.EpollEvent
}

func (p *epoll) watch(fd int, write bool) error {
	op := unix.EPOLL_CTL_MOD
	for fd >= len(p.watched) {
		p.watched = append(p.watched, false)
	}
	if !p.watched[fd] {
		op = unix.EPOLL_CTL_ADD
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	if write {
		e.Events |= unix.EPOLLOUT
	}
	err := unix.EpollCtl(p.fd, op, fd, &e)
	p.watched[fd] = p.watched[fd] || err == nil
	return err
}

func (p *epoll) forget(fd int) {
	p.watched[fd] = false
	_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) // it was added
}

func (p *epoll) wait(ready []Ready, d time.Duration) ([]Ready, error) {
	n, err := p.block(d)
	for _, e := range p.events[:max(n, 0)] {
		ready = append(ready, Ready{
			FD:    int(e.Fd),
			Read:  e.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0,
			Write: e.Events&(unix.EPOLLOUT|unix.EPOLLERR) != 0,
		})
	}
	return ready, err
}

// block waits for d to the nanosecond where the kernel can.
func (p *epoll) block(d time.Duration) (int, error) {
	if d == 0 || d < 0 || p.coarse {
		return unix.EpollWait(p.fd, p.events[:], milliseconds(d))
	}
	timeout := [2]int64{int64(d / time.Second), int64(d % time.Second)}
	n, _, e := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events[0])),
		uintptr(len(p.events)), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	switch {
	case errors.Is(e, unix.ENOSYS):
		p.coarse = true
		return p.block(d)
	case e != 0:
		return 0, e
	}
	return int(n), nil
}

func (p *epoll) close() { _ = unix.Close(p.fd) }
