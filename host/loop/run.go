//go:build linux

package loop

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is how many events a loop takes at once: few, because the last one
// waits for all before it.
const batch = 16

const (
	// looking is for how many milliseconds a loop waits in the kernel while another
	// is awake as well, holding on to its processor. If nothing comes and the other
	// waits, too, it leaves events to that.
	looking = 1
	// crowd is how many events at once are too many for one loop, and long how much
	// time to spend on a batch if others wait when it is over: then it calls for
	// another. With less, one that goes on costs less than two that both wake.
	crowd = 4
	long  = 2 * time.Millisecond
)

// runner is one loop.
type runner struct {
	group  *Group
	dog    *watchdog
	events [batch]unix.EpollEvent
	busy   atomic.Bool // with a batch, or about to be

	began time.Time // when the events of this batch, or of the last, had come
	awake bool      // nothing was waited for since then

	mu      sync.Mutex // the watchdog takes events, too
	next, n int        // events[next:n] are to be handled
	begun   uint64     // events that were begun with
	inside  bool       // one of them
	retired bool       // another loop stands in its place
}

// startLoop starts a loop that d is to watch, with events left over by one that is
// stuck.
func (g *Group) startLoop(d *watchdog, left []unix.EpollEvent) *runner {
	r := &runner{group: g, dog: d}
	r.n = copy(r.events[:], left)
	g.running.Add(1)
	go r.run()
	return r
}

func (r *runner) run() {
	defer r.group.running.Done()
	r.begin()
	for r.handle(); r.wait(); r.handle() {
	}
}

// begin takes the time of events that have come, and reports whether they had to
// wait because those before them took long: more or less, where the loop looked for
// events while another was awake.
func (r *runner) begin() (late bool) {
	r.busy.Store(true)
	now := time.Now()
	after := now.Sub(r.began)
	r.began = now
	if r.awake {
		r.dog.begins(now, 0)
		return after >= long
	}
	r.dog.begins(now, after)
	return false
}

// handle serves the events of the batch.
func (r *runner) handle() {
	for e, ok := r.claim(); ok; e, ok = r.claim() {
		if c := r.group.table.find(e.Fd, uint32(e.Pad)); c != nil {
			c.happened(r, e.Events)
		}
	}
	r.busy.Store(false)
	r.awake = true
}

// claim takes the next event of the batch, or ends the batch.
func (r *runner) claim() (e unix.EpollEvent, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.inside
	if r.inside = r.next < r.n; r.inside {
		e = r.events[r.next]
		r.next++
		r.begun++
	}
	switch {
	case r.inside && !was:
		r.group.working.Add(1)
	case was && !r.inside && !r.retired:
		r.group.working.Add(-1)
	}
	return e, r.inside
}

// refill makes a batch of what came, also in a loop that was retired meanwhile:
// it has these events, nobody else.
func (r *runner) refill(n int) {
	r.mu.Lock()
	r.next, r.n = 0, n
	r.mu.Unlock()
}

// retire takes from a loop what it has not begun with, if it is still in the event
// that was the seen one it began with. It ends when it comes back from that. Which
// event it is in now, or was in last, is told in any case.
func (r *runner) retire(seen uint64) (left []unix.EpollEvent, stuck bool, now uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.inside || r.begun != seen {
		return nil, false, r.begun
	}
	left = append(left, r.events[r.next:r.n]...)
	r.next, r.retired = r.n, true
	r.group.working.Add(-1)
	return left, true, seen
}

func (r *runner) isRetired() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.retired
}

// wait returns with events, or with false when the loop is over. Without any, the
// only loop awake goes to bed.
func (r *runner) wait() bool {
	g := r.group
	for !g.closed.Load() && !r.isRetired() {
		most, alone := looking, g.bed.alone(g.loops)
		if alone {
			most = 0
		}
		n, errno := epollWait(g.epoll, r.events[:], most)
		switch {
		case n > 0:
			if late := r.begin(); n >= crowd || late {
				g.bed.call()
			}
			r.refill(n)
			return true
		case errno == syscall.EINTR:
			runtime.Gosched() // it was Go that interrupted
			continue
		case errno != 0:
			g.log.Error("an event loop ended", "error", os.NewSyscallError("epoll_pwait", errno).Error())
			return false
		}
		r.awake = false
		switch {
		case alone:
			r.dog.rests()
			g.bed.sleep(g.loops)
		case g.working.Load() == 0: // else the other may be long in coming back
			r.dog.rests()
			g.bed.stepAside(g.loops)
		}
	}
	return false
}

// epollWait waits for so many milliseconds without telling the scheduler: the
// processor stays with this goroutine, and Go's monitor asleep if it is. What Go
// wants of the goroutine meanwhile comes as a signal, which ends the wait.
//
//go:norace
func epollWait(epoll int, events []unix.EpollEvent, milliseconds int) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(milliseconds), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// happened takes in what epoll says of c, and runs who waited for it, in loop r.
func (c *Conn) happened(r *runner, events uint32) {
	var bits uint32
	if events&(unix.EPOLLIN|unix.EPOLLERR|unix.EPOLLHUP|unix.EPOLLRDHUP) != 0 {
		bits |= canRead
	}
	if events&(unix.EPOLLOUT|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		bits |= canWrite
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		bits |= hungUp
	}
	c.ready.Or(bits)
	if bits&hungUp != 0 {
		c.hangUp()
	}
	g := c.group
	reader, writer := c.reader.Load(), c.writer.Load()
	if bits&canRead == 0 {
		reader = nil
	}
	if bits&canWrite == 0 || writer == reader { // who waits for either is told once
		writer = nil
	}
	for _, p := range [...]*parker{reader, writer} {
		if p == nil {
			continue
		}
		if w := p.notify(); w != nil {
			g.drive(w, r)
		}
	}
	if c.client && c.somethingToServe() && c.served.CompareAndSwap(false, true) {
		g.drive(g.hire(c), r)
	}
}
