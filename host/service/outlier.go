package service

import (
	"fmt"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
)

// standing is what requests have made of a service.
type standing uint32

const (
	in      standing = iota // takes requests
	ejected                 // takes none, until its time is over
	onTrial                 // takes one at a time, and returns with the first that is answered
)

// outlier judges a service by its requests, guarded by backend.mu. It moves
// from in to ejected by failures, to onTrial by time, from there back in by an
// answer or to ejected again by a failure.
type outlier struct {
	standing standing
	row      int // failed requests since one succeeded
	recent   window
	// level counts ejections, each twice as long as the one before. A time in
	// service that is as long as the last ejection takes one off.
	level    int
	since    time.Time // when the standing began
	until    time.Time // end of the ejection
	ejection uint64    // all of them
	spared   uint64    // times that it should have gone, and too many others had
}

// observe counts a request and returns why the service must go, or "".
func (o *outlier) observe(r Result, now time.Time, c config.Outlier) string {
	o.recent.add(now, c.Window, r == Failed)
	if r == Succeeded {
		o.row = 0
	}
	if r != Failed {
		return ""
	}
	o.row++
	switch {
	case o.standing == ejected:
		return ""
	case o.standing == onTrial:
		return "a request failed while it was on trial"
	case c.ConsecutiveFailures > 0 && o.row >= c.ConsecutiveFailures:
		return fmt.Sprintf("%d requests failed in a row", o.row)
	case c.ErrorRate > 0:
		failed, all := o.recent.sum(now, c.Window)
		if all >= c.MinRequests && float64(failed) >= c.ErrorRate*float64(all) {
			return fmt.Sprintf("%d of %d requests failed within %s", failed, all, c.Window)
		}
	}
	return ""
}

// eject takes the service out and returns for how long.
func (o *outlier) eject(now time.Time, c config.Outlier) time.Duration {
	if o.standing == in {
		o.forgive(now, c)
	}
	o.level++
	d := ejectionOf(o.level, c)
	o.standing, o.since, o.until = ejected, now, now.Add(d)
	o.ejection++
	o.forget()
	return d
}

// forgive takes off the levels that the time in service has earned.
func (o *outlier) forgive(now time.Time, c config.Outlier) {
	for good := now.Sub(o.since); o.level > 0; o.level-- {
		if good -= ejectionOf(o.level, c); good < 0 {
			return
		}
	}
}

// spare lets the service stay though it should go, and starts counting afresh.
func (o *outlier) spare() {
	o.spared++
	o.forget()
}

func (o *outlier) forget() { o.row, o.recent = 0, window{} }

// admit brings the service back. One failure more, and before any success, and
// it is out again: a head that came is not yet a whole reply.
func (o *outlier) admit(now time.Time, c config.Outlier) {
	o.standing, o.since, o.until = in, now, time.Time{}
	o.forget()
	o.row = max(c.ConsecutiveFailures-1, 0)
}

// ejectionOf is how long an ejection of this level takes.
func ejectionOf(level int, c config.Outlier) time.Duration {
	d := c.BaseEjection
	for ; level > 1 && d < c.MaxEjection; level-- {
		d *= 2
	}
	return min(d, c.MaxEjection)
}
