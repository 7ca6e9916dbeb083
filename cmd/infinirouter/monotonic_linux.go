package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// monotonicMicroseconds is what MONOTONIC_USEC wants: CLOCK_MONOTONIC's time.
func monotonicMicroseconds() (int64, bool) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0, false
	}
	return ts.Nano() / int64(time.Microsecond), true
}
