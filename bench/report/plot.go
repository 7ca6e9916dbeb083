package report

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// drawing is a plot that was drawn.
type drawing struct {
	Title string
	SVG   string
	Keys  []string // targets that a legend must explain
}

// The size of a plot in its own units; pages scale it.
const (
	plotWidth  = 410
	plotHeight = 270
)

// draw draws one of a scenario's kinds of plots.
func (r *Report) draw(s *Scenario, p Plot) ([]drawing, error) {
	switch p.Kind {
	case "sizes":
		return r.drawSizes(s, p)
	case "bars", "curve":
		var list []drawing
		for _, name := range s.cases() {
			if len(p.Cases) > 0 && !slices.Contains(p.Cases, name) {
				continue
			}
			one := r.drawBars
			if p.Kind == "curve" {
				one = r.drawCurve
			}
			d, err := one(s.of(name), p)
			if err != nil {
				return nil, fmt.Errorf("plot %q, %s: %w", p.Title, name, err)
			}
			if d.SVG != "" {
				d.Title = p.Title + ", " + name
				list = append(list, d)
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("plot %q: there is no kind %q, but bars, sizes and curve", p.Title, p.Kind)
}

var (
	ink  = rgb(0x3c4450)
	pale = rgb(0xe3e7ec)
)

// sans is measured by the library and shown by browsers, as Arial where it is
// not installed: they are equally wide.
var sans = font.Font{Typeface: "Liberation", Variant: "Sans"}

// empty returns a plot without data, in the style of all.
func empty() *plot.Plot {
	p := plot.New()
	face := font.From(sans, 11)
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Label.TextStyle.Font, a.Tick.Label.Font = face, face
		a.Label.TextStyle.Color, a.Tick.Label.Color = ink, ink
		a.LineStyle.Color, a.Tick.LineStyle.Color = pale, pale
		a.Padding = 4
	}
	p.BackgroundColor = nil
	return p
}

// svg renders a plot for use inside of a page: it fills the width it is given.
func svg(p *plot.Plot, height vg.Length) (string, error) {
	canvas := vgsvg.NewWith(vgsvg.UseWH(plotWidth, height))
	p.Draw(draw.New(canvas))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", err
	}
	_, body, _ := strings.Cut(b.String(), "<svg ")
	_, body, _ = strings.Cut(body, ">")
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 %d %.0f">%s`, plotWidth, float64(height), body), nil
}

// bar is one target's bar.
type bar struct {
	name string
	f    Figure
	look look
}

// drawBars draws a metric of a case, a bar for each target, with the range of the
// rounds.
func (r *Report) drawBars(cells []*Cell, spec Plot) (drawing, error) {
	m, all := metric(spec.Metric), r.looks()
	var bars []bar
	for _, c := range cells {
		if f, ok := c.Figure(m.Name); ok {
			bars = append(bars, bar{r.title(c.Target), f, all[c.Target]})
		}
	}
	if len(bars) == 0 {
		return drawing{}, nil
	}
	slices.Reverse(bars) // the first is on top
	p := empty()
	p.X.Label.Text = m.Head()
	p.X.Min = 0
	p.X.Tick.Marker = steps{}
	var names []string
	for i, b := range bars {
		names = append(names, short(b.name))
		if err := addBar(p, m, i, b); err != nil {
			return drawing{}, err
		}
	}
	p.NominalY(names...)
	p.Y.Tick.Length, p.Y.Padding = 0, 8
	p.X.Max *= 1.2 // room for the figures
	text, err := svg(p, vg.Length(60+23*len(bars)))
	return drawing{SVG: text}, err
}

func addBar(p *plot.Plot, m Metric, at int, b bar) error {
	shape, err := plotter.NewBarChart(plotter.Values{b.f.Median * m.Scale}, 13)
	if err != nil {
		return err
	}
	shape.Horizontal, shape.XMin, shape.Color, shape.LineStyle.Width = true, float64(at), b.look.color, 0
	p.Add(shape)
	y := float64(at)
	spread, err := plotter.NewLine(plotter.XYs{{X: b.f.Minimum * m.Scale, Y: y}, {X: b.f.Maximum * m.Scale, Y: y}})
	if err != nil {
		return err
	}
	spread.Color, spread.Width = ink, 1
	p.Add(spread)
	label, err := plotter.NewLabels(plotter.XYLabels{
		XYs: plotter.XYs{{X: max(b.f.Maximum, b.f.Median) * m.Scale, Y: y}}, Labels: []string{m.Show(b.f.Median)},
	})
	if err != nil {
		return err
	}
	label.TextStyle[0].Font, label.TextStyle[0].Color = font.From(sans, 11), ink
	label.TextStyle[0].YAlign = text.YCenter
	label.Offset.X = 5
	p.Add(label)
	return nil
}

// short drops the product's name where the rest tells enough.
func short(title string) string {
	if rest, ours := strings.CutPrefix(title, "InfiniRouter, "); ours {
		return "ours, " + rest
	}
	return title
}

// drawSizes draws a metric against the body's size.
func (r *Report) drawSizes(s *Scenario, spec Plot) ([]drawing, error) {
	m, all := metric(spec.Metric), r.looks()
	lines := map[string]plotter.XYs{}
	var order []string
	for i := range s.Cells {
		c := &s.Cells[i]
		f, ok := c.Figure(m.Name)
		if !ok || c.Bytes == 0 {
			continue
		}
		if lines[c.Target] == nil {
			order = append(order, c.Target)
		}
		lines[c.Target] = append(lines[c.Target], plotter.XY{X: float64(c.Bytes), Y: f.Median * m.Scale})
	}
	if len(order) == 0 {
		return nil, nil
	}
	p := empty()
	p.X.Label.Text, p.Y.Label.Text = "body of the request", m.Head()
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, byteTicks{}
	p.Y.Min, p.Y.Tick.Marker = 0, steps{}
	p.Add(grid())
	for _, name := range order {
		if err := addLine(p, lines[name], all[name], true); err != nil {
			return nil, err
		}
	}
	svg, err := svg(p, plotHeight)
	return []drawing{{Title: spec.Title, SVG: svg, Keys: order}}, err
}

// drawCurve draws a distribution of a case: high percentiles, as far apart as
// they are rare, on a scale of factors.
func (r *Report) drawCurve(cells []*Cell, spec Plot) (drawing, error) {
	all := r.looks()
	p := empty()
	p.X.Label.Text, p.Y.Label.Text = "percentile", "ms"
	p.X.Tick.Marker = nines
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, factors{}
	p.Add(grid())
	var d drawing
	for _, c := range cells {
		var line plotter.XYs
		for _, at := range c.Curve(spec.Curve) {
			if at.Value > 0 && at.Percentile < 100 {
				line = append(line, plotter.XY{X: rarity(at.Percentile), Y: at.Value * milli})
			}
		}
		if len(line) == 0 {
			continue
		}
		if err := addLine(p, line, all[c.Target], false); err != nil {
			return d, err
		}
		d.Keys = append(d.Keys, c.Target)
	}
	if len(d.Keys) == 0 {
		return d, nil
	}
	var err error
	d.SVG, err = svg(p, plotHeight)
	return d, err
}

// rarity is 0 for all, 1 for one of ten, 2 for one of a hundred.
func rarity(percentile float64) float64 { return -math.Log10(1 - percentile/100) }

func addLine(p *plot.Plot, points plotter.XYs, l look, marks bool) error {
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.Color, line.Width, line.Dashes = l.color, l.width, l.dashes
	p.Add(line)
	if !marks {
		return nil
	}
	scatter, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	scatter.Color, scatter.Radius, scatter.Shape = l.color, 3, l.glyph
	p.Add(scatter)
	return nil
}

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = pale, pale
	g.Vertical.Width, g.Horizontal.Width = 0.6, 0.6
	return g
}
