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
	resting atomic.Bool // nothing happened between two looks

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

// rouse starts looking again. Loops call it before they handle what happened.
func (d *watchdog) rouse() {
	if d.resting.Load() && d.resting.Swap(false) {
		d.again()
	}
}

func (d *watchdog) again() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.stopped {
		d.timer.Reset(stuckAfter)
	}
}

func (d *watchdog) look(g *Group) {
	d.mu.Lock()
	var stuck []*runner
	idle := true
	for r, before := range d.loops {
		now, busy := r.rounds.Load(), r.busy.Load()
		if now == before && busy && now > 0 {
			stuck = append(stuck, r)
			delete(d.loops, r)
			continue
		}
		if now != before || busy {
			idle = false
		}
		d.loops[r] = now
	}
	d.mu.Unlock()
	for _, r := range stuck {
		g.replace(r)
	}
	if d.resting.Store(idle && len(stuck) == 0); !d.resting.Load() {
		d.again()
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for r := range d.loops {
		if r.busy.Load() && d.resting.Swap(false) && !d.stopped { // it did not see us resting
			d.timer.Reset(stuckAfter)
		}
	}
}

// replace starts another loop with what a stuck one has not begun with.
func (g *Group) replace(r *runner) {
	left := r.retire()
	if !g.closed.Load() {
		g.startLoop(left)
	}
}
