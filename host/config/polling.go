package config

import (
	"fmt"
	"strings"
	"time"
)

// Polling is [load]: how services are asked for their own metrics.
type Polling struct {
	Interval time.Duration
	Timeout  time.Duration
	Expire   time.Duration // after a good look, until its figures count no more
}

func loadSchema(l *Polling) []key {
	return []key{
		duration("interval", &l.Interval, time.Second, 10*time.Millisecond, "Between two looks at a service's own metrics."),
		duration("timeout", &l.Timeout, time.Second, time.Millisecond, "For one look."),
		duration("expire", &l.Expire, 10*time.Second, 10*time.Millisecond, "How long the figures of the last good look count."),
	}
}

// load checks what no value alone tells.
func (r *reader) load(l *Polling) {
	if l.Expire < l.Interval {
		r.fail(r.root.field("load").field("expire"), "is under interval, %s: no figure would last until the next", SpellDuration(l.Interval))
	}
}

func checkMetrics(s string) error {
	switch {
	case s == MetricsAuto || s == MetricsOff:
		return nil
	case strings.HasPrefix(s, "/"):
		return checkURLPath(s)
	}
	return fmt.Errorf(`%q is neither "auto", "off" nor a path such as "/metrics"`, s)
}

// PollsLoad reports whether a route balances by what services say of their
// load: then metrics = "auto" means to ask them.
func (c *Config) PollsLoad() bool {
	for i := range c.Routes {
		if c.Routes[i].Balance == BalanceLeastLoad {
			return true
		}
	}
	return false
}
