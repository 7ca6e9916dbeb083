package admission

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Priority is a class of requests. A higher class goes first, always: while it
// never ends, a lower one waits until its time is over.
type Priority uint8

// The classes, from the first to the last.
const (
	High Priority = iota
	Normal
	Low
	classes
)

// Priorities are all classes, from the first to the last.
var Priorities = [classes]Priority{High, Normal, Low}

var priorityNames = [classes]string{"high", "normal", "low"}

func (p Priority) String() string { return priorityNames[p] }

// ParsePriority is the class of a name; Normal for one that is none.
func ParsePriority(name string) Priority {
	for p, n := range priorityNames {
		if n == name {
			return Priority(p)
		}
	}
	return Normal
}

// Request is who waits.
type Request struct {
	Priority Priority
	Size     int             // as many may wait, this one included
	Timeout  time.Duration   // to wait at most
	Gone     <-chan struct{} // closed when its client has left; nil: never
	// Enter takes all that the request needs and reports true, or takes nothing.
	// Any goroutine may call it, with the queue locked: it must be quick and not
	// touch the queue. It is not called any more once Wait has returned.
	Enter func() bool
}

// End is how a wait ended.
type End string

// The ends of a wait.
const (
	Admitted   End = "admitted" // Enter has said true
	Full       End = "full"     // no room in the queue, or it was needed for a higher class
	Late       End = "late"     // the timeout passed
	ClientGone End = "client_gone"
)

// recheck is how often the first of a class tries by itself: what becomes free
// elsewhere, a service that is well again, wakes nobody.
const recheck = time.Second

// Queue is where requests wait. The zero Queue is empty and ready.
type Queue struct {
	waiting atomic.Int64

	mu    sync.Mutex
	lists [classes]list
	pace  pace
}

// waiter is a place in the queue.
type waiter struct {
	Request
	end        chan End // capacity 1: written once, when it is out of its list
	prev, next *waiter
	listed     bool
}

// Empty reports whether nobody waits.
func (q *Queue) Empty() bool { return q.waiting.Load() == 0 }

// Waiting returns how many wait in each class.
func (q *Queue) Waiting() [classes]int64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	var n [classes]int64
	for p := range q.lists {
		n[p] = int64(q.lists[p].n)
	}
	return n
}

// Wake offers what became free to those who wait. Whoever gave something back
// calls it afterwards; it costs next to nothing when nobody waits.
func (q *Queue) Wake() {
	if q.Empty() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.offer()
}

// Wait takes a place behind those of its class, and returns when the request was
// let in, or will not be. It returns at once when there is room.
func (q *Queue) Wait(r Request) End {
	w := &waiter{Request: r, end: make(chan End, 1)}
	q.enter(w)
	timer := time.NewTimer(r.Timeout)
	defer timer.Stop()
	again := time.NewTicker(recheck)
	defer again.Stop()
	for {
		select {
		case end := <-w.end:
			return end
		default:
		}
		select {
		case end := <-w.end:
			return end
		case <-r.Gone:
			return q.leave(w, ClientGone)
		case <-timer.C:
			return q.leave(w, Late)
		case <-again.C:
			q.again(w)
		}
	}
}

// enter lists w, lets in who can be, and makes room if there are too many.
func (q *Queue) enter(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.lists[w.Priority].push(w)
	q.waiting.Add(1) // before Enter is tried: who gives something back now calls Wake
	q.offer()
	if w.listed && q.waiting.Load() > int64(w.Size) {
		q.remove(q.last(), Full)
	}
}

// leave takes w out, unless its wait has ended otherwise meanwhile.
func (q *Queue) leave(w *waiter, end End) End {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.listed {
		q.remove(w, end)
	}
	return <-w.end
}

// again offers what may be free, once for all: the first of each class does it.
func (q *Queue) again(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lists[w.Priority].first == w {
		q.offer()
	}
}

// offer lets in who can be, in order.
func (q *Queue) offer() {
	for p := range q.lists {
		for w := q.lists[p].first; w != nil; {
			next := w.next
			if w.Enter() {
				q.pace.admitted(time.Now())
				q.remove(w, Admitted)
			}
			w = next
		}
	}
	if q.Empty() {
		q.pace.pause()
	}
}

// last is who came last of the lowest class.
func (q *Queue) last() *waiter {
	for p := len(q.lists) - 1; ; p-- {
		if w := q.lists[p].last; w != nil {
			return w
		}
	}
}

func (q *Queue) remove(w *waiter, end End) {
	q.lists[w.Priority].remove(w)
	q.waiting.Add(-1)
	w.end <- end
}

// RetryAfter is in how many seconds, 1 to 60, those who wait now will be in, as
// far as the last ones tell.
func (q *Queue) RetryAfter() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	seconds := q.pace.mean.Seconds() * float64(q.waiting.Load())
	return int(min(max(math.Ceil(seconds), 1), 60))
}

// pace is the mean time between two that were let in, while there was a queue.
type pace struct {
	mean time.Duration
	last time.Time // zero: there was no queue since
}

func (p *pace) admitted(now time.Time) {
	if !p.last.IsZero() {
		p.mean += (now.Sub(p.last) - p.mean) / 8
	}
	p.last = now
}

func (p *pace) pause() { p.last = time.Time{} }

// list is the waiters of one class in the order in which they came.
type list struct {
	first, last *waiter
	n           int
}

func (l *list) push(w *waiter) {
	w.listed, w.prev, w.next = true, l.last, nil
	if l.last == nil {
		l.first = w
	} else {
		l.last.next = w
	}
	l.last = w
	l.n++
}

func (l *list) remove(w *waiter) {
	if w.prev == nil {
		l.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		l.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.listed, w.prev, w.next = false, nil, nil
	l.n--
}
