package forward

import (
	"sync"
	"sync/atomic"
	"time"
)

// Budget bounds what is sent beside the requests themselves, retries for
// example, to a share of the requests of the last budgetWindow seconds: when
// services fail under load, retries must not multiply that load. It is the
// windowed budget of Finagle's RetryBudget and Linkerd, with their ten seconds.
//
// All methods are safe for concurrent use and do nothing on nil: no limit.
type Budget struct {
	percent, floor uint64

	taking  sync.Mutex                  // one Take at a time counts and takes
	seconds [budgetWindow]atomic.Uint64 // by second: when<<40 | requests<<20 | taken
}

// budgetWindow is how many seconds a Budget looks back.
const budgetWindow = 10

// The parts of a second's word.
const (
	countBits = 20
	countMask = 1<<countBits - 1
	whenShift = 2 * countBits
	whenMask  = 1<<(64-whenShift) - 1
)

// NewBudget allows percent of the requests in the window, and never less than
// floor, so that a route with few requests can retry too.
func NewBudget(percent, floor int) *Budget {
	return &Budget{percent: uint64(percent), floor: uint64(floor)}
}

// Request counts one request. It does not allocate or lock.
func (b *Budget) Request(now time.Time) {
	if b != nil {
		b.add(now, 1<<countBits)
	}
}

// Take takes one from the budget, or reports that it is used up.
func (b *Budget) Take(now time.Time) bool {
	if b == nil {
		return true
	}
	b.taking.Lock()
	defer b.taking.Unlock()
	requests, taken := b.counts(now)
	if taken >= max(b.floor, requests*b.percent/100) {
		return false
	}
	b.add(now, 1)
	return true
}

// add puts one into the second of now, which may have to begin first.
func (b *Budget) add(now time.Time, one uint64) {
	when := uint64(now.Unix()) & whenMask
	second := &b.seconds[now.Unix()%budgetWindow]
	for {
		old := second.Load()
		next := old
		if old>>whenShift != when {
			next = when << whenShift
		}
		if full := one * countMask; next&full == full {
			return
		}
		if second.CompareAndSwap(old, next+one) {
			return
		}
	}
}

func (b *Budget) counts(now time.Time) (requests, taken uint64) {
	when := uint64(now.Unix()) & whenMask
	for i := range b.seconds {
		word := b.seconds[i].Load()
		if (when-word>>whenShift)&whenMask < budgetWindow {
			requests += word >> countBits & countMask
			taken += word & countMask
		}
	}
	return requests, taken
}
