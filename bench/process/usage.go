package process

import "time"

// Usage is what a process and its descendants use, summed. Pages that they share
// count for each.
type Usage struct {
	CPU       time.Duration // since they started, to the nanosecond; ended children included
	User      time.Duration // of CPU
	System    time.Duration // of CPU
	RSS       int64         // bytes of memory now
	PeakRSS   int64         // the most that each has had, summed
	FDs       int           // open file descriptors
	Threads   int
	Processes int
}

// Since returns what was used between two readings: times are differences, the
// rest is as it is in u.
func (u Usage) Since(before Usage) Usage {
	u.CPU -= before.CPU
	u.User -= before.User
	u.System -= before.System
	return u
}
