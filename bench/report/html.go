package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
)

//go:embed page.html.tmpl
var page string

// HTML writes the report as one page that needs nothing else: no script, no
// file, no network. against is what Compare returned, nil for none.
func (r *Report) HTML(out io.Writer, against *Comparison) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		return err
	}
	v := view{Report: r, Against: against, Metrics: r.shown()}
	v.Day = r.Started.UTC().Format("2 January 2006, 15:04 UTC")
	v.Took = (time.Duration(r.Seconds) * time.Second).String()
	v.GiB = fmt.Sprintf("%.0f GiB", float64(r.Environment.Memory)/(1<<30))
	heads, rows := r.summary()
	v.SummaryHeads = heads
	for _, row := range rows {
		line := rowView{Name: row[0], Ours: strings.HasPrefix(row[0], "InfiniRouter")}
		for _, text := range row[1:] {
			line.Cells = append(line.Cells, cellView{Text: text})
		}
		v.Summary = append(v.Summary, line)
	}
	for i := range r.Scenarios {
		s, err := r.viewScenario(&r.Scenarios[i])
		if err != nil {
			return fmt.Errorf("scenario %s: %w", r.Scenarios[i].Name, err)
		}
		v.Shown = append(v.Shown, s)
	}
	return t.Execute(out, v)
}

// view is what the page shows.
type view struct {
	*Report
	Day, Took, GiB string
	SummaryHeads   []string
	Summary        []rowView
	Shown          []scenarioView
	Metrics        []Metric
	Against        *Comparison
}

type scenarioView struct {
	*Scenario
	Plots  []plotView
	Tables []tableView
}

type plotView struct {
	Title string
	SVG   template.HTML
	Keys  []keyView
}

// keyView explains a line of a plot.
type keyView struct {
	Name  string
	Color template.CSS
	Style template.CSS // of the line
}

type tableView struct {
	Case  string
	Heads []Metric
	Rows  []rowView
}

type rowView struct {
	Name   string
	Ours   bool
	Cells  []cellView
	Errors string
}

type cellView struct {
	Text  string
	Range string // of the rounds
	Best  bool
}

func (r *Report) viewScenario(s *Scenario) (scenarioView, error) {
	v := scenarioView{Scenario: s}
	for _, p := range s.View.Plots {
		drawings, err := r.draw(s, p)
		if err != nil {
			return v, err
		}
		for _, d := range drawings {
			// Our own drawing: names in it are escaped by the library.
			v.Plots = append(v.Plots, plotView{Title: d.Title, SVG: template.HTML(d.SVG), Keys: r.keys(d.Keys)})
		}
	}
	for _, name := range s.cases() {
		v.Tables = append(v.Tables, r.viewTable(s, name))
	}
	return v, nil
}

func (r *Report) keys(targets []string) []keyView {
	var list []keyView
	all := r.looks()
	for _, name := range targets {
		l := all[name]
		style := "solid"
		if l.dashes != nil {
			style = "dashed"
		}
		list = append(list, keyView{
			Name:  short(r.title(name)),
			Color: template.CSS(fmt.Sprintf("#%02x%02x%02x", l.color.R, l.color.G, l.color.B)),
			Style: template.CSS(style),
		})
	}
	return list
}

func (r *Report) viewTable(s *Scenario, name string) tableView {
	cells := s.of(name)
	t := tableView{Case: name, Heads: s.columns(cells)}
	best := map[string]float64{}
	for _, m := range t.Heads {
		var medians []float64
		for _, c := range cells {
			if f, ok := c.Figure(m.Name); ok && c.Target != "direct" {
				medians = append(medians, f.Median)
			}
		}
		switch {
		case len(medians) < 2 || slices.Min(medians) == slices.Max(medians):
		case m.Better == Lower:
			best[m.Name] = slices.Min(medians)
		case m.Better == Higher:
			best[m.Name] = slices.Max(medians)
		}
	}
	for _, c := range cells {
		row := rowView{Name: r.title(c.Target), Ours: strings.HasPrefix(c.Target, "router"), Errors: c.errorText()}
		for _, m := range t.Heads {
			var cell cellView
			if f, ok := c.Figure(m.Name); ok {
				top, any := best[m.Name]
				cell = cellView{Text: m.ShowFigure(f), Best: any && f.Median == top && c.Target != "direct"}
				cell.Range = fmt.Sprintf("%d rounds, %s to %s", len(f.Values), m.Show(f.Minimum), m.Show(f.Maximum))
			}
			row.Cells = append(row.Cells, cell)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// errorText lists what went wrong in any round, "" for nothing.
func (c *Cell) errorText() string {
	sum := map[string]int64{}
	for _, r := range c.Rounds {
		for kind, n := range r.Errors {
			sum[kind] += n
		}
	}
	var list []string
	for kind, n := range sum {
		list = append(list, fmt.Sprintf("%d × %s", n, kind))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}
