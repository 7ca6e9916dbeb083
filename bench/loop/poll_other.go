//go:build unix && !linux

package loop

import "time"

func newPoller() (poller, error) { return newPolled(), nil }

func exactTimers() func() { return func() {} }

// ThreadCPU returns the CPU time that the calling thread has used, 0 where that
// is not known, as here.
func ThreadCPU() time.Duration { return 0 }
