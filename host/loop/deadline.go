//go:build linux

package loop

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// sweeper ends waits whose deadline has come. Deadlines are set several times a
// request and almost never come, so setting one is a store: what is kept in
// order is only when to look at all of them next.
type sweeper struct {
	group *Group
	next  atomic.Int64 // Unix nanoseconds
	mu    sync.Mutex
	timer *time.Timer
	ended bool
}

func (s *sweeper) start(g *Group) {
	s.group = g
	s.next.Store(math.MaxInt64)
	s.timer = time.AfterFunc(time.Hour, s.sweep)
}

func (s *sweeper) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.timer.Stop()
}

// expect sees to it that there is a look at the time at.
func (s *sweeper) expect(at int64) {
	if at >= s.next.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at < s.next.Load() && !s.ended {
		s.next.Store(at)
		s.timer.Reset(time.Duration(max(at-time.Now().UnixNano(), 0)))
	}
}

// sweep looks at all deadlines. Those that are set meanwhile and come before
// the next look move that.
func (s *sweeper) sweep() {
	s.next.Store(math.MaxInt64)
	now, next := time.Now().UnixNano(), int64(math.MaxInt64)
	s.group.table.each(func(c *Conn) {
		next = min(next, c.due(c.readDeadline.Load(), now, s.group.overdueRead), c.due(c.writeDeadline.Load(), now, s.group.overdueWrite))
	})
	if next != math.MaxInt64 {
		s.expect(max(next, now+int64(time.Millisecond)))
	}
}

// due calls overdue when a deadline has come, and returns it otherwise.
func (c *Conn) due(at, now int64, overdue func(*Conn)) int64 {
	switch {
	case at == 0:
		return math.MaxInt64
	case at > now:
		return at
	}
	overdue(c)
	return math.MaxInt64
}

func (g *Group) overdueRead(c *Conn) {
	if p := c.reader.Load(); p != nil {
		g.notifyAside(p)
	}
	if c.client && c.served.CompareAndSwap(false, true) {
		if at := c.readDeadline.Load(); at != 0 && at <= time.Now().UnixNano() && !c.somethingToServe() {
			c.abandon()
			return
		}
		go g.drive(g.hire(c), nil)
	}
}

func (g *Group) overdueWrite(c *Conn) {
	if p := c.writer.Load(); p != nil {
		g.notifyAside(p)
	}
}
