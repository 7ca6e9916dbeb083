package process

import (
	"bytes"
	"strings"
	"sync"
)

// keptLines is how much of a program's latest output is kept.
const keptLines = 200

// maxLine is where a line without an end is cut.
const maxLine = 4096

// output collects lines. Beyond keptLines the oldest go, but the count goes on.
type output struct {
	mu      sync.Mutex
	lines   []string
	dropped int
	part    []byte        // a line that has not ended
	more    chan struct{} // closed by the next line
}

func newOutput() *output { return &output{more: make(chan struct{})} }

// Write takes what the program wrote.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for rest := b; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			o.part = append(o.part, rest...)
			if len(o.part) > maxLine {
				o.line()
			}
			break
		}
		o.part = append(o.part, rest[:i]...)
		o.line()
		rest = rest[i+1:]
	}
	return len(b), nil
}

// line ends the line that part holds.
func (o *output) line() {
	o.lines = append(o.lines, string(o.part))
	o.part = o.part[:0]
	if extra := len(o.lines) - keptLines; extra > 0 {
		o.lines = o.lines[extra:]
		o.dropped += extra
	}
	close(o.more)
	o.more = make(chan struct{})
}

// close ends a last line that has no end.
func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.part) > 0 {
		o.line()
	}
}

// from returns the lines from number n on, as far as they are kept, and a channel
// that the next line closes.
func (o *output) from(n int) ([]string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n = max(n-o.dropped, 0)
	return append([]string(nil), o.lines[min(n, len(o.lines)):]...), o.more
}

func (o *output) String() string {
	lines, _ := o.from(0)
	return strings.Join(lines, "\n")
}
