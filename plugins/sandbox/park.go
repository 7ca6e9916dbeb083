package sandbox

import "github.com/infinirouter/infinirouter/plugins/native"

// Most calls find nobody in their way. One instance, policy.favourite, is for
// them: a call takes it and puts it back with one atomic operation each. The lock
// guards all others, and who the favourite is. Nothing else that is shared is
// written by such a call: what it did is in the instance's own tally, which
// whoever has the instance may read.
//
// Who needs calls to come by the lock sets attention: while calls wait for an
// instance, while the breaker is open and when the policy is closed. Attention
// is set before the favourite is looked at for the last time, and a call that
// parks it looks at attention after that: so one of the two sees the other, and
// no instance is left where nobody looks.

// takeFavourite takes the favourite, nil if it is in use or there is none. The
// lock need not be held.
func (p *policy) takeFavourite() *instance {
	// One that was given up since stays taken for ever.
	// To look first leaves its memory to who uses it.
	if in := p.favourite.Load(); in != nil && in.free.Load() == 1 && in.free.CompareAndSwap(1, 0) {
		return in
	}
	return nil
}

// park puts an instance back without the lock, and reports whether it could.
func (p *policy) park(in *instance) bool {
	if p.favourite.Load() != in || p.attention.Load() {
		return false
	}
	in.free.Store(1)
	if p.attention.Load() {
		p.reclaim()
	}
	return true
}

// reclaim has what is parked go the way of the lock: to a call that waits, or to
// its end in a policy that is closed.
func (p *policy) reclaim() {
	if in := p.takeFavourite(); in != nil {
		p.doneSlowly(in, false)
	}
}

// giveUp is for an instance that nobody may use again. The lock is held.
func (p *policy) giveUp(in *instance) {
	p.merge(in)
	if p.favourite.Load() == in {
		p.favourite.Store(nil)
	}
	p.giveUpPlace()
}

// unlock says, before it leaves the lock, whether calls must come by it.
func (p *policy) unlock() {
	if now := p.breaker.open || len(p.pool.waiters) > 0 || p.pool.closed; now != p.attention.Load() {
		p.attention.Store(now)
	}
	p.mu.Unlock()
}

// done gives an instance back after a call that went well.
func (p *policy) done(in *instance, t sample) {
	in.tally[t.hook].add(t)
	if worn := p.worn(in); worn || in.trial || t.timed || !p.park(in) {
		p.doneSlowly(in, worn)
	}
}

// doneSlowly is done by the lock. Every timed call comes here, so that no figure
// is old for long.
func (p *policy) doneSlowly(in *instance, worn bool) {
	trial := in.trial
	in.trial = false
	p.mu.Lock()
	p.merge(in)
	if trial {
		p.breaker.close()
	}
	if worn || p.pool.closed {
		p.giveUp(in)
		p.unlock()
		p.closeInstance(in)
	} else {
		p.put(in)
		p.unlock()
	}
	if trial {
		p.logger.Info("policy works again, calling it", "policy", p.name)
	}
}

// discard closes an instance after a call that failed.
func (p *policy) discard(in *instance, t sample, f *native.Failure) error {
	e := p.callError(t.hook, f.Kind, f.Reason)
	p.mu.Lock()
	p.giveUp(in)
	p.stats[t.hook].spend(t.fuel)
	opened := p.noteFailure(e, in.trial)
	p.unlock()
	p.logOpened(opened)
	p.closeInstance(in)
	return e
}
