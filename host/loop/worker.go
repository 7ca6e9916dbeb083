//go:build linux

package loop

import (
	"fmt"
	"iter"
	"runtime/debug"
)

// worker is a coroutine that serves connections, one at a time. Whoever calls
// next runs it until it says why it stopped.
type worker struct {
	parker  parker
	group   *Group
	conn    *Conn   // that it serves
	loop    *runner // that drives it; nil: a goroutine
	yieldTo func(reason) bool
	next    func() (reason, bool)
	stop    func()
}

// reason is why a worker stopped.
type reason int8

const (
	opWait   reason = iota // for its parker
	opDetach               // to go on in a goroutine
	opDone                 // with its connection
)

func newWorker(g *Group) *worker {
	w := &worker{group: g}
	w.parker.worker = w
	w.next, w.stop = iter.Pull(w.run)
	return w
}

func (w *worker) run(yield func(reason) bool) {
	w.yieldTo = yield
	growStack()
	for {
		w.serve()
		w.conn = nil
		if !yield(opDone) {
			return
		}
	}
}

// growStack has the stack grow to the eight kilobytes that a request needs, while
// there is next to nothing on it: to move what is there is most of the work.
//
//go:noinline
func growStack() {
	var room [5 << 10]byte
	touch(&room[0])
}

//go:noinline
func touch(*byte) {}

func (w *worker) yield(why reason) { w.yieldTo(why) }

// serve serves w.conn until that waits for its next request, sleeps, or is at its
// end.
func (w *worker) serve() {
	c := w.conn
	defer func() {
		if p := recover(); p != nil {
			w.group.panicked(fmt.Sprint(p), debug.Stack())
			c.owner = nil
			c.abandon()
		}
	}()
	for {
		c.owner = w
		if w.group.serve(c.attached) {
			return // another worker may have it already
		}
		if !c.rest() {
			return
		}
	}
}

// drive runs w until it waits or is done. loop is who calls, nil for a goroutine.
func (g *Group) drive(w *worker, loop *runner) {
	w.loop = loop
	for {
		why, _ := w.next()
		switch why {
		case opDone:
			g.dismiss(w)
			return
		case opDetach:
			if loop != nil {
				go g.drive(w, nil)
				return
			}
		case opWait:
			if w.parker.settle() {
				return
			}
		}
	}
}

// hire returns a worker for c.
func (g *Group) hire(c *Conn) *worker {
	g.workersMu.Lock()
	var w *worker
	if n := len(g.workers); n > 0 {
		w = g.workers[n-1]
		g.workers[n-1] = nil
		g.workers = g.workers[:n-1]
	}
	g.workersMu.Unlock()
	if w == nil {
		w = newWorker(g)
	}
	w.conn = c
	return w
}

// idleWorkers is how many workers wait for a connection at most: each keeps its
// stack.
const idleWorkers = 256

func (g *Group) dismiss(w *worker) {
	g.workersMu.Lock()
	keep := len(g.workers) < idleWorkers && !g.closed.Load()
	if keep {
		g.workers = append(g.workers, w)
	}
	g.workersMu.Unlock()
	if !keep {
		w.stop()
	}
}
