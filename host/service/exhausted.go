package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// exhaustedError: this process has nothing left to open a connection with,
// which is no fault of the service's.
type exhaustedError struct{ cause error }

func (e *exhaustedError) Error() string {
	return fmt.Sprintf("no file descriptor left for a connection: %v", e.cause)
}

func (e *exhaustedError) Unwrap() error { return e.cause }

// Exhausted tells it apart where this package is not known.
func (e *exhaustedError) Exhausted() bool { return true }

// open opens a connection. While the process has no descriptor left it tries
// again, until ctx ends: others give theirs back all the time.
func (d *dialer) open(ctx context.Context) (net.Conn, error) {
	const first, longest = 5 * time.Millisecond, 200 * time.Millisecond
	for wait := first; ; wait = min(2*wait, longest) {
		conn, err := d.net.DialContext(ctx, "tcp", d.address)
		if err == nil || !isExhausted(err) {
			return conn, err
		}
		if !another(ctx, wait) {
			return nil, &exhaustedError{err}
		}
	}
}

// another waits, and reports whether there is time for another try. It gives up
// a little early: the caller's own timer must not speak first.
func another(ctx context.Context, wait time.Duration) bool {
	if deadline, bounded := ctx.Deadline(); bounded && time.Until(deadline) < 2*wait {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}

func isExhausted(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// learnNothing says whether a failed probe was the router's own fault: then the
// service is as it was.
func learnNothing(err error) bool { return errors.As(err, new(*exhaustedError)) }
