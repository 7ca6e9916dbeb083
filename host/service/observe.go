package service

import "time"

// Result says how a request ended, as far as the service is to blame.
type Result uint8

const (
	// Succeeded: the service answered.
	Succeeded Result = iota
	// Failed: the service caused the failure. It could not be reached, broke the
	// protocol, was too slow, or answered that it is not available.
	Failed
	// Errored: the service answered, and its answer says that it failed on this
	// request (500). It counts as an error and says nothing of its health: a
	// client that repeats such a request must not take the service out.
	Errored
	// Neutral: nothing was learnt about the service; the client left.
	Neutral
)

// Shares of the newest request in the moving averages: response time follows
// the last 10 requests or so, the error rate the last 20.
const (
	timeShare  = 0.1
	errorShare = 0.05
)

// averages are moving averages, guarded by backend.mu.
type averages struct {
	responseTime float64 // seconds
	errorRate    float64
	responded    bool
}

func (a *averages) observe(failed bool, responseTime time.Duration) {
	outcome := 0.0
	if failed {
		outcome = 1
	}
	a.errorRate += errorShare * (outcome - a.errorRate)
	if failed {
		return // a refusal is quick, and must not make a broken service look fast
	}
	if !a.responded {
		a.responded, a.responseTime = true, responseTime.Seconds()
		return
	}
	a.responseTime += timeShare * (responseTime.Seconds() - a.responseTime)
}

// Observe counts one request that was sent to the service, or that could not
// be. Called once per request and service. responseTime counts when r is
// Succeeded. Failures can eject the service at once, see outlier. It does not
// allocate, unless it logs that.
func (s *Service) Observe(r Result, responseTime time.Duration) {
	b := s.backend
	b.requests.Add(1)
	switch r {
	case Failed, Errored:
		b.errors.Add(1)
	case Succeeded:
		s.Answered()
	}
	if r == Errored || r == Neutral {
		b.trial.Store(false) // nothing was learnt, and another may try
	}
	if r == Neutral {
		return
	}
	b.mu.Lock()
	b.load.observe(r != Succeeded, responseTime)
	why := b.outlier.observe(r, time.Now(), b.wanted.Load().health.Outlier)
	b.mu.Unlock()
	if why != "" {
		b.judge(why)
	}
}

// Figures are a backend's numbers at one moment.
type Figures struct {
	Requests     uint64  // requests sent or tried, each once
	Errors       uint64  // those that the service failed
	ResponseTime float64 // moving average over successful requests, seconds
	ErrorRate    float64 // moving average, 0 to 1
	InFlight     int64
	Healthy      bool
	State        string    // "healthy", "unknown", "unhealthy", "ejected", "trial" or "draining"
	Ejections    uint64    // how often requests took it out
	Spared       uint64    // how often they should have, and too few would have been left
	EjectedUntil time.Time // zero unless State is "ejected"
	Share        float64   // of its weight that it gets: below 1 in a slow start
	Probes       uint64
	LastProbe    time.Time // end of the last probe, zero before the first
	// Reason is why the service is not healthy, its last probe failed, or its
	// models could not be read; "" when there is nothing to say.
	Reason string
}

// Figures returns the backend's numbers, of all generations together.
func (s *Service) Figures() Figures {
	b := s.backend
	b.mu.Lock()
	defer b.mu.Unlock()
	state := s.state()
	until := time.Time{}
	if state == "ejected" {
		until = b.outlier.until
	}
	return Figures{
		State: state, Ejections: b.outlier.ejection, Spared: b.outlier.spared, EjectedUntil: until,
		Share:        float64(b.ramp.share()) / fullShare,
		Requests:     b.requests.Load(),
		Errors:       b.errors.Load(),
		ResponseTime: b.load.responseTime,
		ErrorRate:    b.load.errorRate,
		InFlight:     b.inFlight.Load(),
		Healthy:      s.Healthy(),
		Probes:       b.health.probes,
		LastProbe:    b.health.lastProbe,
		Reason:       b.health.reason,
	}
}

// state is the most telling word about the service. The caller holds mu.
func (s *Service) state() string {
	b := s.backend
	switch {
	case s.cfg.Drain || b.draining.Load():
		return "draining"
	case b.health.state == unknown:
		return "unknown"
	case b.health.state == unhealthy:
		return "unhealthy"
	case b.outlier.standing == ejected:
		return "ejected"
	case b.outlier.standing == onTrial:
		return "trial"
	}
	return "healthy"
}
