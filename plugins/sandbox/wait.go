package sandbox

import (
	"fmt"
	"slices"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

const (
	// acquireWait bounds the wait for an instance when all are in use.
	acquireWait = time.Second
	// patience is for how long a waiter may be overtaken.
	patience = acquireWait / 4
	// waitersEach is how many calls may wait for each instance that there may
	// be: many more than honest work needs, and no queue without end.
	waitersEach = 64
)

// waiter is a call that waits for an instance. It waits in a goroutine, which
// may have to wait for a processor, too, while calls on event loops come and go. An
// instance that is kept for it meanwhile would be of use to nobody, and a crowd
// of requests would all come to wait for what is free nine tenths of the time. So
// the first waiter is told to look, and whoever comes first has it; what is first
// for longer than its patience gets the next instance into its hands.
type waiter struct {
	turn   chan *instance // takes one: an instance, or nil: look
	since  time.Duration  // since epoch
	called bool           // it was told to look and has not looked yet
}

// callWaiter tells the first waiter to look: there is an instance, or the place
// to make one. The lock is held.
func (p *policy) callWaiter() {
	if len(p.pool.waiters) == 0 {
		return
	}
	if w := p.pool.waiters[0]; !w.called {
		w.called = true
		w.turn <- nil
	}
}

// overdue takes the first waiter out of the queue if it has been patient for long
// enough, nil else. The lock is held.
func (p *policy) overdue() *waiter {
	if len(p.pool.waiters) == 0 {
		return nil
	}
	w := p.pool.waiters[0]
	if w.called || clock()-w.since < patience {
		return nil
	}
	p.pool.waiters = slices.Delete(p.pool.waiters, 0, 1)
	return w
}

// await waits for an instance, or nil: the place to make one.
func (p *policy) await(w *waiter, hook abi.Hook, trial bool) (*instance, *plugins.CallError) {
	timer := time.NewTimer(acquireWait)
	defer timer.Stop()
	for {
		var in *instance
		late := false
		select {
		case in = <-w.turn:
		case <-timer.C:
			late = true
		}
		p.mu.Lock()
		if late {
			select {
			case in = <-w.turn: // at the last moment
			default:
			}
		}
		in, callErr, over := p.look(w, in, late, hook, trial)
		p.unlock()
		if over {
			return in, callErr
		}
	}
}

// look is a waiter's, with the instance that it was given, if any: is the wait
// over? The lock is held.
func (p *policy) look(w *waiter, in *instance, late bool, hook abi.Hook, trial bool) (_ *instance, _ *plugins.CallError, over bool) {
	w.called = false
	refused := p.breaker.open && !trial // those in front have failed: what waited behind them must not
	place := false
	if in == nil && !refused {
		if in = p.takeIdle(); in == nil && p.pool.alive < p.pool.max {
			p.pool.alive++
			place = true
		}
	}
	got := in != nil || place
	if !got && !refused && !late {
		return nil, nil, false
	}
	if i := slices.Index(p.pool.waiters, w); i >= 0 {
		p.pool.waiters = slices.Delete(p.pool.waiters, i, i+1)
	}
	if refused && in != nil {
		p.put(in)
	}
	p.callNext()
	switch {
	case refused:
		p.stats[hook].refused++
		return nil, p.breakerErrors[hook], true
	case !got:
		return nil, p.busy(hook, trial, fmt.Sprintf("all %d instances were in use for %v (%s)", p.pool.max, acquireWait, instancesKnob)), true
	}
	return in, nil, true
}

// callNext is for a waiter that leaves the queue: there may be something for the
// next one, too. The lock is held.
func (p *policy) callNext() {
	favourite := p.favourite.Load()
	if p.pool.alive < p.pool.max || len(p.pool.idle) > 0 || favourite != nil && favourite.free.Load() == 1 {
		p.callWaiter()
	}
}
