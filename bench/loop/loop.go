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
		wait := time.Duration(-1)
		if next != Never {
			wait = max(0, time.Duration(next-Now()))
		}
		var err error
		ready, err = l.poll.wait(ready[:0], wait)
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
