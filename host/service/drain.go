package service

import "slices"

// drain says whether the newest configuration still wants the service to take
// requests, and logs where that changed.
func (b *backend) drain(leaves bool, why string) {
	if b.draining.Swap(leaves) == leaves {
		return
	}
	if !leaves {
		b.log.Info("service drains no longer")
		return
	}
	open := b.inFlight.Load()
	b.log.Info("service is draining: it gets nothing new", "reason", why, "open", open)
	if open == 0 {
		b.drained()
	}
}

func (b *backend) drained() { b.log.Info("service has drained: nothing is open there") }

// leave remembers services that the newest set has no more.
func (f *fleet) leave(services []*Service) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaving = append(slices.DeleteFunc(f.leaving, idle), services...)
}

func idle(s *Service) bool { return s.inFlight.Load() == 0 }

// Leaving returns the services that were taken out of router.toml, or replaced,
// and still have requests open, oldest first.
func (s *Set) Leaving() []*Service {
	f := s.fleet
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leaving = slices.DeleteFunc(f.leaving, idle)
	return slices.Clone(f.leaving)
}
