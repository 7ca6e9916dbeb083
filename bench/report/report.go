package report

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// Format is the version of the JSON's shape.
const Format = 1

// Report is everything that one run found.
type Report struct {
	Format      int         `json:"format"`
	Started     time.Time   `json:"started"`
	Seconds     float64     `json:"seconds"` // that the run took
	Command     string      `json:"command"`
	Environment Environment `json:"environment"`
	Targets     []Target    `json:"targets"`
	Missing     []Missing   `json:"missing"`
	Scenarios   []Scenario  `json:"scenarios"`
}

// Environment is where and how things were measured.
type Environment struct {
	OS      string   `json:"os"` // with the kernel's version
	CPU     string   `json:"cpu"`
	CPUs    int      `json:"cpus"`
	Memory  int64    `json:"memory"` // bytes
	Go      string   `json:"go"`
	Pinning string   `json:"pinning"` // which CPUs ran what
	Load    string   `json:"load"`    // load averages at the start, before anything ran
	Notes   []string `json:"notes"`   // what a reader should know of this run
}

// Target is what was measured.
type Target struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Version string `json:"version"`
	Command string `json:"command"`
	Config  string `json:"config"` // the whole text of its configuration
}

// Missing is a target that was asked for and could not be measured.
type Missing struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Scenario is what one scenario found.
type Scenario struct {
	Name     string   `json:"name"`
	Measures string   `json:"measures"` // what its figures mean
	Noise    string   `json:"noise"`    // how they are kept apart from noise
	Command  string   `json:"command"`  // that repeats it
	Notes    []string `json:"notes"`
	Cells    []Cell   `json:"cells"`
	View     View     `json:"view"`
}

// View says how a scenario is shown.
type View struct {
	Columns   []string   `toml:"columns" json:"columns"` // metrics of its tables, the main one first
	Headlines []Headline `toml:"headlines" json:"headlines"`
	Plots     []Plot     `toml:"plots" json:"plots"`
}

// Headline is a column of the table that sums a report up.
type Headline struct {
	Head   string `toml:"head" json:"head"` // of the column; the unit is added
	Case   string `toml:"case" json:"case"`
	Metric string `toml:"metric" json:"metric"`
}

// Plot is one kind of plot.
type Plot struct {
	// Kind is "bars" (a metric by target; a plot for each case), "sizes" (a
	// metric against the body's size, a line for each target) or "curve" (a
	// distribution, a line for each target; a plot for each case).
	Kind   string   `toml:"kind" json:"kind"`
	Metric string   `toml:"metric" json:"metric,omitempty"` // of bars and sizes
	Curve  string   `toml:"curve" json:"curve,omitempty"`   // see Round.Curves
	Title  string   `toml:"title" json:"title"`
	Cases  []string `toml:"cases" json:"cases,omitempty"` // none: all
}

// Cell is one target in one case of a scenario.
type Cell struct {
	Case   string  `json:"case"`
	Bytes  int64   `json:"bytes,omitempty"` // of a request's body
	Target string  `json:"target"`
	Rounds []Round `json:"rounds"`
}

// Round is one measurement.
type Round struct {
	Values map[string]float64 `json:"values"` // by metric; seconds, bytes and counts
	// Distributions, by what they are of: "latency", "first_token", "gap".
	Curves map[string][]Point `json:"curves,omitempty"`
	// Errors are how often something went wrong, by what it was.
	Errors map[string]int64 `json:"errors,omitempty"`
	// Raw is what the load generator found, whole.
	Raw json.RawMessage `json:"raw,omitempty"`
}

// Point is one point of a distribution: Percentile of the values are at most Value.
type Point struct {
	Percentile float64 `json:"p"`
	Value      float64 `json:"v"`
}

// Write writes the report as JSON to a file.
func (r *Report) Write(path string) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o666)
}

// Read reads a report that Write wrote.
func Read(path string) (*Report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &Report{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if r.Format != Format {
		return nil, fmt.Errorf("%s has format %d, want %d", path, r.Format, Format)
	}
	return r, nil
}

// cases returns the names of the scenario's cases, in order.
func (s *Scenario) cases() []string {
	var names []string
	seen := map[string]bool{}
	for i := range s.Cells {
		if name := s.Cells[i].Case; !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// of returns the cells of a case, in order.
func (s *Scenario) of(name string) []*Cell {
	var list []*Cell
	for i := range s.Cells {
		if s.Cells[i].Case == name {
			list = append(list, &s.Cells[i])
		}
	}
	return list
}

// columns returns those of the scenario's metrics that any of the cells has.
func (s *Scenario) columns(cells []*Cell) []Metric {
	var list []Metric
	for _, name := range s.View.Columns {
		for _, c := range cells {
			if _, ok := c.Figure(name); ok {
				list = append(list, metric(name))
				break
			}
		}
	}
	return list
}

// title is what a target is called for people.
func (r *Report) title(target string) string {
	for _, t := range r.Targets {
		if t.Name == target && t.Title != "" {
			return t.Title
		}
	}
	return target
}

// scenario returns the scenario of that name, nil if it was not run.
func (r *Report) scenario(name string) *Scenario {
	for i := range r.Scenarios {
		if r.Scenarios[i].Name == name {
			return &r.Scenarios[i]
		}
	}
	return nil
}
