package meter

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

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
		agreesWithWazero(t, wasm)
	})
}

// FuzzDamage is FuzzInstrument on modules that are generated valid and then
// damaged at a few places.
func FuzzDamage(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomChoices(seed, 200), randomChoices(seed+1000, int(seed)*2))
	}
	f.Fuzz(func(t *testing.T, choose, harm []byte) {
		if len(choose) > 2000 || len(harm) > 100 {
			return
		}
		agreesWithWazero(t, damage(generate(choose).wasm, harm))
	})
}

// damage changes a module as a fuzzer's bytes say: it sets, flips, removes and
// doubles bytes and cuts the end off.
func damage(wasm, harm []byte) []byte {
	c := &choices{harm}
	for len(c.bytes) > 0 && len(wasm) > 0 {
		at := c.of(min(len(wasm), 1<<16))
		switch c.of(6) {
		case 0:
			wasm[at] = byte(c.of(256))
		case 1:
			wasm[at] ^= 1 << c.of(8)
		case 2:
			wasm[at]++
		case 3:
			wasm = append(wasm[:at:at], wasm[at+1:]...)
		case 4:
			wasm = append(wasm[:at+1:at+1], wasm[at:]...)
		case 5:
			wasm = wasm[:len(wasm)-c.of(len(wasm))/8]
		}
	}
	return wasm
}

func agreesWithWazero(t *testing.T, wasm []byte) {
	t.Helper()
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

// TestDamaged runs some of what FuzzDamage does every time.
func TestDamaged(t *testing.T) {
	accepted := 0
	for seed := range uint64(600) {
		wasm := damage(generate(randomChoices(seed, 300)).wasm, randomChoices(seed, 2+int(seed%9)))
		t.Run(fmt.Sprint(seed), func(t *testing.T) { agreesWithWazero(t, wasm) })
		if _, err := Inspect(wasm, DefaultLimits()); err == nil {
			accepted++
		}
	}
	if accepted < 50 || accepted > 550 {
		t.Errorf("%d of 600 damaged modules are accepted: the test needs both kinds", accepted)
	}
}

// TestDamagedGoGuest cuts and flips a module of megabytes.
func TestDamagedGoGuest(t *testing.T) {
	whole := guestWasm(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		checkBounds(t, whole[:r.IntN(len(whole))], false)
		flipped := append([]byte(nil), whole...)
		flipped[r.IntN(len(flipped))] ^= 1 << r.IntN(8)
		checkBounds(t, flipped, false)
	}
}
