package service

import "time"

// standing returns what requests have made of the service.
func (b *backend) standing() standing { return standing(b.stands.Load()) }

// judge takes the service out for what its requests were, unless too many of
// its models' services are out already. A trial that failed only ends: the
// service was out before.
func (b *backend) judge(why string) {
	limits := b.wanted.Load().health.Outlier
	b.fleet.ejecting.Lock()
	defer b.fleet.ejecting.Unlock()
	retried := b.standing() == onTrial
	allowed := retried || b.fleet.spares(b, limits.MaxEjected)
	b.mu.Lock()
	o := &b.outlier
	b.health.suspect = true
	b.answered.Store(false) // what it answered before excuses nothing
	if !allowed || o.standing == ejected || b.health.state != healthy {
		if !allowed {
			o.spare()
		}
		b.mu.Unlock()
		b.nudge() // its checks may tell more, and soon
		return
	}
	d := o.eject(time.Now(), limits)
	level := o.level
	b.moved()
	if b.timer != nil {
		b.timer.Stop()
	}
	if b.refs > 0 {
		b.timer = time.AfterFunc(d, b.tryAgain)
	}
	b.mu.Unlock()
	b.nudge()
	b.log.Warn("service is ejected", "reason", why, "for", d.String(), "in_a_row", level)
}

// tryAgain ends the time of an ejection.
func (b *backend) tryAgain() {
	b.mu.Lock()
	o := &b.outlier
	over := o.standing == ejected && !time.Now().Before(o.until)
	if over {
		b.letTry()
	}
	b.mu.Unlock()
	if over {
		b.log.Info("service is on trial: one request at a time until it answers")
	}
}

// letTry puts the service on trial. The caller holds mu.
func (b *backend) letTry() {
	b.outlier.standing, b.outlier.since = onTrial, time.Now()
	b.trial.Store(false)
	b.tried.Store(false)
	b.moved()
}

// acquireTrial takes the slot of the one request that a service on trial gets.
// Slot and mark change together, so that endTrial can trust them.
func (s *Service) acquireTrial() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trial.Load() || !s.slot() {
		return false
	}
	s.trial.Store(true)
	s.tried.Store(true)
	return true
}

// endTrial frees the place of a trial whose end nobody observed, once nothing is
// open there.
func (b *backend) endTrial() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inFlight.Load() == 0 {
		b.trial.Store(false)
	}
}

// acquit brings a service on trial back, now that it answers.
func (b *backend) acquit() {
	b.mu.Lock()
	back := b.outlier.standing == onTrial && b.tried.Load()
	if back {
		b.admit()
		b.ramp.begin(b.wanted.Load().health.SlowStart)
	}
	b.mu.Unlock()
	if back {
		b.log.Info("service is back: it answered the request of its trial")
	}
}

// pardon ends an ejection before its time, because a model has no other service
// left that passes its checks.
func (b *backend) pardon(model string) {
	b.mu.Lock()
	out := b.outlier.standing != in
	if out {
		b.admit()
	}
	b.mu.Unlock()
	if out {
		b.log.Warn("service is no longer ejected: its model has no other", "model", model)
	}
}

// admit is the caller's with mu held.
func (b *backend) admit() {
	b.outlier.admit(time.Now(), b.wanted.Load().health.Outlier)
	if b.timer != nil {
		b.timer.Stop()
	}
	b.trial.Store(false)
	b.moved()
}

// moved shows the standing to those who read it without mu, and tells the
// indexes. The caller holds mu.
func (b *backend) moved() {
	b.stands.Store(uint32(b.outlier.standing))
	b.fleet.changed.Add(1)
}

// Answered says that the head of a reply has come that is no failure. It
// excuses the next failed check, and brings a service back whose trial it is.
func (s *Service) Answered() {
	s.Alive()
	if s.standing() == onTrial {
		s.acquit()
	}
}

// Alive says that the service has just sent more of a reply, and excuses the
// next failed check. It costs one load, so that every read of a stream can call
// it.
func (s *Service) Alive() {
	if !s.answered.Load() {
		s.answered.Store(true)
	}
}
