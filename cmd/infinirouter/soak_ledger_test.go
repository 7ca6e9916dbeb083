//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// How a request ended for its client.
type soakEnd uint8

const (
	soakGoes    soakEnd = iota
	soakWhole           // 200, all of it, and its own
	soakRefused         // an error that says why
	soakCut             // a reply that shows that it is not whole
	soakLeft            // the client left
	soakLost            // no reply at all
)

// soakEntry is what is known of one request, by three witnesses.
type soakEntry struct {
	route, leaves uint8

	end    soakEnd // the client's word
	status uint16
	broke  bool // it was told that a connection broke on which its request had been sent

	heads, worked uint8 // services that have read its head; and that did not refuse it

	lines, attempts uint8 // of the access log
	outcome         soakOutcome
	logged          uint16 // status
}

type soakOutcome uint8

// soakOutcomes are those of the access log.
var soakOutcomes = []string{"", "ok", "client_gone", "service_error", "timeout", "rejected", "cut"}

// soakLedger has an entry for each request. Its methods are safe for concurrent
// use.
type soakLedger struct {
	mu      sync.Mutex
	entries []soakEntry // by id
	reasons map[uint32]string
	wrongs  []string
	more    int // wrongs that were not kept

	// The access log beside its entries.
	rest      []byte // of a line
	lines     int
	strangers map[string]int // lines of requests that never became whole, by status
	classes   map[string]int // lines by class of status
	outcomes  map[string]int
	retries   int // attempts beyond the first
}

func newSoakLedger() *soakLedger {
	return &soakLedger{reasons: map[uint32]string{}, strangers: map[string]int{}, classes: map[string]int{}, outcomes: map[string]int{}}
}

// wrong notes what must never be.
func (l *soakLedger) wrong(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.note(format, args...)
}

func (l *soakLedger) note(format string, args ...any) {
	if len(l.wrongs) < 30 {
		l.wrongs = append(l.wrongs, fmt.Sprintf(format, args...))
	} else {
		l.more++
	}
}

func (l *soakLedger) at(id uint32) *soakEntry {
	for int(id) >= len(l.entries) {
		l.entries = append(l.entries, soakEntry{})
	}
	return &l.entries[id]
}

func (l *soakLedger) sent(id uint32, p soakPlan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.at(id)
	e.route, e.leaves = p.route, p.leaves
}

func (l *soakLedger) ended(id uint32, end soakEnd, status int, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.at(id)
	e.end, e.status, e.broke = end, uint16(status), strings.Contains(reason, "broke off its reply")
	if reason != "" && len(l.reasons) < 10_000 {
		l.reasons[id] = reason
	}
}

func (l *soakLedger) arrived(id uint32, works bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.at(id)
	e.heads++
	if works {
		e.worked++
	}
}

const followEvery = 20 * time.Millisecond

// follow reads the router's access log as it is written.
func (l *soakLedger) follow(ctx context.Context, path string) {
	f, err := os.Open(path)
	if err != nil {
		l.wrong("%v", err)
		return
	}
	defer func() { _ = f.Close() }()
	for ctx.Err() == nil {
		if n, err := io.Copy(l, f); n == 0 || err != nil {
			time.Sleep(followEvery)
		}
	}
}

// Write implements io.Writer for the lines of the access log.
func (l *soakLedger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			break
		}
		l.logged(line)
		l.rest = rest
	}
	l.rest = append([]byte(nil), l.rest...)
	return len(p), nil
}

func (l *soakLedger) logLines() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines
}

func (l *soakLedger) logged(line []byte) {
	var r struct {
		Msg, ID, Outcome, Error string
		Status, Attempts        int
	}
	if err := json.Unmarshal(line, &r); err != nil || r.Msg != "request" {
		l.note("the access log has %.300s (%v)", line, err)
		return
	}
	l.lines++
	class := "none"
	if r.Status > 0 {
		class = fmt.Sprintf("%dxx", r.Status/100)
	}
	l.classes[class]++
	l.outcomes[r.Outcome]++
	l.retries += max(0, r.Attempts-1)
	id, err := parseSoakID(r.ID)
	if err != nil {
		l.strangers[fmt.Sprint(r.Status, " ", r.Error)]++
		return
	}
	e := l.at(id)
	e.lines++
	e.attempts, e.logged = uint8(r.Attempts), uint16(r.Status)
	for i, name := range soakOutcomes {
		if name == r.Outcome {
			e.outcome = soakOutcome(i)
		}
	}
	if e.outcome == 0 {
		l.note("%s ended with outcome %q", r.ID, r.Outcome)
	}
	if r.Error != "" && r.Outcome != "client_gone" && len(l.reasons) < 10_000 {
		l.reasons[id] += " log: " + r.Error
	}
}

// soakTotals are the ledger's sums.
type soakTotals struct {
	sent                            int
	whole, refused, cut, left, lost int
	unsent                          int // of left: whose request never became whole
	heads, twice                    int
	saveable                        int
	byVillain                       int // of refused: what a villain's failure answered
	worked                          int // of refused: where a service had begun the work, which may not be done twice
	unread                          int // of refused: where, as it turned out, a service had not, which the router could not know
}

// judge holds what the three witnesses say of each request against each other.
func (l *soakLedger) judge() (t soakTotals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := 1; id < len(l.entries); id++ {
		e := &l.entries[id]
		t.sent++
		t.heads += int(e.heads)
		switch e.end {
		case soakWhole:
			t.whole++
		case soakRefused:
			t.refused++
		case soakCut:
			t.cut++
		case soakLeft:
			t.left++
		case soakLost:
			t.lost++
		default:
			l.note("%s never ended", soakID(uint32(id)))
		}
		if e.leaves == leavesInHead || e.leaves == leavesInBody {
			t.unsent++
		} else if e.lines != 1 {
			l.note("%s has %d lines in the access log", soakID(uint32(id)), e.lines)
		}
		l.judgeOne(uint32(id), e, &t)
	}
	return t
}

func (l *soakLedger) judgeOne(id uint32, e *soakEntry, t *soakTotals) {
	outcome := soakOutcomes[e.outcome]
	said := fmt.Sprintf("%s on route %s, after %d attempts of which services saw %d and worked on %d, %d: %s",
		soakID(id), soakRoutes[e.route], e.attempts, e.heads, e.worked, e.status, l.reasons[id])
	if e.worked > 1 && !doubles(e.route) {
		t.twice++
		l.note("done twice: %s", said)
	}
	if e.end == soakLeft {
		return
	}
	if e.lines == 1 && e.logged != e.status && e.end != soakLost {
		l.note("the log says %d: %s", e.logged, said)
	}
	switch {
	case e.end == soakWhole && outcome != "ok", e.end == soakCut && outcome != "cut", e.end == soakRefused && (outcome == "ok" || outcome == "cut" || outcome == "client_gone"):
		l.note("the log says %q: %s", outcome, said)
	case e.end == soakRefused && byVillain(e.route) && e.status == 500 && e.worked == 0:
		t.byVillain++
	case e.end == soakRefused && !doubles(e.route) && e.broke && e.heads == 0:
		t.unread++
	case (e.end == soakRefused || e.end == soakLost) && (doubles(e.route) || e.worked == 0):
		t.saveable++
		l.note("a retry could have saved %s", said)
	case e.end == soakRefused:
		t.worked++
	case e.end == soakLost:
		l.note("no reply: %s", said)
	}
}
