package report

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Markdown writes the report's tables, with headings of level (2 for "##") and
// below. against is what Compare returned, nil for none.
func (r *Report) Markdown(out io.Writer, level int, against *Comparison) error {
	m := &markdown{head: strings.Repeat("#", level)}
	m.environment(r)
	m.summary(r)
	for i := range r.Scenarios {
		m.scenario(r, &r.Scenarios[i])
	}
	m.explanations(r)
	if against != nil {
		m.comparison(against)
	}
	_, err := io.WriteString(out, strings.TrimSpace(m.String())+"\n")
	return err
}

type markdown struct {
	strings.Builder
	head string
}

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(m, format, args...) }

// row writes a row of a table.
func (m *markdown) row(cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", "\\|")
	}
	m.printf("| %s |\n", strings.Join(cells, " | "))
}

// table writes the head of a table whose first column holds words, the rest numbers.
func (m *markdown) table(heads ...string) {
	m.row(heads...)
	m.printf("| --- |%s\n", strings.Repeat(" ---: |", len(heads)-1))
}

func (m *markdown) environment(r *Report) {
	e := r.Environment
	m.printf("%s, %s, %d CPUs, %.0f GiB, %s; %s. Measured in %s on %s with `%s`.\n\n", e.OS, e.CPU, e.CPUs,
		float64(e.Memory)/(1<<30), e.Go, e.Pinning, (time.Duration(r.Seconds) * time.Second).String(), r.Started.UTC().Format("2006-01-02"), r.Command)
	for _, note := range e.Notes {
		m.printf("%s\n\n", note)
	}
	m.row("target", "what", "version")
	m.printf("| --- | --- | --- |\n")
	for _, t := range r.Targets {
		m.row("`"+t.Name+"`", t.Title, t.Version)
	}
	for _, x := range r.Missing {
		m.row("`"+x.Name+"`", "not measured", x.Reason)
	}
	m.printf("\n")
}

func (m *markdown) summary(r *Report) {
	heads, rows := r.summary()
	if len(rows) == 0 {
		return
	}
	m.printf("%s In short\n\n", m.head)
	m.table(append([]string{"target"}, heads...)...)
	for _, row := range rows {
		m.row(row...)
	}
	m.printf("\n")
}

// summary is the table of all scenarios' headlines.
func (r *Report) summary() (heads []string, rows [][]string) {
	type column struct {
		s *Scenario
		h Headline
	}
	var columns []column
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		for _, h := range s.View.Headlines {
			if len(s.of(h.Case)) > 0 {
				columns = append(columns, column{s, h})
				heads = append(heads, strings.TrimSuffix(h.Head+", "+metric(h.Metric).Unit, ", "))
			}
		}
	}
	for _, t := range r.Targets {
		row, any := []string{r.title(t.Name)}, false
		for _, c := range columns {
			text := ""
			if cell := c.s.cell(c.h.Case, t.Name); cell != nil {
				if f, ok := cell.Figure(c.h.Metric); ok {
					text, any = metric(c.h.Metric).ShowFigure(f), true
				}
			}
			row = append(row, text)
		}
		if any {
			rows = append(rows, row)
		}
	}
	return heads, rows
}

func (m *markdown) scenario(r *Report, s *Scenario) {
	m.printf("%s %s\n\n%s\n\n%s\n\n```sh\n%s\n```\n\n", m.head, s.Name, s.Measures, s.Noise, s.Command)
	for _, note := range s.Notes {
		m.printf("%s\n\n", note)
	}
	for _, name := range s.cases() {
		cells := s.of(name)
		columns := s.columns(cells)
		heads := []string{name}
		for _, c := range columns {
			heads = append(heads, c.Head())
		}
		m.table(heads...)
		for _, c := range cells {
			m.row(append([]string{r.title(c.Target)}, figures(c, columns)...)...)
		}
		m.printf("\n")
		for _, c := range cells {
			if text := c.errorText(); text != "" {
				m.printf("Errors of %s in %d rounds: %s.\n\n", r.title(c.Target), len(c.Rounds), text)
			}
		}
	}
}

// figures are the cells of a row.
func figures(c *Cell, columns []Metric) []string {
	var list []string
	for _, col := range columns {
		text := ""
		if f, ok := c.Figure(col.Name); ok {
			text = col.ShowFigure(f)
		}
		list = append(list, text)
	}
	return list
}

func (m *markdown) explanations(r *Report) {
	m.printf("%s What the columns mean\n\n", m.head)
	for _, c := range r.shown() {
		m.printf("- *%s*: %s.\n", c.Title, c.About)
	}
	m.printf("\n")
}

// shown returns the metrics that the report has figures of.
func (r *Report) shown() []Metric {
	has := map[string]bool{}
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		for _, name := range s.cases() {
			for _, c := range s.columns(s.of(name)) {
				has[c.Name] = true
			}
		}
	}
	var list []Metric
	for _, c := range metrics {
		if has[c.Name] {
			list = append(list, c)
		}
	}
	return list
}

func (m *markdown) comparison(c *Comparison) {
	m.printf("%s Against %s\n\n", m.head, c.Old.Started.UTC().Format("2006-01-02 15:04"))
	m.printf("%s\n\n", c.Explain())
	for _, what := range c.Unlike {
		m.printf("- %s\n", what)
	}
	if len(c.Unlike) > 0 {
		m.printf("\n")
	}
	m.table("figure", "before", "now", "change", "p")
	for _, d := range c.Changed() {
		m.row(fmt.Sprintf("%s, %s, %s: %s", d.Scenario, d.Case, d.Target, d.Metric.Head()),
			d.Metric.ShowFigure(d.Old), d.Metric.ShowFigure(d.New), d.Verdict(), fmt.Sprintf("%.3f", d.P))
	}
}

// Changed returns the differences that are significant.
func (c *Comparison) Changed() []Difference {
	var list []Difference
	for _, d := range c.Differences {
		if d.Significant() {
			list = append(list, d)
		}
	}
	return list
}

// Explain says what the comparison's table holds.
func (c *Comparison) Explain() string {
	text := fmt.Sprintf("%d of %d figures differ by more than noise (Mann-Whitney U test over the rounds, p < %g).",
		len(c.Changed()), len(c.Differences), Alpha)
	if c.TooFew {
		text += " With so few rounds none can: it takes four in both reports."
	}
	return text
}
