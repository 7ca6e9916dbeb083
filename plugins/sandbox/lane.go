package sandbox

import (
	"runtime"
	"sync"
	"time"
)

// lane is what a guest that runs for longer than a slice of fuel must be in.
// Honest hooks end long before that. There is one place less than there are
// processors: compiled code gives a processor back at the end of a slice only,
// and while guests hold all of them nobody looks whether a request has come or a
// reply has gone on. The places go round slice by slice, first come, first
// served.
//
// The host's own long work for a guest has places apart, as many: it can be
// stopped at any time and takes many slices at once, so nobody should have to
// wait for it slice by slice.
type lane struct {
	places chan struct{}
	host   chan struct{}
	alone  bool // there is one processor: guests give way between slices
}

func newLane(processors int) *lane {
	n := max(processors-1, 1)
	return &lane{places: make(chan struct{}, n), host: make(chan struct{}, n), alone: processors == 1}
}

func (l *lane) enter() { l.places <- struct{}{} }

func (l *lane) leave() {
	<-l.places
	if l.alone {
		runtime.Gosched()
	}
}

const (
	// shareBurst is the processor time that a policy may have saved up: a few
	// collections of a Go guest's garbage. It is also for how long honest requests
	// may feel it at full strength.
	shareBurst = 15 * time.Millisecond
	// shareDebt is what it may be behind: several guests at once, each in a long
	// call of the router's. They pause until it is paid back, not so briefly that
	// going to sleep is most of it, and not so long that clients give up.
	shareDebt = 100 * time.Millisecond
	// sendByte is what a byte that a policy wrote takes when its hook is over: it is
	// put together with the rest and sent.
	sendByte      = time.Nanosecond
	shortestPause = time.Millisecond
	longestPause  = 500 * time.Millisecond
)

// share is how much of a processor a policy may take, over time, in the lane, for
// making and closing instances and for sending what it wrote: a bucket of
// processor time that fills at that rate. Safe for concurrent use.
type share struct {
	rate float64 // of one processor

	mu   sync.Mutex
	left time.Duration
	last time.Duration // since epoch
}

func newShare(percent int) *share {
	return &share{rate: float64(percent) / 100, left: shareBurst, last: clock()}
}

// spendSince takes the time since then, whose pause comes with the next spend.
func (s *share) spendSince(began time.Duration) {
	now := clock()
	s.spend(now-began, now)
}

// spend takes time that was used until now, and returns how long to pause for
// it.
func (s *share) spend(used, now time.Duration) (pause time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = min(s.left+time.Duration(float64(now-s.last)*s.rate), shareBurst)
	s.last = now
	s.left = max(s.left-used, -shareDebt)
	if pause = time.Duration(float64(-s.left) / s.rate); pause < shortestPause {
		return 0
	}
	return min(pause, longestPause)
}
