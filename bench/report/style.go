package report

import (
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// look is how a target looks in plots.
type look struct {
	color  color.RGBA
	width  vg.Length
	dashes []vg.Length
	glyph  draw.GlyphDrawer
}

func rgb(hex uint32) color.RGBA {
	return color.RGBA{uint8(hex >> 16), uint8(hex >> 8), uint8(hex), 255}
}

// looks are of the targets that we know: the router in blues, told apart by their
// depth, everything else thinner.
var looks = map[string]look{
	"direct":       {rgb(0x8a8f98), 1.2, []vg.Length{4, 3}, draw.PlusGlyph{}},
	"router-0":     {rgb(0x7db6ec), 2, nil, draw.CircleGlyph{}},
	"router-1":     {rgb(0x3d86d6), 2, nil, draw.CircleGlyph{}},
	"router-3":     {rgb(0x0b4fa3), 2.6, nil, draw.CircleGlyph{}},
	"nginx":        {rgb(0x1e9e61), 1.4, nil, draw.SquareGlyph{}},
	"haproxy":      {rgb(0xe08a00), 1.4, nil, draw.TriangleGlyph{}},
	"caddy":        {rgb(0x8e5bd0), 1.4, nil, draw.PyramidGlyph{}},
	"reverseproxy": {rgb(0x9a6b4f), 1.4, []vg.Length{6, 2}, draw.CrossGlyph{}},
	"fasthttp":     {rgb(0xd64545), 1.4, []vg.Length{2, 2}, draw.BoxGlyph{}},
}

// others are the colours of targets that we do not know, by turns.
var others = []color.RGBA{rgb(0x0fa3b1), rgb(0xb5179e), rgb(0x6a994e), rgb(0xbc6c25), rgb(0x3a506b)}

// looks returns how each target of the report looks.
func (r *Report) looks() map[string]look {
	all := map[string]look{}
	next := 0
	name := func(target string) {
		if _, ok := all[target]; ok {
			return
		}
		l, known := looks[target]
		if !known {
			l = look{others[next%len(others)], 1.4, nil, draw.RingGlyph{}}
			next++
		}
		all[target] = l
	}
	for _, t := range r.Targets {
		name(t.Name)
	}
	for i := range r.Scenarios {
		for j := range r.Scenarios[i].Cells {
			name(r.Scenarios[i].Cells[j].Target)
		}
	}
	return all
}
