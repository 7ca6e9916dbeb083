package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unsafe"
)

// MaxPage is how much of a page is read; more is an error. MinBuffer is the
// least that Read works with: a line that is longer than the buffer is skipped.
const (
	MaxPage   = 8 << 20
	MinBuffer = 4 << 10
)

// Read reads a page of metrics to its end and returns what it says. buf is its
// working memory, at least MinBuffer. A last line without an end is cut, and does
// not count. Read allocates nothing, unless it fails.
func Read(r io.Reader, buf []byte) (Figures, error) {
	var p page
	held, total, skipping := 0, 0, false // held: bytes of an unfinished line
	for {
		n, err := r.Read(buf[held:])
		if total += n; total > MaxPage {
			return Figures{}, fmt.Errorf("the page is over %d bytes", MaxPage)
		}
		held += n
		rest := buf[:held]
		for {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				break
			}
			if !skipping {
				p.line(rest[:i])
			}
			skipping = false
			rest = rest[i+1:]
		}
		held = copy(buf, rest)
		if held == len(buf) {
			held, skipping = 0, true
		}
		if errors.Is(err, io.EOF) {
			return p.figures(), nil
		}
		if err != nil {
			return Figures{}, err
		}
	}
}

// page gathers signals.
type page struct {
	found  [signals]bool
	name   [signals]*alias // whose samples are summed: the first that was met
	value  [signals]float64
	engine string
}

// line takes in one line: NAME{LABEL="VALUE",...} NUMBER [TIMESTAMP].
func (p *page) line(b []byte) {
	end := nameEnd(b)
	if end == 0 {
		return
	}
	list, ok := aliases[string(b[:end])]
	if !ok {
		return
	}
	b = b[end:]
	var all labels
	if len(b) > 0 && b[0] == '{' {
		all = labels(b[1:])
		if b, ok = all.after(); !ok || all.otherRank() {
			return
		}
	}
	value, ok := number(b)
	if !ok {
		return
	}
	for i := range list {
		if a := &list[i]; a.label == "" || all.has(a.label, a.value) {
			p.add(a, value)
		}
	}
}

// nameEnd returns the length of the metric's name at the start of b; 0 for a
// comment, and for what is no sample.
func nameEnd(b []byte) int {
	for i, ch := range b {
		switch {
		case ch == '{' || ch == ' ' || ch == '\t':
			return i
		case ch <= ' ' || ch >= 0x7f || ch == '#':
			return 0
		}
	}
	return 0
}

func (p *page) add(a *alias, value float64) {
	if a.signal == cacheUse {
		value = min(value, 1)
	}
	switch {
	case !p.found[a.signal]:
		p.found[a.signal], p.name[a.signal], p.value[a.signal] = true, a, value
		if p.engine == "" {
			p.engine = a.engine
		}
	case p.name[a.signal] != a: // the same by another name
	case a.signal == cacheUse:
		p.value[a.signal] = max(p.value[a.signal], value)
	default:
		p.value[a.signal] += value
	}
}

func (p *page) figures() Figures {
	f := Figures{Engine: p.engine, Running: p.get(running), Waiting: p.get(waiting), CacheUse: p.get(cacheUse)}
	if used, free := p.get(cacheUsed), p.get(cacheFree); math.IsNaN(f.CacheUse) && used+free > 0 {
		f.CacheUse = used / (used + free)
	}
	return f
}

func (p *page) get(s signal) float64 {
	if !p.found[s] {
		return math.NaN()
	}
	return p.value[s]
}

// largest is a count that no engine has.
const largest = 1e9

// number reads the value at the start of b, after its space. Signals are counts
// and shares: what is below zero, not finite or beyond largest is none.
func number(b []byte) (float64, bool) {
	b = bytes.TrimLeft(b, " \t")
	end := 0
	for end < len(b) && (b[end] >= '0' && b[end] <= '9' || b[end] == '.' || b[end] == 'e' || b[end] == 'E' || b[end] == '+' || b[end] == '-') {
		end++
	}
	if end == 0 || end > 32 || end < len(b) && b[end] != ' ' && b[end] != '\t' && b[end] != '\r' {
		return 0, false
	}
	f, err := strconv.ParseFloat(unsafe.String(&b[0], end), 64)
	return f, err == nil && f >= 0 && f <= largest
}
