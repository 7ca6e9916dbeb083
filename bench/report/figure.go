package report

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Figure is a metric over the rounds.
type Figure struct {
	Values           []float64 // by round
	Median, MAD      float64
	Minimum, Maximum float64
}

// Figure returns the cell's figure; false if no round has it.
func (c *Cell) Figure(metric string) (Figure, bool) {
	var f Figure
	for _, r := range c.Rounds {
		if v, ok := r.Values[metric]; ok {
			f.Values = append(f.Values, v)
		}
	}
	if len(f.Values) == 0 {
		return f, false
	}
	f.Median = Median(f.Values)
	f.Minimum, f.Maximum = slices.Min(f.Values), slices.Max(f.Values)
	var away []float64
	for _, v := range f.Values {
		away = append(away, math.Abs(v-f.Median))
	}
	f.MAD = Median(away)
	return f, true
}

// Median returns the median of values, 0 of none.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Curve is a distribution over the rounds: of each percentile the median. Rounds
// without one do not count.
func (c *Cell) Curve(name string) []Point {
	values := map[float64][]float64{}
	var order []float64
	for _, r := range c.Rounds {
		for _, p := range r.Curves[name] {
			if values[p.Percentile] == nil {
				order = append(order, p.Percentile)
			}
			values[p.Percentile] = append(values[p.Percentile], p.Value)
		}
	}
	slices.Sort(order)
	var curve []Point
	for _, p := range order {
		curve = append(curve, Point{p, Median(values[p])})
	}
	return curve
}

// Show writes a value in the metric's unit, with three digits that count.
func (m Metric) Show(value float64) string { return digits(value * m.Scale) }

// ShowFigure writes a figure as median ± MAD.
func (m Metric) ShowFigure(f Figure) string {
	text := m.Show(f.Median)
	if len(f.Values) < 2 || f.MAD == 0 {
		return text
	}
	return text + " ±" + like(f.MAD*m.Scale, text)
}

// digits writes x with three digits that count, and no fewer before the point.
func digits(x float64) string {
	a := math.Abs(x)
	switch {
	case a >= 99.95 || x == math.Trunc(x) && a < 1e6:
		return group(strconv.FormatFloat(x, 'f', 0, 64))
	case a >= 9.995:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case a >= 0.995:
		return strconv.FormatFloat(x, 'f', 2, 64)
	default:
		return strconv.FormatFloat(x, 'f', 3, 64)
	}
}

// like writes x with as many digits behind the point as text has.
func like(x float64, text string) string {
	_, fraction, _ := strings.Cut(text, ".")
	return group(strconv.FormatFloat(x, 'f', len(fraction), 64))
}

// group puts commas between thousands.
func group(text string) string {
	whole, fraction, point := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + fraction
	}
	return sign + whole
}
