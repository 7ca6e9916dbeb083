package report

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
)

// steps are some four round numbers from 0 on.
type steps struct{}

// Ticks chooses them.
func (steps) Ticks(low, high float64) []plot.Tick {
	step := math.Pow(10, math.Floor(math.Log10(max(high-low, 1e-9)/4)))
	for _, by := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*by) <= 5 {
			step *= by
			break
		}
	}
	var ticks []plot.Tick
	for x := math.Ceil(low/step) * step; x <= high+step/1e6; x += step {
		ticks = append(ticks, plot.Tick{Value: x, Label: short3(x)})
	}
	return ticks
}

// factors are 1, 2 and 5 of each power of ten, or 1 alone where those are many.
type factors struct{}

// Ticks chooses them.
func (factors) Ticks(low, high float64) []plot.Tick {
	of := []float64{1, 2, 5}
	if high/low > 1000 {
		of = of[:1]
	}
	var ticks []plot.Tick
	for power := math.Floor(math.Log10(low)); power <= math.Ceil(math.Log10(high)); power++ {
		for _, n := range of {
			if x := n * math.Pow(10, power); x >= low*0.999 && x <= high*1.001 {
				ticks = append(ticks, plot.Tick{Value: x, Label: short3(x)})
			}
		}
	}
	return ticks
}

// short3 writes a round number without needless digits.
func short3(x float64) string {
	if math.Abs(x) >= 1000 {
		return group(fmt.Sprintf("%.0f", x))
	}
	return fmt.Sprintf("%.3g", x)
}

// byteTicks are the powers of ten KiB.
type byteTicks struct{}

// Ticks chooses them.
func (byteTicks) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for _, x := range []struct {
		bytes float64
		label string
	}{{1 << 10, "1 KiB"}, {10 << 10, "10 KiB"}, {100 << 10, "100 KiB"}, {1 << 20, "1 MiB"}, {10 << 20, "10 MiB"}} {
		if x.bytes >= low*0.99 && x.bytes <= high*1.01 {
			ticks = append(ticks, plot.Tick{Value: x.bytes, Label: x.label})
		}
	}
	return ticks
}

// nines are the percentiles that people name, on the scale of rarity.
var nines = plot.ConstantTicks{
	{Value: 0, Label: "0"},
	{Value: rarity(50), Label: "50"},
	{Value: rarity(90), Label: "90"},
	{Value: rarity(99), Label: "99"},
	{Value: rarity(99.9), Label: "99.9"},
	{Value: rarity(99.99), Label: "99.99"},
}
