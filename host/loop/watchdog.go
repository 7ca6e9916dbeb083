//go:build linux

package loop

import (
	"sync"
	"sync/atomic"
	"time"
)

// watchdog finds loops that are stuck in one event, because what they run
// waits for something else or takes long, and starts another loop in place of
// each. The stuck one ends when it comes back.
type watchdog struct {
	resting atomic.Bool // nothing happened between two looks: the timer does not run

	mu      sync.Mutex
	loops   map[*runner]uint64 // what rounds was at the last look
	timer   *time.Timer
	stopped bool
}

// stuckAfter is how long a loop may be in one event, at least; up to twice as
// long.
const stuckAfter = 20 * time.Millisecond

func (d *watchdog) watch(r *runner) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.loops == nil {
		d.loops = map[*runner]uint64{}
		g := r.group
		d.timer = time.AfterFunc(stuckAfter, func() { d.look(g) })
	}
	d.loops[r] = 0
}

func (d *watchdog) forget(r *runner) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.loops, r)
}

func (d *watchdog) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopped = true
	d.timer.Stop()
}

// rouse has it look again. Loops call it when they begin with what happened.
func (d *watchdog) rouse() {
	if !d.resting.Load() || !d.resting.Swap(false) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stopped {
		d.timer.Reset(stuckAfter)
	}
}

func (d *watchdog) look(g *Group) {
	// Before the loops are looked at: one that is missed below, because it begins
	// with something meanwhile, rouses.
	d.resting.Store(true)
	d.mu.Lock()
	var stuck []*runner
	idle := true
	for r, before := range d.loops {
		now, busy := r.rounds.Load(), r.busy.Load()
		if now == before && !busy {
			continue
		}
		idle = false
		if now == before && now > 0 {
			stuck = append(stuck, r)
			delete(d.loops, r)
			continue
		}
		d.loops[r] = now
	}
	d.mu.Unlock()
	for _, r := range stuck {
		g.replace(r)
	}
	if !idle {
		d.rouse()
	}
}

// replace starts another loop with what a stuck one has not begun with.
func (g *Group) replace(r *runner) {
	left := r.retire()
	if !g.closed.Load() {
		g.startLoop(left)
	}
}
