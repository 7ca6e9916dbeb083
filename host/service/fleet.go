package service

import (
	"math"
	"sync"
	"sync/atomic"
)

// fleet is what sets and backends of one router have in common: it outlives
// every generation.
type fleet struct {
	changed atomic.Uint64 // counts what changes the sets' indexes
	newest  atomic.Pointer[Set]

	ejecting sync.Mutex // held while one service goes, so that two do not at once
	mu       sync.Mutex
	leaving  []*Service // left the configuration with requests open
}

// spares reports whether b may be ejected: of no model that it serves do more
// than the share go, and of each another service is left.
func (f *fleet) spares(b *backend, share float64) bool {
	set := f.newest.Load()
	if set == nil || set.byName[b.id.name] == nil || set.byName[b.id.name].backend != b {
		return false
	}
	for _, m := range set.byName[b.id.name].Models() {
		all, out := 0, 1
		for _, s := range set.all {
			if s.cfg.Drain || !s.healthy.Load() || !s.HasModel(m.ID) {
				continue
			}
			all++
			if s.backend != b && s.standing() != in {
				out++
			}
		}
		if out > ejectable(all, share) {
			return false
		}
	}
	return true
}

// ejectable is how many of so many services may be out at a time: the share of
// them, one at least, and never all. A share of 0 is none.
func ejectable(all int, share float64) int {
	if share <= 0 {
		return 0
	}
	return min(max(int(math.Floor(share*float64(all)+1e-9)), 1), all-1)
}
