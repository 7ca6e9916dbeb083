//go:build linux

package loop

import (
	"sync"
	"time"
)

// watchdog finds loops that are stuck in one event, because what they run
// waits for something else or takes long, and starts another loop in place of
// each. The stuck one ends when it comes back.
type watchdog struct {
	mu      sync.Mutex
	loops   map[*runner]uint64 // what rounds was at the last look
	timer   *time.Timer
	resting bool // all loops are in bed
	stopped bool
}

// stuckAfter is how long a loop may be in one event, at least; up to twice as
// long.
const stuckAfter = 10 * time.Millisecond

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

// rouse starts looking again. Loops call it when they come out of bed.
func (d *watchdog) rouse() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.resting && !d.stopped {
		d.resting = false
		d.timer.Reset(stuckAfter)
	}
}

func (d *watchdog) look(g *Group) {
	d.mu.Lock()
	var stuck []*runner
	for r, before := range d.loops {
		now := r.rounds.Load()
		if now == before && r.busy.Load() && now > 0 {
			stuck = append(stuck, r)
			delete(d.loops, r)
			continue
		}
		d.loops[r] = now
	}
	switch {
	case d.stopped:
	case len(stuck) == 0 && g.bed.holds(len(d.loops)):
		d.resting = true
	default:
		d.timer.Reset(stuckAfter)
	}
	d.mu.Unlock()
	for _, r := range stuck {
		g.replace(r)
	}
}

// replace starts another loop with what a stuck one has not begun with.
func (g *Group) replace(r *runner) {
	left := r.retire()
	if !g.closed.Load() {
		g.startLoop(left)
	}
}
