package service

import "time"

// state of a backend. A new one is unknown, takes no traffic, and becomes
// healthy by its first successful probe: healthy_after is about services that
// were lost, not about those that just came.
type state uint8

const (
	unknown state = iota
	healthy
	unhealthy
)

// recheck is how soon a service is asked again that is down or has no models
// yet: its return should not wait for a whole health interval.
const recheck = 2 * time.Second

// health is the state machine, guarded by backend.mu.
//
// Requests and probes have a run of failures each, because a success of one
// kind says nothing about the other: a service that drains fails its probes
// and answers requests, a service with a wedged engine does the reverse.
// unhealthy_after is compared with both runs together.
type health struct {
	state        state
	requestFails int
	probeFails   int
	probeOKs     int // in a row, while unhealthy
	// ejections counts how often requests took the service out while its probes
	// were fine, since the last request that succeeded. Each one doubles the
	// wait for the probe that lets it back in.
	ejections int
	reason    string // why it is not healthy or its models are not known
	probes    uint64
	lastProbe time.Time
}

// failed counts a failed request and reports whether it took the service out.
func (h *health) failed(after int) bool {
	if h.state != healthy {
		return false
	}
	h.requestFails++
	if h.requestFails+h.probeFails < after {
		return false
	}
	h.ejections++
	h.leave("too many failed requests in a row")
	return true
}

// succeeded counts a successful request. It never brings a service back.
func (h *health) succeeded() {
	if h.state == healthy {
		h.requestFails, h.ejections = 0, 0
	}
}

// probeFailed counts a failed probe and reports whether it took the service out.
func (h *health) probeFailed(after int, reason string) bool {
	h.probeOKs = 0
	h.probeFails++
	h.reason = reason
	if h.state != healthy || h.requestFails+h.probeFails < after {
		return false
	}
	h.leave(reason)
	return true
}

// probeSucceeded counts a successful probe and reports whether it brought the
// service in.
func (h *health) probeSucceeded(after int) bool {
	h.probeFails = 0
	if h.state == healthy {
		return false
	}
	h.probeOKs++
	if h.state == unhealthy && h.probeOKs < after {
		return false
	}
	h.state = healthy
	h.requestFails, h.probeOKs = 0, 0
	return true
}

func (h *health) leave(reason string) {
	h.state = unhealthy
	h.probeOKs = 0
	h.reason = reason
}

// pace returns the time until the next probe, before jitter.
func (h *health) pace(interval time.Duration, hasModels bool) time.Duration {
	if h.state == healthy && h.probeFails == 0 && hasModels {
		return interval
	}
	wait := recheck
	if h.state == unhealthy && h.probeFails == 0 {
		// Probes are fine and requests are not: do not believe the probes too soon.
		for n := h.ejections; n > 1 && wait < interval; n-- {
			wait *= 2
		}
	}
	return min(wait, interval)
}
