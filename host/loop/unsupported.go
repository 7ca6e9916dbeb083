//go:build !linux

package loop

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"time"
)

// Options are what a Group works with.
type Options struct {
	Loops  int
	Serve  func(any) bool
	Logger *slog.Logger
}

// Group is loops that share their connections: none here.
type Group struct{}

// HangupWatcher hears that a client has gone.
type HangupWatcher interface{ HungUp() }

// Conn is a connection on the loops: never made here.
type Conn struct{ net.TCPConn }

// New says errors.ErrUnsupported.
func New(Options) (*Group, error) { return nil, errors.ErrUnsupported }

func (*Group) Close() {}
func (*Group) Drain() {}

func (*Group) Draining() bool { return false }

func (*Group) Accepted(*net.TCPConn, time.Duration, func(*Conn) any) error {
	return errors.ErrUnsupported
}
func (*Group) Dialled(*net.TCPConn) (*Conn, error) { return nil, errors.ErrUnsupported }

func (*Conn) Ahead() bool                    { return false }
func (*Conn) Await()                         {}
func (*Conn) Aside() io.Writer               { return nil }
func (*Conn) Between()                       {}
func (*Conn) Bind(*Conn)                     {}
func (*Conn) CloseWrite() error              { return errors.ErrUnsupported }
func (*Conn) Detach()                        {}
func (*Conn) HasInput() bool                 { return false }
func (*Conn) Now() time.Time                 { return time.Now() }
func (*Conn) ReadWanted([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (*Conn) Rest(time.Time)                 {}
func (*Conn) Resting() bool                  { return false }
func (*Conn) Sleep(*Conn) bool               { return false }
func (*Conn) Unbind()                        {}
func (*Conn) Wake(*Conn)                     {}
func (*Conn) Watch(*HangupWatcher)           {}
func (*Conn) Within()                        {}
func (*Conn) WriteUnlessRead(_ []byte, _ [][]byte) (int, bool, error) {
	return 0, false, errors.ErrUnsupported
}
