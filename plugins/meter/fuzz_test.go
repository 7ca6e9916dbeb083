package meter

import "testing"

// FuzzInstrument: no input makes us panic, hang or allocate beyond the bounds,
// and what wazero compiles it still compiles metered, and nothing else.
func FuzzInstrument(f *testing.F) {
	f.Add([]byte(wasmHeader))
	for _, set := range []map[string]func(b *builder){accepted, guests, runaways} {
		for _, build := range set {
			b := &builder{}
			build(b)
			f.Add(b.bytes())
		}
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		if len(wasm) > 4096 { // larger ones only make the compiler slow
			return
		}
		checkBounds(t, wasm, false)
		out, info, err := Instrument(wasm, DefaultLimits(), DefaultCosts())
		if err != nil {
			if out != nil || info != nil || err.Error() == "" {
				t.Fatalf("refused with a result, or without a word: %v", err)
			}
			return
		}
		was, is := compiles(t, withoutCustom(wasm)), compiles(t, out)
		if (was == nil) != (is == nil) {
			t.Fatalf("wazero on the module: %v; metered: %v", was, is)
		}
	})
}

// withoutCustom leaves out the custom sections of an accepted module: wazero
// refuses some that are malformed, and they are not carried over.
func withoutCustom(wasm []byte) []byte {
	r := reader{b: wasm, pos: len(wasmHeader), end: len(wasm)}
	out := []byte(wasmHeader)
	for r.left() > 0 {
		at := r.pos
		id := r.byte()
		r.skip(r.length("section"))
		if id != sectionCustom {
			out = append(out, wasm[at:r.pos]...)
		}
	}
	return out
}
