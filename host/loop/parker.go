//go:build linux

package loop

import (
	"sync"
	"sync/atomic"
)

// parker is where one flow of control waits: a worker, a goroutine, or a client's
// connection that nobody serves until then (sleep.go). A
// notice that comes early is kept, and one too many only makes the waiting
// side look again.
type parker struct {
	state  atomic.Int32
	worker *worker       // nil: a goroutine waits on wake, or
	sleeps *Conn         // it needs a worker
	wake   chan struct{} // capacity 1
}

// States of a parker.
const (
	running int32 = iota
	parked
	noticed
)

// notify makes the other side look again. It returns the worker that the caller
// must now drive, if there is one.
func (p *parker) notify() *worker {
	for {
		switch p.state.Load() {
		case noticed:
			return nil
		case running:
			if p.state.CompareAndSwap(running, noticed) {
				return nil
			}
		case parked:
			if p.state.CompareAndSwap(parked, running) {
				switch {
				case p.sleeps != nil:
					return p.sleeps.group.hire(p.sleeps)
				case p.worker == nil:
					p.wake <- struct{}{}
				}
				return p.worker
			}
		}
	}
}

// settle parks, unless a notice has come: then it takes the notice and says no.
func (p *parker) settle() bool {
	if p.state.CompareAndSwap(running, parked) {
		return true
	}
	p.state.Store(running)
	return false
}

// wait returns after a notice.
func (p *parker) wait() {
	if p.worker != nil {
		p.worker.yield(opWait)
		return
	}
	if p.settle() {
		<-p.wake
	}
}

// goroutines keeps the parkers of goroutines that wait for a Conn.
var goroutines = sync.Pool{New: func() any { return &parker{wake: make(chan struct{}, 1)} }}
