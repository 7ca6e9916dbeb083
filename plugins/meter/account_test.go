package meter

import (
	"math/rand/v2"
	"testing"
)

// program writes random functions that count their own work in a global, so
// that the account of fuel can be held against it. Which way a branch goes hangs
// on a generator that runs in the guest.
type program struct {
	r     *rand.Rand
	depth int // open blocks
	left  int // statements
}

// unitInstructions is how many instructions count one unit of work.
const unitInstructions = 4

func unit() []byte {
	return code(opGlobalGet, 0, i64(1), opI64Add, opGlobalSet, 0)
}

// coin pushes a number below n, a power of two.
func coin(n int) []byte {
	return code(get(0), i32(1664525), opI32Mul, i32(1013904223), opI32Add, opLocalTee, 0,
		i32(24), 0x76, i32(int64(n-1)), 0x71) // shift right, and
}

func (p *program) statements(n int) []byte {
	var b []byte
	for range n {
		if p.left == 0 {
			break
		}
		p.left--
		b = append(b, p.statement()...)
	}
	return b
}

func (p *program) nested(open ...any) []byte {
	p.depth++
	body := p.statements(1 + p.r.IntN(5))
	p.depth--
	return code(code(open...), body, opEnd)
}

func (p *program) label() int { return p.r.IntN(p.depth + 1) }

func (p *program) statement() []byte {
	switch p.r.IntN(12) {
	case 0:
		return p.nested(opBlock, 0x40)
	case 1:
		return p.nested(opLoop, 0x40)
	case 2:
		return code(opLoop, 0x40, unit(), coin(4), opBrIf, 0, opEnd)
	case 3:
		return p.nested(coin(2), opIf, 0x40)
	case 4:
		p.depth++
		then, otherwise := p.statements(3), p.statements(3)
		p.depth--
		return code(coin(2), opIf, 0x40, then, opElse, otherwise, opEnd)
	case 5, 6:
		return code(coin(8), opBrIf, u(p.label()))
	case 7:
		return code(coin(4), 0x45, opIf, 0x40, opBr, u(1+p.label()), opEnd)
	case 8:
		return code(opBlock, 0x40, coin(4), opBrTable, 3, u(1+p.label()), 0, 0, 0, opEnd)
	case 9:
		return code(coin(8), 0x45, opIf, 0x40, opReturn, opEnd)
	default:
		return rep(1+p.r.IntN(6), unit())
	}
}

// TestNeverPaysTooLittle runs random programs: whatever path control took, and
// whether they ended or ran dry, the fuel spent covers the work counted.
func TestNeverPaysTooLittle(t *testing.T) {
	dry, ended := 0, 0
	for seed := range uint64(300) {
		p := &program{r: rand.New(rand.NewPCG(seed, 1))}
		b := &builder{}
		b.add(sectionGlobal, typeI64, 1, i64(0), opEnd)
		b.export("work", KindGlobal, 0)
		for range 3 {
			p.left = 60
			b.fn(tI32, "", nil, p.statements(40))
		}
		b.hook("run", tI32, "", nil, get(0), call(0), get(0), call(1), get(0), call(2))
		in, err := start(t, metered(t, b.bytes()), plenty)
		if err != nil {
			t.Fatal(err)
		}
		const fuel = 20_000
		_, err = in.call(fuel, "run", seed)
		if err != nil && in.left() >= 0 {
			t.Fatalf("seed %d: %v", seed, err)
		}
		paid := int64(fuel)
		if in.left() >= 0 {
			paid -= in.left()
			ended++
		} else {
			dry++
		}
		work := int64(in.module.ExportedGlobal("work").Get()) * unitInstructions
		if work > paid {
			t.Fatalf("seed %d: %d instructions ran for %d fuel", seed, work, paid)
		}
	}
	if dry == 0 || ended == 0 {
		t.Errorf("%d programs ran dry and %d ended: the test needs some of both", dry, ended)
	}
}
