package sandbox

import (
	"context"
	"time"
)

// sweepEvery is how often instances that nobody needed are looked for.
const sweepEvery = time.Minute

// trimEvery is how many sweeps apart the folder of compiled code is looked at.
const trimEvery = 60

// sweeper looks after all policies of a Loader until Close.
type sweeper struct {
	stop context.CancelFunc
	done chan struct{}
}

func (l *Loader) startSweeper() {
	ctx, stop := context.WithCancel(context.Background())
	l.sweeper = sweeper{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(l.sweeper.done)
		tick := time.NewTicker(sweepEvery)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				for _, p := range l.policies.values() {
					l.quietly("close unused instances", p.sweep())
				}
				if n%trimEvery == 0 {
					l.quietly("trim the folder of compiled plugins", trimCache(l.cacheDir, cacheBytes))
				}
			}
		}
	}()
}

func (s *sweeper) close() {
	s.stop()
	<-s.done
}

// sweep closes the instances that were idle all the time since the sweep
// before, so that what a burst made does not stay; one always stays, ready. It
// also begins a new span of the recent figures.
func (p *policy) sweep() error {
	p.mu.Lock()
	defer p.unlock()
	p.mergeIdle()
	for h := range p.stats {
		p.stats[h].turn()
	}
	// The lock is held while they are closed: that is quick, no guest runs, and
	// whoever releases the policy waits until all of it is gone.
	err := p.drop(min(p.pool.unused, p.pool.alive-1))
	p.pool.unused = len(p.pool.idle)
	return err
}
