//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// soakFigures are what the router holds at one moment.
type soakFigures struct {
	rss, heap, files, goroutines, threads, inFlight float64
}

// soakHeld are the figures that must stay as they are: by how much the last
// quarter's median may be over the first's.
var soakHeld = []struct {
	name  string
	of    func(soakFigures) float64
	unit  float64
	share float64 // of the first
	floor float64 // and this, in a run whose quarters are long enough to be alike
	open  bool    // it follows what is open, and is judged in such a run alone; letGo judges it in all
}{
	{"resident memory, MiB", func(f soakFigures) float64 { return f.rss }, 1 << 20, 0.15, 24, false},
	{"heap after a collection, MiB", func(f soakFigures) float64 { return f.heap }, 1 << 20, 0.15, 8, false},
	{"file descriptors", func(f soakFigures) float64 { return f.files }, 1, 0.15, 40, true},
	{"goroutines", func(f soakFigures) float64 { return f.goroutines }, 1, 0.15, 40 + soakWorkers, true},
	{"threads", func(f soakFigures) float64 { return f.threads }, 1, 0.15, 4, false},
}

// soakWorkers is how many coroutines the event loops keep to use again.
const soakWorkers = 256

// lookAt takes the figures of a process.
func lookAt(p *process) (f soakFigures, err error) {
	pid := p.cmd.Process.Pid
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return f, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return f, err
	}
	m, err := soakMetrics(p)
	if err != nil {
		return f, err
	}
	field := func(name string) (n float64) {
		_, rest, _ := strings.Cut(string(status), name)
		_, _ = fmt.Sscan(rest, &n)
		return n
	}
	return soakFigures{
		rss: field("VmRSS:") * 1024, threads: field("Threads:"), files: float64(len(files)),
		// The collector aims at twice of what lives.
		heap: m["go_memstats_next_gc_bytes"] / 2, goroutines: m["go_goroutines"], inFlight: m["infinirouter_requests_in_flight"],
	}, nil
}

// soakPages asks for pages, each of which comes soon, whatever befalls requests.
var soakPages = http.Client{Timeout: 30 * time.Second}

// soakMetrics are the rows of /metrics.
func soakMetrics(p *process) (map[string]float64, error) {
	resp, err := soakPages.Get(p.url + "/metrics")
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	rows := map[string]float64{}
	for line := range strings.Lines(string(page)) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			if v, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64); err == nil {
				rows[line[:i]] = v
			}
		}
	}
	return rows, nil
}

// sum adds the rows of a metric whose labels hold all of parts.
func sum(rows map[string]float64, name string, parts ...string) (n float64) {
rows:
	for row, value := range rows {
		if row != name && !strings.HasPrefix(row, name+"{") {
			continue
		}
		for _, part := range parts {
			if !strings.Contains(row, part) {
				continue rows
			}
		}
		n += value
	}
	return n
}

// sampling looks at the router every now and then until done.
func sampling(p *process, every time.Duration, done <-chan struct{}) (out []soakFigures, err error) {
	for tick := time.Tick(every); ; {
		select {
		case <-done:
			return out, nil
		case <-tick:
		}
		f, err := lookAt(p)
		if err != nil {
			return out, err
		}
		out = append(out, f)
	}
}

// flat prints what was held, by quarters, and reports what grew.
func flat(t *testing.T, all []soakFigures, out *strings.Builder) {
	t.Helper()
	if len(all) < 8 {
		t.Errorf("%d looks at the router are too few", len(all))
		return
	}
	fmt.Fprintf(out, "\n%-32s %10s %10s %10s %10s %10s\n", "held, median of each quarter", "first", "second", "third", "last", "allowed")
	for _, h := range soakHeld {
		var quarters [4]float64
		for q := range quarters {
			part := all[q*len(all)/4 : (q+1)*len(all)/4]
			values := make([]float64, len(part))
			for i := range part {
				values[i] = h.of(part[i]) / h.unit
			}
			slices.Sort(values)
			quarters[q] = values[len(values)/2]
		}
		floor, short := h.floor, *soakFor < time.Minute
		if short {
			floor *= 4
		}
		allowed := quarters[0]*(1+h.share) + floor
		fmt.Fprintf(out, "%-32s %10.1f %10.1f %10.1f %10.1f %10.1f\n", h.name, quarters[0], quarters[1], quarters[2], quarters[3], allowed)
		if quarters[3] > allowed && !(short && h.open) {
			t.Errorf("%s grew from %.1f to %.1f, allowed are %.1f", h.name, quarters[0], quarters[3], allowed)
		}
	}
}
