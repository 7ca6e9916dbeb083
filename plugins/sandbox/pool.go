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
	// acquireWait bounds the wait for an instance when all are in use.
	acquireWait = 100 * time.Millisecond
	// maxCalls is an instance's life in calls: a slow leak of the guest's, or
	// of its runtime's, must not need a restart of the router.
	maxCalls = 1_000_000
)

// pool holds the instances of a policy. The last one given back is the first
// one taken, so that few stay warm in the processor's caches. Guarded by the
// policy's lock.
type pool struct {
	idle    []*instance
	alive   int // made or being made, idle or in use
	max     int
	waiters []chan *instance // first come, first served
	closed  bool
}

// acquire takes an instance for a call of hook. It makes one while there are
// fewer than allowed, and waits a little when there are not.
func (p *policy) acquire(hook abi.Hook) (*instance, *plugins.CallError) {
	trial := false
	p.mu.Lock()
	if p.breaker.open {
		if trial = p.breaker.admit(time.Now()); !trial {
			p.mu.Unlock()
			return nil, p.breakerErrors[hook]
		}
	}
	if n := len(p.pool.idle); n > 0 {
		in := p.pool.idle[n-1]
		p.pool.idle = p.pool.idle[:n-1]
		p.mu.Unlock()
		in.trial = trial
		return in, nil
	}
	return p.acquireSlow(hook, trial)
}

// acquireSlow is entered with the lock held and leaves it.
func (p *policy) acquireSlow(hook abi.Hook, trial bool) (*instance, *plugins.CallError) {
	var in *instance
	if p.pool.alive < p.pool.max {
		p.pool.alive++
		p.mu.Unlock()
	} else {
		turn := make(chan *instance, 1)
		p.pool.waiters = append(p.pool.waiters, turn)
		p.mu.Unlock()
		var ok bool
		if in, ok = p.await(turn); !ok {
			return nil, p.busy(hook, trial)
		}
	}
	if in == nil { // ours to make
		var err error
		if in, err = p.newInstance(); err != nil {
			e := p.callError(hook, plugins.FailureInstance, "no new instance: "+err.Error())
			p.mu.Lock()
			p.giveUpPlace()
			opened := p.noteFailure(e, trial)
			p.mu.Unlock()
			p.logOpened(opened)
			return nil, e
		}
	}
	in.trial = trial
	return in, nil
}

// await waits for a turn: an instance, or nil for the place to make one.
func (p *policy) await(turn chan *instance) (*instance, bool) {
	timer := time.NewTimer(acquireWait)
	defer timer.Stop()
	select {
	case in := <-turn:
		return in, true
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.pool.waiters, turn); i >= 0 {
		p.pool.waiters = slices.Delete(p.pool.waiters, i, i+1)
		return nil, false
	}
	return <-turn, true // it came at the last moment
}

func (p *policy) busy(hook abi.Hook, trial bool) *plugins.CallError {
	e := p.callError(hook, plugins.FailureBusy, fmt.Sprintf(
		"all %d instances were in use for %v (policies.limits.instances)", p.pool.max, acquireWait))
	p.mu.Lock()
	defer p.mu.Unlock()
	if trial {
		p.breaker.abandon()
	}
	// No fault of the plugin: it does not count for the breaker.
	p.stats[hook].Calls++
	p.stats[hook].Failures++
	p.lastError = e.Error()
	return e
}

// put makes an instance available again. The lock is held.
func (p *policy) put(in *instance) {
	if len(p.pool.waiters) > 0 {
		turn := p.pool.waiters[0]
		p.pool.waiters = slices.Delete(p.pool.waiters, 0, 1)
		turn <- in
		return
	}
	p.pool.idle = append(p.pool.idle, in)
}

// giveUpPlace is for an instance that is no more: who waits first may make
// another one in its place. The lock is held.
func (p *policy) giveUpPlace() {
	if len(p.pool.waiters) > 0 {
		turn := p.pool.waiters[0]
		p.pool.waiters = slices.Delete(p.pool.waiters, 0, 1)
		turn <- nil
		return
	}
	p.pool.alive--
}

// worn reports whether an instance has served its time: by calls, or because
// its memory grew to three quarters of the limit since it was made. It is asked
// after every call, so a guest may well leave garbage collection to it.
func (p *policy) worn(in *instance) bool {
	if in.calls >= maxCalls {
		return true
	}
	size := in.memory.Size()
	return size > p.highWater && size > in.born
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
	p.pool.idle = append(make([]*instance, 0, p.pool.max), in)
	return nil
}

// close closes all instances. None may be in use.
func (p *policy) close() error {
	p.mu.Lock()
	idle := p.pool.idle
	p.pool.idle, p.pool.alive, p.pool.closed = nil, p.pool.alive-len(idle), true
	p.mu.Unlock()
	var err error
	for _, in := range idle {
		err = errors.Join(err, in.close())
	}
	return err
}
