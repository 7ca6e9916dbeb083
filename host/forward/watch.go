package forward

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/infinirouter/infinirouter/host/loop"
)

// Watch notices that a client has hung up and closes the service's connection
// that works for it.
//
// It costs nothing until a reply is slow (patience): then one goroutine waits
// in Go's poller on the client's socket and looks at the socket's state
// whenever that changes. Nothing is read: a pipelined request stays where it
// is, and a hang-up behind it is still seen, because the poller reports the
// end of the peer's stream whether or not there are bytes before it.
//
// A client that closes only its sending side counts as gone, as with other
// proxies: from here the two cannot be told apart.
//
// A nil Watch never fires. A Watch is used for one Send at a time.
type Watch struct {
	client *loop.Conn         // the client's connection, when loops serve it
	self   loop.HangupWatcher // what client is told of: this Watch
	conn   net.Conn           // else it, nil when it cannot be watched
	sys    syscall.Conn       // the same
	left   atomic.Bool

	child, aside bool // see Child
	parent       *Watch
	children     []*Watch // guarded by mu

	mu      sync.Mutex
	armed   bool
	stopped bool
	victim  net.Conn      // closed when the client leaves
	gone    chan struct{} // made when armed, closed when the client leaves
	joined  chan struct{} // closed when the goroutine has ended
}

// NewWatch watches the client at the other end of conn, the server's side of
// its connection. TLS and wrappers that have NetConn are seen through; where
// there is no socket behind conn, the Watch never fires.
//
// The server must not read the connection until Stop has returned.
func NewWatch(conn net.Conn) *Watch {
	w := &Watch{}
	raw, ok := socketOf(conn)
	if c, looped := raw.(*loop.Conn); looped {
		w.client, w.self = c, w
		return w
	}
	if ok {
		w.conn, w.sys = raw, raw.(syscall.Conn)
	}
	return w
}

// socketOf returns the connection under conn that has a file descriptor.
func socketOf(conn net.Conn) (net.Conn, bool) {
	for {
		if _, looped := conn.(*loop.Conn); looped {
			return conn, true // before those that take the runtime longer
		}
		outer, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			_, ok = conn.(syscall.Conn)
			return conn, ok
		}
		conn = outer.NetConn()
	}
}

// Gone reports whether the client was seen to hang up.
func (w *Watch) Gone() bool { return w != nil && w.left.Load() }

// Stop ends the watch and waits until nothing of it touches the connection.
// The read deadline of the connection is then what it was before: none. Stop
// may be called again.
func (w *Watch) Stop() {
	if w == nil {
		return
	}
	w.mu.Lock()
	armed := w.armed && !w.stopped
	w.stopped = true
	w.victim = nil
	w.mu.Unlock()
	if !armed {
		return
	}
	if w.client != nil {
		w.client.Watch(nil)
		return
	}
	_ = w.conn.SetReadDeadline(past)
	<-w.joined
	_ = w.conn.SetReadDeadline(time.Time{})
}

// past is a deadline that has been reached, whatever the clock says.
var past = time.Unix(1, 0)

// arm starts the goroutine, once. The channel that it returns is closed when
// the client leaves; it is nil where that is never seen.
func (w *Watch) arm() <-chan struct{} {
	if w == nil {
		return nil
	}
	if w.child {
		return w.armChild()
	}
	if w.client != nil {
		w.client.Detach() // the caller is about to wait on what it gets
		return w.armLoop(true)
	}
	if w.sys == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.armed || w.stopped {
		return w.gone
	}
	raw, err := w.sys.SyscallConn()
	if err != nil {
		return nil
	}
	w.armed = true
	w.gone, w.joined = make(chan struct{}), make(chan struct{})
	_ = w.conn.SetReadDeadline(time.Time{})
	go w.wait(raw)
	return w.gone
}

// armLoop has the client's loop tell of the hang-up, which costs nothing. The
// channel is made where somebody wants to wait on it.
func (w *Watch) armLoop(wanted bool) <-chan struct{} {
	w.mu.Lock()
	first := !w.armed && !w.stopped
	w.armed = w.armed || first
	if wanted && w.gone == nil {
		if w.gone = make(chan struct{}); w.left.Load() {
			close(w.gone)
		}
	}
	gone := w.gone
	w.mu.Unlock()
	if first {
		w.client.Watch(&w.self)
	}
	return gone
}

// HungUp implements loop.HangupWatcher.
func (w *Watch) HungUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.left.Load() {
		return
	}
	w.left.Store(true)
	if w.victim != nil {
		interrupt(w.victim)
	}
	w.tellChildren()
	if w.gone != nil {
		close(w.gone)
	}
}

// eager reports whether the watch is armed from the start, and patience has no
// use.
func (w *Watch) eager() bool { return w.worker() != nil }

// detach lets the request's worker go on in a goroutine, before it waits for
// something else than a connection of the loops.
func (w *Watch) detach() {
	if c := w.worker(); c != nil {
		c.Detach()
	}
}

// wait ends when the client leaves, its connection is closed here, or Stop
// sets the read deadline.
func (w *Watch) wait(raw syscall.RawConn) {
	defer close(w.joined)
	err := raw.Read(hungUp)
	if err != nil && (errors.Is(err, os.ErrDeadlineExceeded) || w.isStopped()) {
		return
	}
	w.left.Store(true)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.victim != nil {
		interrupt(w.victim)
	}
	w.tellChildren()
	close(w.gone)
}

func (w *Watch) isStopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped
}

// bind makes conn the one to close. It says no when the client has left.
func (w *Watch) bind(conn net.Conn) bool {
	if w == nil {
		return true
	}
	if w.client != nil {
		w.armLoop(false)
	} else if w.parent != nil && w.parent.client != nil {
		w.parent.armLoop(false)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left.Load() {
		return false
	}
	w.victim = conn
	return true
}

// unbind promises that the Watch does not touch the bound connection any more.
// It comes before every release and close, so that a connection that serves
// somebody else is never closed.
func (w *Watch) unbind() {
	if w == nil {
		return
	}
	w.mu.Lock()
	w.victim = nil
	w.mu.Unlock()
}

// interrupt closes the socket under conn: what waits on conn fails at once,
// and the service sees the close. A TLS goodbye would have to wait for a write
// in progress.
func interrupt(conn net.Conn) {
	if raw, ok := socketOf(conn); ok {
		conn = raw
	}
	_ = conn.Close()
}
