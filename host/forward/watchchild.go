package forward

import (
	"slices"

	"github.com/infinirouter/infinirouter/host/loop"
)

// A child of a Watch watches the same client for a part of the work: it closes
// a connection of its own when the client leaves, and its part alone can be
// called off.

// Child returns a child of w, which may be nil. aside says that a goroutine of
// its own does that part, and not the one that serves the client. The part is
// over before w is stopped; then Dismiss.
func (w *Watch) Child(aside bool) *Watch {
	c := &Watch{child: true, parent: w, aside: aside, gone: make(chan struct{})}
	if w == nil {
		return c
	}
	w.mu.Lock()
	w.children = append(w.children, c)
	left := w.left.Load()
	w.mu.Unlock()
	if left {
		c.HungUp()
	}
	return c
}

// CallOff ends the part that a child is for, as if its client had left.
func (w *Watch) CallOff() { w.HungUp() }

// Dismiss lets the parent forget a child.
func (w *Watch) Dismiss() {
	if p := w.parent; p != nil {
		p.mu.Lock()
		p.children = slices.DeleteFunc(p.children, func(c *Watch) bool { return c == w })
		p.mu.Unlock()
	}
}

// tellChildren tells the children that the client has left. The caller holds mu.
func (w *Watch) tellChildren() {
	for _, c := range w.children {
		c.HungUp()
	}
}

// armChild arms the parent.
func (w *Watch) armChild() <-chan struct{} {
	switch p := w.parent; {
	case p == nil:
	case p.client != nil:
		w.detach()
		p.armLoop(false)
	default:
		p.arm()
	}
	return w.gone
}

// worker is the client's connection on the loops, when the worker that serves
// it does what this Watch is for; else nil.
func (w *Watch) worker() *loop.Conn {
	switch {
	case w == nil || w.aside:
		return nil
	case w.parent != nil:
		return w.parent.worker()
	}
	return w.client
}

// adopt makes client, of which the trip's Watch is a child, the trip's own, and
// the one who serves client the reader of the reply. It says no when the client
// has left.
func (t *trip) adopt(client *Watch) bool {
	if !t.held {
		return !client.Gone()
	}
	t.client.unbind()
	t.client = client
	if t.looped != nil && client.eager() {
		t.looped.Bind(client.worker())
	}
	return client.bind(t.conn)
}

// Adopt hands a Reply of a Send under a child of client to whoever serves
// client, who alone uses it from now on. It reports whether the client is still
// there.
func (r *Reply) Adopt(client *Watch) bool { return r.t.adopt(client) }
