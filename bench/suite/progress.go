package suite

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// progress tells how far a run is: on a terminal in one line that is rewritten,
// elsewhere a line for each case.
type progress struct {
	out      io.Writer
	terminal bool
	started  time.Time
	total    time.Duration // of the steps, as planned
	done     time.Duration
	last     string // case
	shown    bool   // a line to be rewritten stands there
}

// line writes a line that stays.
func (p *progress) line(text string) {
	p.clear()
	fmt.Fprintln(p.out, text)
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = false
	}
}

// step tells what begins, which was planned to take so long.
func (p *progress) step(what, detail string, planned time.Duration) {
	left := ""
	if p.done > 0 && p.total > p.done {
		rest := time.Duration(float64(time.Since(p.started)) * float64(p.total-p.done) / float64(p.done))
		left = ", " + rest.Round(time.Second).String() + " left"
	}
	p.done += planned
	percent := 100 * min(1, float64(p.done)/float64(max(p.total, 1)))
	switch {
	case p.terminal:
		p.clear()
		text := fmt.Sprintf("%3.0f %%%s  %s, %s", percent, left, what, detail)
		fmt.Fprint(p.out, strings.ReplaceAll(text, "\n", " "))
		p.shown = true
	case what != p.last:
		fmt.Fprintf(p.out, "%s  %3.0f %%%s  %s\n", time.Now().Format("15:04:05"), percent, left, what)
	}
	p.last = what
}
