package large

import "syscall"

// GiveWay lets other threads of the machine go first that wait for this
// processor: whoever works on megabytes calls it between two pieces. Nothing
// stops a thread within its slice of time, some milliseconds, and a reply that
// takes microseconds would wait as long. The call is raw, as all are on a request's
// way: what tells the scheduler of them wakes Go's monitor.
func GiveWay() { _, _, _ = syscall.RawSyscall(syscall.SYS_SCHED_YIELD, 0, 0, 0) }
