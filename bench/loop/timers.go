//go:build unix

package loop

// Timers are things to do, the earliest first. An entry cannot be taken out:
// whoever is called must see by itself that it is no longer wanted, for which
// Add takes a number that comes back.
type Timers[T any] struct{ heap []timer[T] }

type timer[T any] struct {
	when int64
	what T
	mark uint64
}

// Add has Next return what and mark at when.
func (t *Timers[T]) Add(when int64, what T, mark uint64) {
	h := append(t.heap, timer[T]{when, what, mark})
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if h[parent].when <= h[i].when {
			break
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
	t.heap = h
}

// First returns when the earliest is due, Never when there is none.
func (t *Timers[T]) First() int64 {
	if len(t.heap) == 0 {
		return Never
	}
	return t.heap[0].when
}

// Next takes out the earliest and returns it if it is due at now.
func (t *Timers[T]) Next(now int64) (what T, mark uint64, ok bool) {
	h := t.heap
	if len(h) == 0 || h[0].when > now {
		return what, 0, false
	}
	first := h[0]
	last := len(h) - 1
	h[0] = h[last]
	h[last] = timer[T]{}
	t.heap = h[:last]
	t.sink()
	return first.what, first.mark, true
}

// sink moves the root to its place.
func (t *Timers[T]) sink() {
	h := t.heap
	for i := 0; ; {
		child := 4*i + 1
		if child >= len(h) {
			return
		}
		for c := child + 1; c < min(child+4, len(h)); c++ {
			if h[c].when < h[child].when {
				child = c
			}
		}
		if h[i].when <= h[child].when {
			return
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}
