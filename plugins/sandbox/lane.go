package sandbox

import "runtime"

// lane is what a guest that runs for longer than a slice of fuel must be in.
// Honest hooks end long before that. There is one place less than there are
// processors: compiled code gives a processor back at the end of a slice only,
// and while guests hold all of them nobody looks whether a request has come or a
// reply has gone on. The places go round slice by slice, first come, first
// served.
type lane struct {
	places chan struct{}
	alone  bool // there is one processor: guests pause instead
}

func newLane(processors int) *lane {
	return &lane{places: make(chan struct{}, max(processors-1, 1)), alone: processors == 1}
}

// turn is called by a guest between two slices: it comes in, or moves behind
// those who wait.
func (l *lane) turn(inside bool) {
	if inside {
		<-l.places
	}
	if l.alone {
		runtime.Gosched()
	}
	l.places <- struct{}{}
}

// leave ends a guest's stay.
func (l *lane) leave() { <-l.places }
