package telemetry

import (
	"sync/atomic"
	"time"
)

const (
	reloadOK      = "ok"
	reloadRefused = "refused"
)

// lastReload is how the last reload went.
type lastReload struct {
	generation atomic.Uint64
	at         atomic.Int64 // Unix milliseconds, 0 before the first
	refused    atomic.Bool
}

func (l *lastReload) okay() float64 {
	if l.refused.Load() {
		return 0
	}
	return 1
}

func (l *lastReload) seconds() float64 { return float64(l.at.Load()) / 1000 }

// ReloadDone counts a reload; generation is the one that runs after it.
func (m *Metrics) ReloadDone(ok bool, generation uint64) {
	result := reloadOK
	if !ok {
		result = reloadRefused
	}
	m.reloads.WithLabelValues(result).Inc()
	m.last.refused.Store(!ok)
	m.last.generation.Store(generation)
	m.last.at.Store(time.Now().UnixMilli())
}
