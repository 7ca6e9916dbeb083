//go:build unix && !linux

package forward

import "golang.org/x/sys/unix"

// hungUp reports whether the peer has closed its side of the socket or the
// connection is broken. There is no POLLRDHUP here: with a pipelined request
// waiting, a hang-up behind it is not seen.
func hungUp(fd uintptr) bool {
	var b [1]byte
	for {
		n, _, err := unix.Recvfrom(int(fd), b[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		switch err {
		case nil:
			return n == 0
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return false
		}
		return true
	}
}
