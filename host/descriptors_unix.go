//go:build unix

package host

import "golang.org/x/sys/unix"

// descriptorsAllow is how many connections of clients this process has
// descriptors for. Go has raised the limit as far as it may.
func descriptorsAllow() int64 {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	return allowed(uint64(limit.Cur))
}
