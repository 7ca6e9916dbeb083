package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

const (
	// maxCalls and maxAge are an instance's life: a slow leak of the guest's, or
	// of its runtime's, must not need a restart of the router.
	maxCalls = 1_000_000
	maxAge   = time.Hour
)

// pool holds the instances of a policy. The favourite is taken first, then the
// last one given back, so that few stay warm in the processor's caches. Guarded
// by the policy's lock.
type pool struct {
	idle    []*instance // but for the favourite
	unused  int         // fewest that were idle at a time since the last sweep
	alive   int         // made or being made, idle or in use
	max     int
	waiters []*waiter // see wait.go
	closed  bool
}

// acquire takes an instance for a call of hook. It makes one while there are
// fewer than allowed, and waits a little when there are not.
func (p *policy) acquire(hook abi.Hook, x plugins.Exchange) (*instance, *plugins.CallError) {
	if !p.attention.Load() {
		if in := p.takeFavourite(); in != nil {
			return in, nil
		}
	}
	trial := false
	p.mu.Lock()
	if p.breaker.open {
		if trial = p.breaker.admit(time.Now()); !trial {
			p.stats[hook].refused++
			p.unlock()
			return nil, p.breakerErrors[hook]
		}
	}
	if in := p.takeIdle(); in != nil {
		p.unlock()
		in.trial = trial
		return in, nil
	}
	return p.acquireSlow(hook, x, trial)
}

// detach tells an exchange that wants to know that its call is not over at once.
func detach(x plugins.Exchange) {
	if d, ok := x.(plugins.Detacher); ok {
		d.Detach()
	}
}

// takeIdle takes an instance that is in no call, nil if there is none. The lock
// is held.
func (p *policy) takeIdle() *instance {
	if in := p.takeFavourite(); in != nil {
		return in
	}
	n := len(p.pool.idle) - 1
	if n < 0 {
		return nil
	}
	in := p.pool.idle[n]
	p.pool.idle = p.pool.idle[:n]
	p.pool.unused = min(p.pool.unused, n)
	return in
}

// acquireSlow is entered with the lock held and leaves it.
func (p *policy) acquireSlow(hook abi.Hook, x plugins.Exchange, trial bool) (*instance, *plugins.CallError) {
	var in *instance
	switch {
	case p.pool.alive < p.pool.max:
		p.pool.alive++
		p.unlock()
	case len(p.pool.waiters) >= waitersEach*p.pool.max:
		defer p.unlock()
		return nil, p.busy(hook, trial, fmt.Sprintf("all %d instances are in use and %d calls wait for one already (%s)",
			p.pool.max, len(p.pool.waiters), instancesKnob))
	default:
		p.attention.Store(true)
		if in = p.takeFavourite(); in != nil { // parked by a call that saw no attention
			p.unlock()
			break
		}
		w := &waiter{turn: make(chan *instance, 1), since: clock()}
		p.pool.waiters = append(p.pool.waiters, w)
		p.unlock()
		detach(x)
		var callErr *plugins.CallError
		if in, callErr = p.await(w, hook, trial); callErr != nil {
			return nil, callErr
		}
	}
	if in == nil { // ours to make
		detach(x)
		var err error
		if in, err = p.newInstance(); err != nil {
			e := p.callError(hook, plugins.FailureInstance, "no new instance: "+err.Error())
			p.mu.Lock()
			p.giveUpPlace()
			opened := p.noteFailure(e, trial)
			p.unlock()
			p.logOpened(opened)
			return nil, e
		}
	}
	in.trial = trial
	return in, nil
}

const instancesKnob = "policies.limits.instances"

// busy counts and returns the failure of a call that got no instance. That is
// no fault of the plugin's: it does not count for the breaker. The lock is held.
func (p *policy) busy(hook abi.Hook, trial bool, reason string) *plugins.CallError {
	e := p.callError(hook, plugins.FailureBusy, reason)
	if trial {
		p.breaker.abandon()
	}
	p.stats[hook].fail(e.Kind)
	p.lastError = e.Error()
	return e
}

// put makes an instance available again. The lock is held.
func (p *policy) put(in *instance) {
	if w := p.overdue(); w != nil {
		w.turn <- in
		return
	}
	if p.favourite.Load() == nil {
		p.favourite.Store(in)
	}
	if p.favourite.Load() == in {
		in.free.Store(1)
	} else {
		p.pool.idle = append(p.pool.idle, in)
	}
	p.callWaiter()
}

// giveUpPlace is for an instance that is no more: another one may be made in its
// place. The lock is held.
func (p *policy) giveUpPlace() {
	p.pool.alive--
	p.callWaiter()
}

// worn reports whether an instance has served its time: by calls, by age, or
// because its memory grew to three quarters of the limit in a hook. It is asked after every call, so a guest may well leave garbage collection to it.
func (p *policy) worn(in *instance) bool {
	if in.calls >= maxCalls || in.old {
		return true
	}
	return in.room.grown && in.memory.Size() > p.highWater
}

// warm makes the first instance, which says whether the config is right and
// which hooks it needs.
func (p *policy) warm() error {
	in, err := p.newInstance()
	if err != nil {
		return err
	}
	p.hooks &= in.call.Interest()
	p.pool.alive = 1
	p.pool.idle = make([]*instance, 0, p.pool.max)
	p.put(in)
	return nil
}

// drop closes n idle instances, those first that were idle for longest. The lock
// is held.
func (p *policy) drop(n int) error {
	if n <= 0 {
		return nil
	}
	var err error
	for _, in := range p.pool.idle[:n] {
		p.merge(in)
		err = errors.Join(err, in.close())
	}
	p.pool.idle = slices.Delete(p.pool.idle, 0, n)
	p.pool.alive -= n
	return err
}

// close closes all instances. None may be in use.
func (p *policy) close() error {
	p.mu.Lock()
	defer p.unlock()
	p.pool.closed = true
	if in := p.takeFavourite(); in != nil {
		p.favourite.Store(nil)
		p.pool.idle = append(p.pool.idle, in)
	}
	return p.drop(len(p.pool.idle))
}
