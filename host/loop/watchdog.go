//go:build linux

package loop

import (
	"os"
	"syscall"
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
	timer *os.File
	raw   syscall.RawConn // timer's
	// The loop's: what it has put the timer off to, and for how many rests more it
	// expects long ones.
	until time.Time
	lulls int
}

const (
	// stuckAfter is how long a loop may be in one event, at least; up to twice as
	// long.
	stuckAfter = 20 * time.Millisecond
	// putOff is by how much the timer is put off: more, so that not each event has
	// to do it.
	putOff = 30 * time.Millisecond
	// lull is a time without events that is long, and lullsFollow within how many
	// rests after one the next is looked for.
	lull, lullsFollow = 10 * time.Millisecond, 64
)

func newWatchdog() (*watchdog, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	d := &watchdog{timer: os.NewFile(uintptr(fd), "timer")}
	d.raw, err = d.timer.SyscallConn()
	return d, err
}

// begins says that the loop begins with what happened, after so long a time
// without.
func (d *watchdog) begins(now time.Time, after time.Duration) {
	if after >= lull {
		d.lulls = lullsFollow
	}
	if d.until.Sub(now) < stuckAfter {
		d.until = now.Add(putOff)
		d.set(putOff)
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
	_ = d.raw.Control(func(fd uintptr) {
		_ = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(in))}, nil)
	})
}

// watch watches r, and then whoever stands in its place, until the timer is
// closed.
func (d *watchdog) watch(r *runner) {
	var times [8]byte
	for seen := uint64(0); r != nil; {
		if _, err := d.timer.Read(times[:]); err != nil {
			return
		}
		switch now := r.rounds.Load(); {
		case !r.busy.Load(): // it will tell when it begins
		case now != seen:
			seen = now
			d.set(stuckAfter)
		default:
			r, seen = r.group.replace(r), 0
		}
	}
}

// replace starts another loop with what a stuck one has not begun with.
func (g *Group) replace(r *runner) *runner {
	left := r.retire()
	if g.closed.Load() {
		return nil
	}
	return g.startLoop(r.dog, left)
}
