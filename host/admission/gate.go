package admission

import "sync/atomic"

// Gate counts requests in flight under one limit. The limit may change at any
// time; requests that are in stay. The zero Gate has none.
type Gate struct {
	limit atomic.Int64
	n     atomic.Int64
}

// SetLimit makes n the limit from now on; 0 is none.
func (g *Gate) SetLimit(n int) { g.limit.Store(int64(n)) }

// Limit returns the limit, 0 for none.
func (g *Gate) Limit() int64 { return g.limit.Load() }

// InFlight returns how many are in.
func (g *Gate) InFlight() int64 { return g.n.Load() }

// Full reports whether Enter would fail now.
func (g *Gate) Full() bool {
	limit := g.limit.Load()
	return limit > 0 && g.n.Load() >= limit
}

// Enter lets one in, unless the gate is full. Every success is followed by one
// Leave.
func (g *Gate) Enter() bool {
	limit := g.limit.Load()
	if limit <= 0 {
		g.n.Add(1)
		return true
	}
	for {
		n := g.n.Load()
		if n >= limit {
			return false
		}
		if g.n.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Leave undoes Enter. Whoever waits in a queue hears of it by Queue.Wake.
func (g *Gate) Leave() { g.n.Add(-1) }
