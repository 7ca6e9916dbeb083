package service

import "time"

// state of a backend by its checks. A new one is unknown, takes no traffic, and
// becomes healthy by its first successful check: healthy_after is about services
// that were lost, not about those that just came.
type state uint8

const (
	unknown state = iota
	healthy
	unhealthy
)

// recheck is how soon a service is asked again that is down, whose requests
// fail, or that has no models yet: its return, and its end, should not wait for
// a whole health interval.
const recheck = 2 * time.Second

// health is what checks say of a service, guarded by backend.mu. What requests
// say is an outlier's.
//
// A failed check counts only when the service has answered no request since the
// check before: one that answers is busy, and a busy service is not a dead one.
type health struct {
	state      state
	probeFails int  // in a row, that count
	probeOKs   int  // in a row, while unhealthy
	excused    bool // the last check failed, and requests spoke for the service
	suspect    bool // requests failed since the last successful check
	reason     string
	probes     uint64
	lastProbe  time.Time
}

// probeFailed takes in a failed check; answered says that a request was
// answered since the check before. It reports whether that took the service out.
func (h *health) probeFailed(after int, answered bool, reason string) bool {
	h.probeOKs = 0
	h.reason = reason
	if h.state == healthy && answered {
		h.probeFails, h.excused = 0, true
		return false
	}
	h.excused = false
	h.probeFails++
	if h.state != healthy || h.probeFails < after {
		return false
	}
	h.state = unhealthy
	return true
}

// probeSucceeded takes in a successful check and reports whether it brought the
// service in.
func (h *health) probeSucceeded(after int) bool {
	h.probeFails, h.excused, h.suspect = 0, false, false
	if h.state == healthy {
		return false
	}
	h.probeOKs++
	if h.state == unhealthy && h.probeOKs < after {
		return false
	}
	h.state = healthy
	h.probeOKs = 0
	return true
}

// pace returns the time until the next check, before jitter.
func (h *health) pace(interval time.Duration, hasModels bool) time.Duration {
	if h.state == healthy && h.probeFails == 0 && hasModels && !h.suspect {
		return interval
	}
	return min(recheck, interval)
}
