package report

import (
	"fmt"
	"math"

	"golang.org/x/perf/benchmath"
)

// Alpha is how likely a difference that is none may pass for one.
const Alpha = 0.05

// Difference is a figure of two reports.
type Difference struct {
	Scenario, Case, Target string
	Metric                 Metric
	Old, New               Figure
	// P is how likely figures as far apart as these are when nothing changed,
	// by a Mann-Whitney U test over the rounds.
	P float64
}

// Significant says that the difference is more than noise would be.
func (d Difference) Significant() bool { return d.P < Alpha }

// Change is the change of the median, as part of the old one; infinite from 0.
func (d Difference) Change() float64 {
	if d.New.Median == d.Old.Median {
		return 0
	}
	return (d.New.Median - d.Old.Median) / math.Abs(d.Old.Median)
}

// Worse says that the change goes the wrong way.
func (d Difference) Worse() bool {
	return d.Metric.Better == Lower && d.Change() > 0 || d.Metric.Better == Higher && d.Change() < 0
}

// Verdict is the change as one would say it: "~" when it may be noise.
func (d Difference) Verdict() string {
	if !d.Significant() {
		return "~"
	}
	if math.IsInf(d.Change(), 0) {
		return "from 0"
	}
	return fmt.Sprintf("%+.1f %%", 100*d.Change())
}

// Comparison is a report set against an earlier one.
type Comparison struct {
	Old         *Report
	Differences []Difference
	// Unlike lists what differs in how the two were measured.
	Unlike []string
	// TooFew says that no difference can be significant with so few rounds.
	TooFew bool
}

// Compare sets r against an earlier report. Of each figure that both have it
// compares the rounds; figures that no way is better for are left out.
func (r *Report) Compare(old *Report) Comparison {
	c := Comparison{Old: old, Unlike: unlike(old, r), TooFew: true}
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		before := old.scenario(s.Name)
		if before == nil {
			continue
		}
		for j := range s.Cells {
			cell := &s.Cells[j]
			was := before.cell(cell.Case, cell.Target)
			if was == nil {
				continue
			}
			for _, name := range s.View.Columns {
				c.add(s.Name, cell, was, metric(name))
			}
		}
	}
	return c
}

func (s *Scenario) cell(name, target string) *Cell {
	for i := range s.Cells {
		if c := &s.Cells[i]; c.Case == name && c.Target == target {
			return c
		}
	}
	return nil
}

// leastP is the least that a U test of so many rounds can find.
func leastP(n, m int) float64 {
	orders := 1.0
	for i := 1; i <= m; i++ {
		orders *= float64(n+i) / float64(i)
	}
	return 2 / orders
}

func (c *Comparison) add(scenario string, cell, was *Cell, m Metric) {
	now, ok1 := cell.Figure(m.Name)
	then, ok2 := was.Figure(m.Name)
	if !ok1 || !ok2 || m.Better == Neither {
		return
	}
	alpha := &benchmath.Thresholds{CompareAlpha: Alpha}
	test := benchmath.AssumeNothing.Compare(benchmath.NewSample(then.Values, alpha), benchmath.NewSample(now.Values, alpha))
	c.TooFew = c.TooFew && leastP(len(then.Values), len(now.Values)) >= Alpha
	c.Differences = append(c.Differences, Difference{
		Scenario: scenario, Case: cell.Case, Target: cell.Target, Metric: m, Old: then, New: now, P: test.P,
	})
}

// unlike lists what makes two reports hard to compare.
func unlike(old, now *Report) []string {
	var list []string
	for _, x := range []struct{ what, old, now string }{
		{"CPU", old.Environment.CPU, now.Environment.CPU},
		{"system", old.Environment.OS, now.Environment.OS},
		{"pinning", old.Environment.Pinning, now.Environment.Pinning},
		{"number of CPUs", fmt.Sprint(old.Environment.CPUs), fmt.Sprint(now.Environment.CPUs)},
		{"Go", old.Environment.Go, now.Environment.Go},
	} {
		if x.old != x.now {
			list = append(list, fmt.Sprintf("%s: %s, was %s", x.what, x.now, x.old))
		}
	}
	for _, t := range now.Targets {
		for _, o := range old.Targets {
			if t.Name == o.Name && t.Version != o.Version {
				list = append(list, fmt.Sprintf("%s: %s, was %s", t.Name, t.Version, o.Version))
			}
		}
	}
	return list
}
