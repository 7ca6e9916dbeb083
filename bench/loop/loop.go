//go:build unix

package loop

import (
	"errors"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Ready is a socket that something can be done with.
type Ready struct {
	FD    int
	Read  bool // there are bytes, or an end, or an error: a read will tell
	Write bool
}

// poller waits for sockets. Its methods are the loop thread's alone.
type poller interface {
	// watch begins or changes what is waited for; reading always is.
	watch(fd int, write bool) error
	// forget must come before fd is closed.
	forget(fd int)
	// wait blocks for d, for ever if d < 0, or until something is ready, which
	// it appends to ready.
	wait(ready []Ready, d time.Duration) ([]Ready, error)
	close()
}

// Handler is what a Loop drives. Its methods are called on the loop's thread.
type Handler interface {
	// Ready says that a socket is ready.
	Ready(r Ready)
	// Due does what is due at now, a time of Now's clock, and returns when it
	// wants to be called again, at the latest: Never for no such time. It is
	// called after each wake-up.
	Due(now int64) (next int64)
}

// Never is a time that does not come.
const Never = int64(1<<63 - 1)

// Loop drives a Handler. Post and Stop may be called from any goroutine, all
// else on the loop's thread alone.
type Loop struct {
	poll    poller
	lead    lead
	wakeIn  int
	wakeOut int

	mu     sync.Mutex
	posted []func()
	gone   bool // Run has ended: nothing posted will run
	woken  bool
	stop   bool
}

// New returns a Loop. Run must follow, which gives its resources back.
func New() (*Loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	return newLoop(p)
}

func newLoop(p poller) (*Loop, error) {
	var pair [2]int
	if err := unix.Pipe(pair[:]); err != nil {
		p.close()
		return nil, err
	}
	l := &Loop{poll: p, wakeIn: pair[0], wakeOut: pair[1]}
	for _, fd := range pair {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			l.free()
			return nil, err
		}
	}
	if err := p.watch(l.wakeIn, false); err != nil {
		l.free()
		return nil, err
	}
	return l, nil
}

func (l *Loop) free() {
	l.poll.close()
	_ = unix.Close(l.wakeIn)
	_ = unix.Close(l.wakeOut)
}

var base = time.Now()

// Now returns the time in nanoseconds on a clock that never goes back. Its zero
// is the program's start.
func Now() int64 { return int64(time.Since(base)) }

// At returns the wall clock's time at now.
func At(now int64) time.Time { return base.Add(time.Duration(now)) }

// Watch begins to wait for a socket, or changes whether it is waited for being
// writable. Bytes to read, ends and errors always are.
func (l *Loop) Watch(fd int, write bool) error { return l.poll.watch(fd, write) }

// Forget ends the waiting for fd. It must be called before fd is closed.
func (l *Loop) Forget(fd int) { l.poll.forget(fd) }

// Run drives h until Stop, and then frees the loop. It takes a thread for
// itself meanwhile.
func (l *Loop) Run(h Handler) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer exactTimers()()
	defer l.end()
	var ready []Ready
	next := h.Due(Now())
	for {
		var err error
		ready, err = l.wait(ready[:0], next)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		for _, r := range ready {
			if r.FD != l.wakeIn {
				h.Ready(r)
			} else if l.drain() {
				return nil
			}
		}
		next = h.Due(Now())
	}
}

// wait blocks until something is ready or next has come.
func (l *Loop) wait(ready []Ready, next int64) ([]Ready, error) {
	if next == Never {
		return l.poll.wait(ready, -1)
	}
	now := Now()
	if until := next - l.lead.ns; until > now {
		var err error
		ready, err = l.poll.wait(ready, time.Duration(until-now))
		if len(ready) > 0 || err != nil {
			return ready, err
		}
		now = Now()
		l.lead.learn(now - until)
	}
	for {
		var err error
		ready, err = l.poll.wait(ready, 0)
		if len(ready) > 0 || err != nil || now >= next || !l.lead.exact {
			return ready, err
		}
		now = Now()
	}
}

// Exact has the loop wake a little early and look again and again until the
// time has come: an idle processor takes some 50 us to wake, and differs. How
// early is learned as it goes. To be called before Run.
func (l *Loop) Exact() { l.lead.exact = true }

// lead is how much too early an exact loop wakes: so much that it is still too
// late in one of three cases, since what is too early is spent on looking.
type lead struct {
	exact bool
	ns    int64
}

const (
	leadStep = 500
	mostLead = int64(100 * time.Microsecond)
)

// learn takes how late a wake-up was. One that is very late says that the
// machine is busy, and nothing about how long waking takes.
func (l *lead) learn(late int64) {
	switch {
	case !l.exact || late > 2*mostLead:
	case late > l.ns:
		l.ns = min(l.ns+2*leadStep, mostLead)
	default:
		l.ns = max(l.ns-leadStep, 0)
	}
}

// drain runs what was posted and says whether the loop must stop.
func (l *Loop) drain() bool {
	var b [64]byte
	_, _ = unix.Read(l.wakeIn, b[:]) // one byte a wake-up; a rest wakes again
	l.mu.Lock()
	list, stop := l.posted, l.stop
	l.posted, l.woken = nil, false
	l.mu.Unlock()
	for _, f := range list {
		f()
	}
	return stop
}

// end lets nobody wait for what was posted too late.
func (l *Loop) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
	for _, f := range l.posted {
		f()
	}
	l.posted = nil
	l.free()
}

// Post has f run on the loop's thread, before anything else that becomes ready.
// After the loop's end f runs at once, where Post was called: nothing else of
// the loop runs then.
func (l *Loop) Post(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		f()
		return
	}
	l.posted = append(l.posted, f)
	l.wake()
}

// Stop ends Run. It may be called more than once, and after the end.
func (l *Loop) Stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop = true
	if !l.gone {
		l.wake()
	}
}

// wake makes the poller return. The caller holds mu.
func (l *Loop) wake() {
	if !l.woken {
		l.woken = true
		_, _ = unix.Write(l.wakeOut, []byte{0}) // a full pipe wakes as well
	}
}
