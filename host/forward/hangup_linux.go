package forward

import "golang.org/x/sys/unix"

// hungUp reports whether the peer has closed its side of the socket or the
// connection is broken. POLLRDHUP says so even with unread bytes before the
// end, where peeking would only see the bytes.
func hungUp(fd uintptr) bool {
	fds := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	for {
		_, err := unix.Poll(fds[:], 0)
		if err == nil {
			return fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0
		}
		if err != unix.EINTR {
			return false
		}
	}
}
