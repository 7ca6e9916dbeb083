package meter

import (
	"runtime"
	"testing"
)

// dense are modules whose every byte makes work for the validator or the
// rewriter: they come closest to the bounds that Inspect and Instrument state.
var dense = map[string]func(b *builder){
	"types": func(b *builder) {
		for range 4000 {
			b.typ("", "")
		}
	},
	"imports": func(b *builder) {
		b.typ("", "")
		for range 500 {
			b.add(sectionImport, 0, 0, 0, 0)
		}
	},
	"exports": func(b *builder) {
		f := b.fn("", "", nil)
		for i := range 4000 {
			b.export(string([]byte{byte('0' + i%64), byte('0' + i/64)}), KindFunction, f)
		}
	},
	"functions": func(b *builder) {
		b.fn("", "", nil)
		for range 40_000 {
			b.add(sectionFunction, 0)
			b.add(sectionCode, 2, 0, opEnd)
		}
	},
	"loops": func(b *builder) {
		b.fn("", "", nil)
		for range 30_000 {
			b.add(sectionFunction, 0)
			b.add(sectionCode, 14, 0, rep(4, code(opLoop, 0x40, opEnd)), opEnd)
		}
	},
	"loops of one function": func(b *builder) {
		b.fn("", "", nil, rep(1200, code(opLoop, 0x40, opEnd)))
	},
	"nesting": func(b *builder) {
		b.fn("", "", nil, rep(8000, code(opBlock, 0x40)), rep(8000, []byte{opEnd}))
	},
	"bulk instructions": func(b *builder) {
		b.memory(1, 1)
		for range 30 {
			b.fn("", "", nil, rep(500, code(opMemoryGrow, 0)))
		}
	},
	"large helpers' index": func(b *builder) {
		b.memory(1, 1)
		b.fn("", "", nil, rep(500, code(opMemoryGrow, 0)))
		for range 20_000 {
			b.add(sectionFunction, 0)
			b.add(sectionCode, 8, 0, opUnreachable, opMemoryGrow, 0, opMemoryGrow, 0, opDrop, opEnd)
		}
	},
	"globals": func(b *builder) {
		for range 4000 {
			b.add(sectionGlobal, typeI32, 0, i32(0), opEnd)
		}
	},
	"data segments": func(b *builder) {
		b.memory(1, 1)
		for range 100_000 {
			b.add(sectionData, 1, 0)
		}
	},
	"empty custom sections": func(b *builder) {
		b.tail = rep(100_000, []byte{sectionCustom, 1, 0})
	},
	"long export names": func(b *builder) {
		f := b.fn("", "", nil)
		for i := range 4000 {
			b.export(string(rep(1000, []byte{'n'}))+string([]byte{byte('0' + i%64), byte('0' + i/64)}), KindFunction, f)
		}
	},
	"many parameters of many imports": func(b *builder) {
		b.typ(string(rep(250, []byte(tI32))), "")
		for range 500 {
			b.add(sectionImport, 0, 0, 0, 0)
		}
	},
	"types of imports and exports": func(b *builder) {
		for i := range 500 {
			b.imp("", "", b.typ(string(rep(i%3, []byte(tI32))), tI64))
			b.export(string([]byte{byte('0' + i%64), byte('0' + i/64)}), KindFunction, i)
		}
	},
	"a name section": func(b *builder) {
		b.fn("", "", nil)
		var names []byte
		for i := range 40_000 {
			b.add(sectionFunction, 0)
			b.add(sectionCode, 2, 0, opEnd)
			names = append(append(names, u(i)...), 0)
		}
		names = code(u(40_000), names)
		c := code(str("name"), 1, u(len(names)), names)
		b.tail = code(sectionCustom, u(len(c)), c)
	},
	"br_table": func(b *builder) {
		b.fn("", "", nil, i32(0), opBrTable, u(16_000), rep(16_001, []byte{0}))
	},
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestBounds holds the stated bounds on memory and on the size of the result.
func TestBounds(t *testing.T) {
	for name, build := range dense {
		t.Run(name, func(t *testing.T) {
			b := &builder{}
			build(b)
			checkBounds(t, b.bytes(), true)
		})
	}
}

// TestBoundsOfRefused holds the bounds where a count, a size or a name is what is
// wrong: none of them may cost anything before it is believed.
func TestBoundsOfRefused(t *testing.T) {
	most := u(1<<32 - 1)
	for id := range byte(sectionIDs) {
		content := code(most, rep(64, []byte{0}))
		checkBounds(t, code(wasmHeader, id, u(len(content)), content), false)
		checkBounds(t, code(wasmHeader, id, most), false)
	}
	same := &builder{}
	same.fn("", "", nil)
	for range 4000 {
		same.export("the same name as all the others", KindFunction, 0)
	}
	checkBounds(t, same.bytes(), false)
	checkBounds(t, code(wasmHeader, rep(100_000, []byte{sectionType, 1, 0})), false)
	for _, r := range refusals {
		b := &builder{}
		r.build(b)
		checkBounds(t, b.bytes(), false)
	}
}

func checkBounds(tb testing.TB, wasm []byte, accept bool) {
	tb.Helper()
	size := uint64(len(wasm))
	var err error
	if got, most := allocated(func() { _, err = Inspect(wasm, DefaultLimits()) }), inspectBytes*size+fixedBytes; got > most {
		tb.Errorf("Inspect allocated %d for %d bytes, over %d", got, size, most)
	}
	var out []byte
	got := allocated(func() { out, _, err = Instrument(wasm, DefaultLimits(), DefaultCosts()) })
	if most := instrumentBytes*size + fixedBytes; got > most {
		tb.Errorf("Instrument allocated %d for %d bytes, over %d", got, size, most)
	}
	if accept && err != nil {
		tb.Error(err)
	}
	if most := resultBytes*size + 1024; uint64(len(out)) > most {
		tb.Errorf("%d bytes became %d, over %d", size, len(out), most)
	}
	if accept {
		tb.Logf("%d bytes: Instrument allocated %.1f bytes for each, result %.1f", size,
			float64(got)/float64(size), float64(len(out))/float64(size))
	}
}

// The bounds as the doc comments of Inspect and Instrument state them.
const (
	inspectBytes    = 40
	instrumentBytes = 64
	resultBytes     = 24
	fixedBytes      = 1 << 20
)
