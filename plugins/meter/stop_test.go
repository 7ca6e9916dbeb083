package meter

import (
	"strings"
	"testing"
)

// runaways are modules whose export "run", () -> (), would not end, or not soon.
var runaways = map[string]func(b *builder){
	"endless loop": func(b *builder) {
		b.hook("run", "", "", nil, opLoop, 0x40, opBr, 0, opEnd)
	},
	"endless loop by br_table": func(b *builder) {
		b.hook("run", "", "", nil, opLoop, 0x40, i32(1), opBrTable, 1, 0, 0, opEnd)
	},
	"endless loop by br_if": func(b *builder) {
		b.hook("run", "", "", nil, opLoop, 0x40, i32(1), opBrIf, 0, opEnd)
	},
	"endless outer loop": func(b *builder) {
		b.hook("run", "", "", nil, opLoop, 0x40, opLoop, 0x40, opBlock, 0x40, opBr, 2, opEnd, opEnd, opEnd)
	},
	"recursion": func(b *builder) {
		b.hook("run", "", "", nil, call(0))
	},
	"recursion with large frames": func(b *builder) {
		var values []byte // 200 of them alive across the call
		for i := range 200 {
			values = append(values, code(get(0), i64(int64(i)), 0x7e)...)
		}
		f := b.fn(tI64, tI64, nil, values, get(0), call(0), rep(200, []byte{opI64Add}))
		b.hook("run", "", "", nil, i64(1), call(f), opDrop)
	},
	"mutual recursion": func(b *builder) {
		b.fn("", "", nil, call(1))
		b.fn("", "", nil, call(0))
		b.export("run", KindFunction, 0)
	},
	"recursion through the table": func(b *builder) {
		b.table(1)
		f := b.hook("run", "", "", nil, i32(0), opCallIndirect, 0, 0)
		b.elem(0, f)
	},
	"fib of 60": func(b *builder) {
		f := b.fn(tI32, tI32, nil, get(0), i32(2), opI32LtU, opIf, typeI32, get(0), opElse,
			get(0), i32(1), opI32Sub, call(0), get(0), i32(2), opI32Sub, call(0), opI32Add, opEnd)
		b.hook("run", "", "", nil, i32(60), call(f), opDrop)
	},
	"memory.fill storm": func(b *builder) {
		b.memory(256, 256)
		b.hook("run", "", "", nil, opLoop, 0x40, i32(0), i32(7), i32(256<<16), 0xfc, 11, 0, opBr, 0, opEnd)
	},
	"memory.copy storm": func(b *builder) {
		b.memory(256, 256)
		b.hook("run", "", "", nil, rep(2000, code(i32(0), i32(1), i32(255<<16), 0xfc, 10, 0, 0)))
	},
	"table.copy storm": func(b *builder) {
		b.table(65_536)
		b.hook("run", "", "", nil, rep(400, code(i32(0), i32(1), i32(65_535), 0xfc, 14, 0, 0)))
	},
	"memory.grow": func(b *builder) {
		b.memory(1, 65_536)
		b.hook("run", "", "", nil, opLoop, 0x40, i32(400), opMemoryGrow, 0, opDrop, opBr, 0, opEnd)
	},
	"memory.grow by nothing": func(b *builder) {
		b.memory(1, 1)
		b.hook("run", "", "", nil, opLoop, 0x40, i32(0), opMemoryGrow, 0, opDrop, opBr, 0, opEnd)
	},
	"host calls": func(b *builder) {
		double := b.imp("env", "double", b.typ(tI32, tI32))
		b.hook("run", "", "", nil, opLoop, 0x40, i32(1), call(double), opDrop, opBr, 0, opEnd)
	},
}

// TestStops: with the fuel of a hook every runaway ends by its fuel, not by any
// other limit, and the host can tell.
func TestStops(t *testing.T) {
	const hookFuel = 10_000_000
	for name, build := range runaways {
		t.Run(name, func(t *testing.T) {
			b := &builder{}
			build(b)
			in, err := start(t, metered(t, b.bytes()), plenty)
			if err != nil {
				t.Fatal(err)
			}
			_, err = in.call(hookFuel, "run")
			if err == nil || !strings.Contains(err.Error(), "unreachable") || in.left() >= 0 {
				t.Fatalf("got %v with %d fuel left, want the trap of a guest out of fuel", err, in.left())
			}
		})
	}
}

// TestOtherTrapsKeepFuel: only running out makes the fuel negative.
func TestOtherTrapsKeepFuel(t *testing.T) {
	b := &builder{}
	b.memory(1, 1)
	b.hook("unreachable", "", "", nil, opUnreachable)
	b.hook("bounds", "", "", nil, i32(65_536), opI32Load, 2, 0, opDrop)
	b.hook("divide", "", "", nil, i32(1), i32(0), 0x6d, opDrop)
	in, err := start(t, metered(t, b.bytes()), plenty)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"unreachable", "bounds", "divide"} {
		if _, err := in.call(1000, name); err == nil || in.left() < 0 || in.left() >= 1000 {
			t.Errorf("%s: %v with %d fuel left", name, err, in.left())
		}
	}
}

