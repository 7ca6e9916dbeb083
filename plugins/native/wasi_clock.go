package native

import "math"

const (
	clockRealtime  = 0
	clockMonotonic = 1
	clockLast      = 3

	clockResolution = 1000 // nanoseconds

	subscriptionSize = 48
	eventSize        = 32
	maxSubscriptions = 64
	eventClock       = 0
	absoluteTime     = 1
)

func clockRes(c *Call, s []uint64) uint64 {
	if uint32(s[0]) > clockLast {
		return errnoInval
	}
	setLong(c.view(s[1], 8), clockResolution)
	return errnoSuccess
}

// clockTime tells the exchange's time. An instance serves exchanges in any
// order, and a runtime's monotonic clock must not run backwards: it stops
// until an exchange is later than all before.
func clockTime(c *Call, s []uint64) uint64 {
	t := c.now().UnixNano()
	switch id := uint32(s[0]); {
	case id > clockLast:
		return errnoInval
	case id != clockRealtime:
		c.mono = max(c.mono, t)
		t = c.mono
	}
	setLong(c.view(s[2], 8), uint64(t))
	return errnoSuccess
}

// pollOneoff never waits. Timers are over at once: the monotonic clock is set
// forward to the soonest, so a guest that sleeps neither holds an instance nor
// spins. Descriptors are never ready: there are none to wait for.
func pollOneoff(c *Call, s []uint64) uint64 {
	n := uint32(s[2])
	if n == 0 || n > maxSubscriptions {
		return errnoInval
	}
	subs := c.view(s[0], uint64(n)*subscriptionSize)
	events := c.view(s[1], uint64(n)*eventSize)
	count := c.view(s[3], 4)

	c.mono = max(c.mono, c.now().UnixNano())
	soonest, ready := int64(math.MaxInt64), false
	for i := range n {
		sub := subs[i*subscriptionSize:][:subscriptionSize]
		if sub[8] != eventClock {
			ready = true
			continue
		}
		soonest = min(soonest, c.deadline(sub))
	}
	if ready {
		soonest = c.mono
	}
	// A guest whose events overlap its subscriptions reads garbage; so do we,
	// within its memory.
	written := uint32(0)
	for i := range n {
		sub := subs[i*subscriptionSize:][:subscriptionSize]
		user, kind, errno := long(sub), sub[8], uint16(errnoBadf)
		if kind == eventClock {
			if c.deadline(sub) > soonest {
				continue
			}
			errno = errnoSuccess
		}
		event := events[written*eventSize:][:eventSize]
		clear(event)
		setLong(event, user)
		setShort(event[8:], errno)
		event[10] = kind
		written++
	}
	c.mono = max(c.mono, soonest)
	setWord(count, written)
	return errnoSuccess
}

// deadline is when a clock subscription ends, on the monotonic clock.
func (c *Call) deadline(sub []byte) int64 {
	timeout := long(sub[24:])
	if sub[40]&absoluteTime != 0 {
		return int64(min(timeout, math.MaxInt64))
	}
	return c.mono + int64(min(timeout, uint64(math.MaxInt64-c.mono)))
}

// randomGet fills the guest's buffer from the exchange's sequence.
func randomGet(c *Call, s []uint64) uint64 {
	// Drawing is dearer than copying, which view charges for.
	c.charge(uint32(min(uint64(uint32(s[1]))*4, math.MaxUint32)))
	b := c.view(s[0], s[1])
	for len(b) >= 8 {
		setLong(b, c.next())
		b = b[8:]
	}
	if len(b) > 0 {
		var last [8]byte
		setLong(last[:], c.next())
		copy(b, last[:])
	}
	return errnoSuccess
}
