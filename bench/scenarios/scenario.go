package scenarios

import (
	"time"

	"github.com/infinirouter/infinirouter/bench/report"
)

// Scenario is one file.
type Scenario struct {
	Name string `toml:"-"` // of the file
	// Kind says what is done with the cases, see the Kind constants.
	Kind     string   `toml:"kind"`
	Measures string   `toml:"measures"` // what the figures mean, for readers
	Noise    string   `toml:"noise"`    // how they are kept apart from noise, for readers
	Targets  []string `toml:"targets"`  // by name, in order; "all" stands for all there are
	Rounds   int      `toml:"rounds"`
	Warmup   Duration `toml:"warmup"`
	// Duration is how long one target is measured in one round.
	Duration Duration `toml:"duration"`
	Cases    []Case   `toml:"cases"`
	Quick    Quick    `toml:"quick"`
	report.View
}

// The kinds of scenarios.
const (
	KindLoad     = "load"     // the load generator against each target
	KindIdle     = "idle"     // connections that do nothing
	KindReload   = "reload"   // load, while a policy's module is replaced
	KindCancel   = "cancel"   // clients that hang up
	KindFailover = "failover" // services that fail
	KindPolicies = "policies" // load on routers with a policy each
)

// Case is one measurement of a scenario. Which fields count depends on the kind.
type Case struct {
	Name   string `toml:"name"`
	Body   Size   `toml:"body"`   // of each request; default 1 KiB
	Corpus string `toml:"corpus"` // see package corpus; default "hot"

	Stream     bool     `toml:"stream"`
	Tokens     int      `toml:"tokens"`      // of a reply; default 16
	FirstToken Duration `toml:"first_token"` // the service's time to it
	Interval   Duration `toml:"interval"`    // the service's time between tokens

	Rate        float64  `toml:"rate"`        // requests per second; 0: as fast as Connections allow
	Connections int      `toml:"connections"` // requests at once, or open connections
	Ramp        Duration `toml:"ramp"`        // over which streams begin
	Requests    int64    `toml:"requests"`    // after which a round ends, if before its duration
	// Fresh starts the targets anew, for figures of memory.
	Fresh bool `toml:"fresh"`

	Every Duration `toml:"every"` // between two replacements of a module
	// Fault is what happens to one of two services: "dies" or "hangs".
	Fault   string   `toml:"fault"`
	FaultAt Duration `toml:"fault_at"` // after the start of a round
	BackAt  Duration `toml:"back_at"`  // when the service is well again
}

// Quick is what changes for a quick look; what is left out stays.
type Quick struct {
	Skip        bool     `toml:"skip"` // the whole scenario
	Rounds      int      `toml:"rounds"`
	Warmup      Duration `toml:"warmup"`
	Duration    Duration `toml:"duration"`
	Cases       []string `toml:"cases"`
	Targets     []string `toml:"targets"`
	Connections int      `toml:"connections"`
	Requests    int64    `toml:"requests"`
	Tokens      int      `toml:"tokens"`
}

// Duration is a time.Duration that is written "20ms".
type Duration time.Duration

// Size is a number of bytes that is written "100KiB".
type Size int

// String writes it as it is read.
func (d Duration) String() string { return time.Duration(d).String() }
