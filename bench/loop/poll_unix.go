//go:build unix

package loop

import (
	"time"

	"golang.org/x/sys/unix"
)

// polled waits by poll(2), which every Unix has.
type polled struct {
	fds []unix.PollFd
	at  map[int]int // a descriptor's place in fds
}

func newPolled() *polled { return &polled{at: map[int]int{}} }

func (p *polled) watch(fd int, write bool) error {
	i, ok := p.at[fd]
	if !ok {
		i = len(p.fds)
		p.fds = append(p.fds, unix.PollFd{Fd: int32(fd)})
		p.at[fd] = i
	}
	p.fds[i].Events = unix.POLLIN
	if write {
		p.fds[i].Events |= unix.POLLOUT
	}
	return nil
}

func (p *polled) forget(fd int) {
	i, ok := p.at[fd]
	if !ok {
		return
	}
	last := len(p.fds) - 1
	p.fds[i] = p.fds[last]
	p.at[int(p.fds[i].Fd)] = i
	p.fds = p.fds[:last]
	delete(p.at, fd)
}

func (p *polled) wait(ready []Ready, d time.Duration) ([]Ready, error) {
	n, err := unix.Poll(p.fds, milliseconds(d))
	if n <= 0 {
		return ready, err
	}
	for _, f := range p.fds {
		if f.Revents == 0 {
			continue
		}
		bad := f.Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		ready = append(ready, Ready{
			FD:    int(f.Fd),
			Read:  bad || f.Revents&unix.POLLIN != 0,
			Write: f.Revents&(unix.POLLOUT|unix.POLLERR) != 0,
		})
	}
	return ready, nil
}

func (p *polled) close() {}

// milliseconds rounds up: to wake early would be to spin.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int((d + time.Millisecond - 1) / time.Millisecond)
}
