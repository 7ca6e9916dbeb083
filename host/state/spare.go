package state

import (
	"slices"
	"sync"
)

const (
	// spareBytes is how much memory of removed values is kept for new ones at most;
	// in a small store, a 16th of what it may hold.
	spareBytes = 1 << 20
	// spareLeast is how large a value is that is worth it.
	spareLeast = 1 << 10
)

// spare keeps the memory of values that were removed. A policy that floods the
// store makes as many new values as it evicts old ones: without this each would
// be garbage, and collecting it is work that no fuel pays for. Safe for
// concurrent use.
type spare struct {
	mu   sync.Mutex
	held [][]byte // those kept last at the end
	size int      // of all, bytes
	max  int      // of size
}

// keep takes over the memory of a value that nobody uses any more.
func (s *spare) keep(value []byte) {
	n := cap(value)
	if n < spareLeast || n > s.max {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	drop := 0
	for s.size += n; s.size > s.max; drop++ { // what lay here for longest is of no use
		s.size -= cap(s.held[drop])
	}
	s.held = append(slices.Delete(s.held, 0, drop), value[:0])
}

// take returns memory for n bytes, at most most, or nil if there is none.
func (s *spare) take(n, most int) []byte {
	if n < spareLeast {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.held) - 1; i >= 0; i-- {
		if c := cap(s.held[i]); c >= n && c <= most {
			b := s.held[i]
			s.held = slices.Delete(s.held, i, i+1)
			s.size -= c
			return b
		}
	}
	return nil
}
