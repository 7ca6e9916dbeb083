//go:build unix

package peer

import "golang.org/x/sys/unix"

// maxFiles is how many files a program that we start can have open, 65,536 at
// most: servers set tables aside for all they may have.
func maxFiles() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1024
	}
	return int(min(uint64(limit.Max), 1<<16))
}
