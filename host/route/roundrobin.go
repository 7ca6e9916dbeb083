package route

import (
	"slices"
	"sync"

	"github.com/infinirouter/infinirouter/host/service"
)

// maxRings bounds the sets of candidates whose turn a route remembers. Models
// that the same services serve share one; scores and full services make more.
// When there are too many, all start again from the first service.
const maxRings = 1024

// roundRobin takes turns smoothly: with weights 5, 1 and 1 the order is
// a a b a c a a, not five times a in a row.
//
// Turns are kept for each set of candidates by itself. One shared count would
// let the requests for one model shift the turns of another, whose services
// overlap, in step with how the two happen to alternate.
type roundRobin struct {
	mu    sync.Mutex
	rings map[uint64]*ring
}

// ring is the turns among one list of services.
type ring struct {
	services []*service.Service
	credit   []int64
}

func newRoundRobin() *roundRobin { return &roundRobin{rings: make(map[uint64]*ring)} }

// Rank implements Balancer. Who follows the first is who stands next to it.
func (b *roundRobin) Rank(cands []Candidate, _ uint64, random func() uint64) []Candidate {
	cands = arrange(cands)
	for rest := cands; len(rest) > 0; {
		n := tier(rest)
		switch {
		case n == 1:
		case len(rest) == len(cands):
			rotate(rest[:n], b.turn(rest[:n]))
		default:
			// A lower tier is seldom tried, and takes no turn by being listed.
			rotate(rest[:n], int(below(uint64(n), random)))
		}
		rest = rest[n:]
	}
	return cands
}

// turn returns the position whose turn it is, and counts it. Every candidate
// earns its weight in credit, and the one with the most pays all of it.
func (b *roundRobin) turn(cands []Candidate) int {
	key := uint64(14695981039346656037)
	for i := range cands {
		key = (key ^ cands[i].Service.Serial()) * 1099511628211
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rings[key]
	if r == nil || !r.of(cands) {
		r = b.add(key, cands)
	}
	best, total := 0, int64(0)
	for i := range cands {
		w := cands[i].share
		total += w
		r.credit[i] += w
		if r.credit[i] > r.credit[best] {
			best = i
		}
	}
	r.credit[best] -= total
	return best
}

// add makes the ring for cands. It replaces another one with the same key.
func (b *roundRobin) add(key uint64, cands []Candidate) *ring {
	if len(b.rings) >= maxRings {
		clear(b.rings)
	}
	r := &ring{services: make([]*service.Service, len(cands)), credit: make([]int64, len(cands))}
	for i := range cands {
		r.services[i] = cands[i].Service
	}
	b.rings[key] = r
	return r
}

func (r *ring) of(cands []Candidate) bool {
	if len(r.services) != len(cands) {
		return false
	}
	for i := range cands {
		if r.services[i] != cands[i].Service {
			return false
		}
	}
	return true
}

// rotate moves the first n of cands to the end.
func rotate(cands []Candidate, n int) {
	slices.Reverse(cands[:n])
	slices.Reverse(cands[n:])
	slices.Reverse(cands)
}