// TestStartIsMetered: a start function runs only when the host says so, and only
// as long as its fuel lasts. Instantiation alone runs nothing.
func TestStartIsMetered(t *testing.T) {
	b := &builder{}
	b.raw[sectionStart] = u(b.fn("", "", nil, opLoop, 0x40, opBr, 0, opEnd))
	in, err := start(t, metered(t, b.bytes()), 1_000_000)
	if in == nil {
		t.Fatal(err)
	}
	if err == nil || in.left() >= 0 {
		t.Fatalf("got %v with %d fuel left", err, in.left())
	}
}

// TestNoFuelNoWork: without fuel not even the first instruction of a function
// has an effect.
func TestNoFuelNoWork(t *testing.T) {
	b := &builder{}
	b.memory(1, 1)
	b.export("memory", KindMemory, 0)
	b.hook("run", "", "", nil, i32(0), i32(1), opI32Store, 2, 0)
	in, err := start(t, metered(t, b.bytes()), plenty)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.call(0, "run"); err == nil {
		t.Fatal("ran without fuel")
	}
	if v, _ := in.module.Memory().ReadUint32Le(0); v != 0 {
		t.Errorf("stored %d without fuel", v)
	}
}

// TestPrices pins what single constructs cost, so that a change of the account
// is seen: fuel is what operators set limits in.
func TestPrices(t *testing.T) {
	c := DefaultCosts()
	grow := pageBytes / c.BytesPerUnit
	for name, p := range map[string]struct {
		want int64
		body []byte
	}{
		"nothing":            {c.Call, nil},
		"add":                {c.Call + 4, code(i32(1), i32(2), opI32Add, opDrop)},
		"division":           {c.Call + 3 + c.Slow, code(i32(1), i32(2), 0x6e, opDrop)},
		"dear arm not taken": {c.Call + 2 + 6, code(i32(0), opIf, 0x40, rep(3, code(i32(1), opDrop)), opElse, i32(1), opDrop, opEnd)},
		"behind return":      {c.Call + 1, code(opReturn, rep(9, code(i32(1), opDrop)))},
		"branch over":        {c.Call + 1 + 2, code(opBlock, 0x40, opBr, 0, rep(9, code(i32(1), opDrop)), opEnd, i32(1), opDrop)},
		"loop passed once":   {c.Call + c.Loop + 2, code(opLoop, 0x40, i32(1), opDrop, opEnd)},
		"loop passed thrice": {c.Call + 2 + 3*(c.Loop+7), code(i32(0), opDrop, opLoop, 0x40, get(0), i32(1), opI32Add, opLocalTee, 0, i32(3), opI32LtU, opBrIf, 0, opEnd)},
		"way out of a loop":  {c.Call + c.Loop + 1 + 2, code(opBlock, 0x40, opLoop, 0x40, opBr, 1, opEnd, rep(9, code(i32(1), opDrop)), opEnd, i32(1), opDrop)},
		"fill of 160 bytes":  {c.Call + 3 + c.Bulk + 160/c.BytesPerUnit, code(i32(0), i32(0), i32(160), 0xfc, 11, 0)},
		"fill of 3 bytes":    {c.Call + 3 + c.Bulk + 3/c.BytesPerUnit, code(i32(0), i32(0), i32(3), 0xfc, 11, 0)},
		"growing two pages":  {c.Call + 2 + c.Grow + 2*grow, code(i32(2), opMemoryGrow, 0, opDrop)},
		"growing too far":    {c.Call + 2 + c.Grow, code(i32(11), opMemoryGrow, 0, opDrop)},
		"growing by -1":      {c.Call + 2 + c.Grow, code(i32(-1), opMemoryGrow, 0, opDrop)},
		"host call":          {c.Call + 2 + c.HostCall, code(i32(2), call(0), opDrop)},
		"vector constant":    {c.Call + 4, code(opPrefixVector, vecConst, rep(16, []byte{0}), opDrop, i32(0), opDrop)},
	} {
		b := &builder{}
		b.imp("env", "double", b.typ(tI32, tI32))
		b.memory(1, 10)
		locals, want := []byte(nil), p.want
		if strings.Contains(name, "thrice") {
			locals, want = code(1, 1, typeI32), want+c.Local
		}
		b.hook("run", "", "", locals, p.body)
		in, err := start(t, metered(t, b.bytes()), plenty)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.call(plenty, "run"); err != nil {
			t.Fatal(err)
		}
		if got := plenty - in.left(); got != want {
			t.Errorf("%s: costs %d, want %d", name, got, want)
		}
	}
}
