package sandbox

import (
	"errors"
	"sync"
)

// registry shares values by key and counts who holds them. A value is made
// once, by the first to ask, without holding the lock; the last release takes
// it out and hands it over to be closed.
type registry[K comparable, V any] struct {
	mu sync.Mutex
	m  map[K]*entry[V]
}

type entry[V any] struct {
	refs  int
	ready chan struct{} // closed when value and err are set
	value V
	err   error
}

// acquire returns the value of key, made by create if nobody holds one. Who
// waits for another's create shares its error. The key counts as held after a
// nil error only.
func (r *registry[K, V]) acquire(key K, create func() (V, error)) (V, error) {
	r.mu.Lock()
	if e, ok := r.m[key]; ok {
		e.refs++
		r.mu.Unlock()
		<-e.ready
		return e.value, e.err
	}
	e := &entry[V]{refs: 1, ready: make(chan struct{})}
	if r.m == nil {
		r.m = map[K]*entry[V]{}
	}
	r.m[key] = e
	r.mu.Unlock()

	e.err = errPanicked // what those who wait get if create does not return
	defer func() {
		if e.err != nil {
			r.mu.Lock()
			delete(r.m, key)
			r.mu.Unlock()
		}
		close(e.ready)
	}()
	e.value, e.err = create()
	return e.value, e.err
}

var errPanicked = errors.New("loading it failed in another goroutine")

// release gives one hold on key back; the last one closes the value.
func (r *registry[K, V]) release(key K, closeValue func(V)) {
	r.mu.Lock()
	e, ok := r.m[key]
	last := false
	if ok {
		e.refs--
		if last = e.refs == 0; last {
			delete(r.m, key)
		}
	}
	r.mu.Unlock()
	if last {
		closeValue(e.value)
	}
}

// size is the number of values that are held.
func (r *registry[K, V]) size() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.m)
}

// values are those that are held now, without a hold of the caller's: each may
// be closed at any time. What is being made is left out.
func (r *registry[K, V]) values() []V {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]V, 0, len(r.m))
	for _, e := range r.m {
		select {
		case <-e.ready:
			if e.err == nil {
				out = append(out, e.value)
			}
		default:
		}
	}
	return out
}
