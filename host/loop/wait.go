//go:build linux

package loop

import (
	"net"
	"os"
	"sync/atomic"
	"time"
)

// wait returns when one of bits is set, with an error at the deadline or when
// the connection is closed.
func (c *Conn) wait(by *worker, slot *atomic.Pointer[parker], deadline *atomic.Int64, bits uint32) error {
	p := parkerOf(by)
	slot.Store(p)
	err := c.waitFor(p, deadline, bits)
	slot.Store(nil)
	if p.worker == nil {
		goroutines.Put(p)
	}
	return err
}

// waitEither waits until the connection can be read or written, to the write
// deadline.
func (c *Conn) waitEither() error {
	p := parkerOf(c.owner)
	c.reader.Store(p)
	c.writer.Store(p)
	err := c.waitFor(p, &c.writeDeadline, canRead|canWrite|hungUp)
	c.reader.Store(nil)
	c.writer.Store(nil)
	if p.worker == nil {
		goroutines.Put(p)
	}
	return err
}

func (c *Conn) waitFor(p *parker, deadline *atomic.Int64, bits uint32) error {
	for {
		if over, err := c.isOver(deadline, bits); over {
			return err
		}
		p.wait()
	}
}

// isOver reports whether a wait is over, and how.
func (c *Conn) isOver(deadline *atomic.Int64, bits uint32) (bool, error) {
	switch at := deadline.Load(); {
	case c.ready.Load()&bits != 0:
		return true, nil
	case c.isClosed():
		return true, net.ErrClosed
	case at != 0 && at <= time.Now().UnixNano():
		if bits&canRead != 0 && c.HasInput() { // the event that says so waits for its loop
			c.ready.Or(canRead)
			return true, nil
		}
		return true, os.ErrDeadlineExceeded
	}
	return false, nil
}

// parkerOf returns the parker of a worker, or one for a goroutine.
func parkerOf(w *worker) *parker {
	if w != nil {
		return &w.parker
	}
	return goroutines.Get().(*parker)
}

// past reports whether a deadline is one that was over when it was set, as
// those are by which others interrupt: time need not be asked for.
func past(deadline int64) bool { return deadline != 0 && deadline < longAgo }

var longAgo = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()
