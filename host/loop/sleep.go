//go:build linux

package loop

import "time"

// A reply that streams is silent most of the time. A worker that waits for its
// next event keeps a stack of eight kilobytes or more, and has to bring all of
// it back into the processor's caches for each. So the client's connection can
// sleep: Serve returns, and is called again when there is something to do, in
// whichever worker was used last.

// Sleep has nobody serve c, a client's, until on, a service's that is bound to it,
// can be read, is closed, or its read deadline has come. It reports whether c
// sleeps. Then Serve has to return at once, and to touch nothing of c or on: another
// worker may be with them already. That one calls Wake first. It may have been
// called for nothing, and sleep again.
func (c *Conn) Sleep(on *Conn) bool {
	p, w := &c.sleeper, c.owner
	if w == nil {
		return false
	}
	c.owner, on.owner = nil, nil
	on.reader.Store(p)
	for {
		if over, _ := on.isOver(&on.readDeadline, canRead|hungUp); over {
			break
		}
		if p.settle() {
			return true
		}
	}
	c.owner = w
	c.Wake(on)
	return false
}

// Wake ends a Sleep of c's, in the worker that serves c again.
func (c *Conn) Wake(on *Conn) {
	on.reader.Store(nil)
	on.owner = c.owner
}

// Rest is for a server that ended a request without a Read between requests: c
// waits for the next one, until then.
func (c *Conn) Rest(until time.Time) {
	_ = c.SetReadDeadline(until)
	c.resting.Store(true)
}

// Ahead reports whether Read has something that the socket has no more.
func (c *Conn) Ahead() bool { return c.r < c.w }
