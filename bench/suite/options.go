package suite

import (
	"io"

	"github.com/infinirouter/infinirouter/bench/peer"
	"github.com/infinirouter/infinirouter/bench/scenarios"
)

// Options are what to run, and with what.
type Options struct {
	Scenarios []scenarios.Scenario
	// Targets restricts the scenarios to these, by name; none: all.
	Targets  []string
	External []External
	Rounds   int // instead of the scenarios' own; 0: those
	Programs peer.Programs
	Service  string // the program of bench/service/cmd
	Place    Place
	// Command is what started the run, for the report, and Repeat the same for
	// one scenario, whose name goes behind it.
	Command string
	Repeat  string
	// Progress gets lines that tell what is done; on a Terminal the last one is
	// rewritten.
	Progress io.Writer
	Terminal bool
}

// External is a target that runs already, for every scenario with all targets.
type External struct {
	Name string
	URL  string
	PID  int // of its process, for CPU and memory; 0: unknown
}
