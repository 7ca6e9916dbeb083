//go:build linux

package loop

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// watchdog finds out that its loop is stuck in one event, because what that runs
// waits for something else or takes long, and starts another loop in its place.
// The stuck one ends when it comes back.
//
// Its timer is one of the kernel's, in Go's poller: a loop that is well puts it
// off by a system call, and nobody is woken. One of Go's would wake threads each
// time that it had to be looked at.
type watchdog struct {
	fd    int
	timer *os.File // fd's
	// The loop's: what it has put the timer off to, and for how many rests more it
	// expects long ones.
	until time.Time
	lulls int
}

const (
	// stuckAfter is how long a loop may be in one event, at least; up to twice as
	// long. The timer is put off by as much, when less than half of it is left: then
	// not each event has to do it.
	stuckAfter = 20 * time.Millisecond
	// lull is a time without events that is long, and lullsFollow within how many
	// rests after one the next is looked for.
	lull, lullsFollow = stuckAfter / 2, 64
)

func newWatchdog() (*watchdog, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	d := &watchdog{fd: fd, timer: os.NewFile(uintptr(fd), "timer")}
	if err := polled(d.timer); err != nil {
		_ = d.timer.Close()
		return nil, err
	}
	return d, nil
}

// begins says that the loop begins with what happened, and so long after it last
// did if it was idle since.
func (d *watchdog) begins(now time.Time, after time.Duration) {
	if after >= lull {
		d.lulls = lullsFollow
	}
	if d.until.Sub(now) < stuckAfter/2 {
		d.until = now.Add(stuckAfter)
		d.set(stuckAfter)
	}
}

// rests says that the loop has nothing to do. The timer is stopped where that may
// be so for long: to stop it costs a system call, and to let it go off a few
// threads that wake.
func (d *watchdog) rests() {
	if d.lulls > 0 {
		d.lulls--
		d.until = time.Time{}
		d.set(0)
	}
}

// set sets the timer; 0 stops it.
func (d *watchdog) set(in time.Duration) {
	_ = unix.TimerfdSettime(d.fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(in))}, nil)
}

// leave ends watch.
func (d *watchdog) leave() { _ = d.timer.SetReadDeadline(time.Unix(0, longAgo)) }

// watch watches r, and then whoever stands in its place, until leave.
func (d *watchdog) watch(r *runner) {
	var times [8]byte
	for seen := uint64(0); ; {
		if _, err := d.timer.Read(times[:]); err != nil {
			return
		}
		if !r.busy.Load() {
			continue // it will tell when it begins
		}
		left, stuck, now := r.retire(seen)
		if !stuck {
			seen = now
			d.set(stuckAfter)
			continue
		}
		if r.group.closed.Load() {
			return
		}
		r, seen = r.group.startLoop(d, left), 0
	}
}
