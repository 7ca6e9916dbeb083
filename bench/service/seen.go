package service

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// Seen is one inference request as the service saw it, at the moment of asking.
type Seen struct {
	// ID is the request's X-Fake-Id, or its X-Request-Id where it has none.
	ID     string      `json:"id"`
	Method string      `json:"method"`
	Path   string      `json:"path"` // with the query
	Header http.Header `json:"header"`
	Host   string      `json:"host"`
	Body   []byte      `json:"-"`
	Model  string      `json:"model"`
	Stream bool        `json:"stream"`
	Remote string      `json:"remote"` // the connection's other end
	Time   time.Time   `json:"time"`   // when the whole body was in

	Status int `json:"status"` // 0 while no head was sent
	Events int `json:"events"` // pieces of the reply's body written so far
	// Done: the handler ended. Left: the client's connection closed before the
	// reply was complete, LeftAfter after Time.
	Done      bool          `json:"done"`
	Left      bool          `json:"left"`
	LeftAfter time.Duration `json:"left_after"`
	// Waiting: the stream stands at its gate and waits for Step.
	Waiting bool `json:"waiting"`
}

// recorder keeps the last requests and tells waiters of every change.
type recorder struct {
	mu      sync.Mutex
	keep    int
	seen    []*Seen
	open    int
	maxOpen int
	total   int
	left    int
	changed chan struct{} // closed and replaced at each change
}

func (r *recorder) init(keep int) {
	r.keep = keep
	r.changed = make(chan struct{})
}

// begin records a request and counts it as open; end must follow.
func (r *recorder) begin(s *Seen) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open++
	r.maxOpen = max(r.maxOpen, r.open)
	r.total++
	if r.keep > 0 {
		if len(r.seen) == r.keep {
			r.seen = append(r.seen[:0:0], r.seen[1:]...)
		}
		r.seen = append(r.seen, s)
	}
	r.tell()
}

// end ends a request; left says that its client went before the reply was complete.
func (r *recorder) end(s *Seen, left bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open--
	if left {
		r.left++
	}
	s.Done = true
	s.Waiting = false
	r.tell()
}

// change changes a recorded request under the lock.
func (r *recorder) change(f func()) {
	if r.keep < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	r.tell()
}

// tell wakes the waiters. The caller holds mu.
func (r *recorder) tell() {
	if r.keep < 0 && r.open > 0 {
		return // only waitIdle listens
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *recorder) waitIdle() {
	for {
		r.mu.Lock()
		open, changed := r.open, r.changed
		r.mu.Unlock()
		if open == 0 {
			return
		}
		<-changed
	}
}

// Requests returns copies of the recorded inference requests, oldest first.
// Header and Body are shared and must not be changed.
func (s *Service) Requests() []Seen {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	out := make([]Seen, len(s.log.seen))
	for i, r := range s.log.seen {
		out[i] = *r
	}
	return out
}

// Total returns how many inference requests have arrived, recorded or not.
func (s *Service) Total() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.total
}

// Stats are counts of inference requests, recorded or not.
type Stats struct {
	Requests  int `json:"requests"`
	Open      int `json:"open"` // being answered now
	MaxOpen   int `json:"max_open"`
	Cancelled int `json:"cancelled"` // whose client left before the reply was complete
}

// Stats returns what has arrived so far.
func (s *Service) Stats() Stats {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return Stats{Requests: s.log.total, Open: s.log.open, MaxOpen: s.log.maxOpen, Cancelled: s.log.left}
}

// OpenRequests returns how many inference requests are being answered.
func (s *Service) OpenRequests() int {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	return s.log.open
}

// Forget drops the recorded requests.
func (s *Service) Forget() {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.log.seen = nil
}

// Wait blocks until a recorded request satisfies ok and returns a copy of it,
// or ctx's error. ok is called with the record's lock held: it must not call
// the service.
func (s *Service) Wait(ctx context.Context, ok func(Seen) bool) (Seen, error) {
	for {
		s.log.mu.Lock()
		changed := s.log.changed
		for _, r := range s.log.seen {
			if ok(*r) {
				found := *r
				s.log.mu.Unlock()
				return found, nil
			}
		}
		s.log.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Seen{}, ctx.Err()
		}
	}
}

// WaitIdle blocks until no inference request is open, or returns ctx's error.
func (s *Service) WaitIdle(ctx context.Context) error {
	for {
		s.log.mu.Lock()
		open, changed := s.log.open, s.log.changed
		s.log.mu.Unlock()
		if open == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
