package telemetry

import (
	"io"
	"sync"
)

const (
	// maxQueued is how many bytes of lines may wait for the writer.
	maxQueued = 8 << 20
	// maxKept is how large a buffer may be to be used again.
	maxKept = 1 << 20
)

// queue is the memory between those who log and the goroutine that writes:
// lines that come while a write is under way go out together in the next.
type queue struct {
	w io.Writer
	// missing returns the line that says how many were dropped.
	missing func(lines uint64) []byte

	mu      sync.Mutex
	changed sync.Cond // any of what follows, for the goroutine and those who wait for it
	lines   []byte    // waiting
	taken   uint64    // bytes that ever came to wait
	put     uint64    // of those, bytes that w was given
	dropped uint64    // lines, since it was last said
	closing bool
	ended   bool // the goroutine is gone
	err     error
}

func newQueue(w io.Writer, missing func(lines uint64) []byte) *queue {
	q := &queue{w: w, missing: missing}
	q.changed.L = &q.mu
	go q.run()
	return q
}

// Write takes one line. It fails never, and waits only for a copy of memory.
func (q *queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		q.keep(q.give(line))
		return len(line), nil
	}
	if len(q.lines) > 0 && len(q.lines)+len(line) > maxQueued {
		q.dropped++
		return len(line), nil
	}
	if len(q.lines) == 0 {
		q.changed.Broadcast()
	}
	q.lines = append(q.lines, line...)
	q.taken += uint64(len(line))
	return len(line), nil
}

// run writes lines out until close, and then what is left.
func (q *queue) run() {
	var spare []byte
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for len(q.lines) == 0 && !q.closing {
			q.changed.Wait()
		}
		if len(q.lines) == 0 {
			q.ended = true
			q.changed.Broadcast()
			return
		}
		batch, dropped := q.lines, q.dropped
		q.lines, q.dropped = spare[:0], 0
		q.mu.Unlock()
		size := uint64(len(batch))
		if dropped > 0 {
			batch = append(batch, q.missing(dropped)...)
		}
		err := q.give(batch)
		if spare = batch; cap(spare) > maxKept {
			spare = nil
		}
		q.mu.Lock()
		q.put += size
		q.keep(err)
		q.changed.Broadcast()
	}
}

func (q *queue) give(lines []byte) error {
	_, err := q.w.Write(lines)
	return err
}

// keep remembers the first error.
func (q *queue) keep(err error) {
	if q.err == nil {
		q.err = err
	}
}

func (q *queue) flush() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for until := q.taken; q.put < until; {
		q.changed.Wait()
	}
	return q.err
}

func (q *queue) close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closing = true
	q.changed.Broadcast()
	for !q.ended {
		q.changed.Wait()
	}
	return q.err
}
