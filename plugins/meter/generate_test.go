package meter

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// choices turns the bytes of a fuzzer into decisions. When they are used up
// every decision is 0, which is the one that ends things.
type choices struct{ bytes []byte }

// of decides among n, up to 65,536.
func (c *choices) of(n int) int {
	v := 0
	for width := 1; width < n; width <<= 8 {
		if len(c.bytes) == 0 {
			return 0
		}
		v, c.bytes = v<<8|int(c.bytes[0]), c.bytes[1:]
	}
	return v % n
}

func (c *choices) yes() bool { return c.of(2) == 1 }

func pick[T any](c *choices, from []T) T { return from[c.of(len(from))] }

// randomChoices are the bytes for one of many modules, the same every time.
func randomChoices(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// generated is a module that is valid by construction, and what to call in it.
type generated struct {
	wasm  []byte
	calls []generatedCall
	costs Costs
}

type generatedCall struct {
	name string
	args []uint64
}

// budgetGlobal is the first global of a generated module: how many functions it
// may enter and branches back it may take until it gives up. So it ends by
// itself, metered or not. The host sets it before each call.
const (
	budgetGlobal = 0
	budgetName   = "g0"
	budget       = 250
)

// sig is a function type, its value types as in the binary format.
type sig struct{ params, results string }

// generator makes one module.
type generator struct {
	choices
	b       *builder
	values  []byte // the value types in use
	types   map[sig]int
	funcs   []sig // imported ones first
	imports int
	globals []global
	slots   int // of the table
	data    int // segments
	elems   int // segments
	fn      *generatedFunction
}

// hostFuncs are the functions that a generated module imports from "host".
var hostFuncs = []struct {
	name string
	sig
}{
	{"note", sig{tI32, tI32}},
	{"tick", sig{"", ""}},
	{"mix", sig{tI64 + tF64, tF64}},
	{"trap", sig{tI32, ""}}, // if the argument is odd
}

// generate makes a module of a fuzzer's bytes.
func generate(bytes []byte) *generated {
	g := &generator{choices: choices{bytes}, b: &builder{}, types: map[sig]int{}}
	g.values = []byte{typeI32, typeI64, typeF32, typeF64}
	if g.yes() {
		g.values = append(g.values, typeV128)
	}
	costs := DefaultCosts()
	costs.Slice = pick(&g.choices, []int64{100_000, 1, 7, 1000})
	if g.of(8) == 7 {
		for i := range 62 { // so that indices of types take two bytes
			g.b.typ(strings.Repeat(tI32, i%3), strings.Repeat(tI64, i%2))
		}
	}
	g.declare()
	for f := g.imports; f < len(g.funcs); f++ {
		g.function(g.funcs[f])
	}
	out := &generated{costs: costs}
	for f := g.imports; f < len(g.funcs); f++ {
		name := fmt.Sprintf("f%d", f)
		g.b.export(name, KindFunction, f)
		out.calls = append(out.calls, generatedCall{name, g.arguments(g.funcs[f].params)})
	}
	for _, s := range []sig{{"", ""}, {"", tI32}, {tI32, tI32}} {
		out.calls = append(out.calls, g.probes(s)...)
	}
	if len(g.values) == 5 {
		out.calls = append(out.calls, g.peek())
	}
	out.wasm = g.b.bytes()
	return out
}

func (g *generator) typeOf(s sig) int {
	if _, ok := g.types[s]; !ok {
		g.types[s] = g.b.typ(s.params, s.results)
	}
	return g.types[s]
}

func (g *generator) someTypes(most int) string {
	var s []byte
	for range g.of(most + 1) {
		s = append(s, pick(&g.choices, g.values))
	}
	return string(s)
}

// declare fills the sections before the code.
func (g *generator) declare() {
	for _, h := range hostFuncs {
		g.b.imp("host", h.name, g.typeOf(h.sig))
		g.funcs = append(g.funcs, h.sig)
	}
	g.imports = len(g.funcs)
	for range 1 + g.of(5) {
		s := pick(&g.choices, []sig{{"", ""}, {"", tI32}, {tI32, tI32}, {g.someTypes(3), g.someTypes(3)}})
		g.b.add(sectionFunction, u(g.typeOf(s)))
		g.funcs = append(g.funcs, s)
	}
	if len(g.b.entries[sectionFunction]) > 0 && g.funcs[g.imports] == (sig{}) && g.yes() {
		g.b.raw[sectionStart] = u(g.imports)
	}
	g.b.memory(1+g.of(2), 4)
	g.b.export("memory", KindMemory, 0)
	g.declareGlobals()
	g.declareSegments()
}

func (g *generator) declareGlobals() {
	g.b.add(sectionGlobal, typeI32, 1, i32(budget), opEnd)
	g.globals = []global{{typeI32, true}}
	for _, t := range g.values {
		for range 2 {
			mutable := g.of(4) != 3
			g.b.add(sectionGlobal, t, count(mutable), g.constant(t), opEnd)
			g.globals = append(g.globals, global{t, mutable})
		}
	}
	for i := range g.globals {
		g.b.export(fmt.Sprintf("g%d", i), KindGlobal, i)
	}
}

// declareSegments fills the table with functions, and adds passive segments.
func (g *generator) declareSegments() {
	g.slots = 4 + g.of(5)
	g.b.table(g.slots)
	g.b.elem(g.of(2), g.someFunctions(g.slots-1)...)
	for _, kind := range []byte{1, 1, 3} {
		list := g.someFunctions(3)
		c := code(kind, 0, u(len(list)))
		for _, f := range list {
			c = append(c, u(f)...)
		}
		g.b.add(sectionElement, c)
	}
	g.elems = 4
	g.b.add(sectionData, 0, i32(int64(g.of(300))), opEnd, str("some bytes that are there from the beginning"))
	g.b.add(sectionData, 1, str("a passive segment, to be copied by memory.init"))
	g.b.add(sectionData, 1, str(""))
	g.data = 3
	g.b.raw[sectionDataCount] = u(g.data)
}

func (g *generator) someFunctions(most int) (list []int) {
	for range g.of(most + 1) {
		list = append(list, g.of(len(g.funcs)))
	}
	return list
}

// arguments are words for parameters as wazero takes them.
func (g *generator) arguments(types string) (words []uint64) {
	for _, t := range []byte(types) {
		word := pick(&g.choices, corners)
		switch t {
		case typeI32, typeF32:
			word &= 1<<32 - 1
		case typeV128:
			words = append(words, word)
		}
		words = append(words, word)
	}
	return words
}

// probes adds an export that calls the table's functions of one type, so that
// what is in the table at the end can be seen.
func (g *generator) probes(s sig) (calls []generatedCall) {
	g.fn = &generatedFunction{}
	for _, t := range []byte(s.params) {
		g.emit(g.constant(t))
	}
	g.emit(get(0), opCallIndirect, u(g.typeOf(s)), 0)
	for range s.results {
		g.emit(opDrop)
	}
	g.b.funcs = len(g.funcs)
	name := fmt.Sprintf("probe%d", len(g.funcs))
	g.funcs = append(g.funcs, sig{tI32, ""})
	g.b.hook(name, tI32, "", nil, g.fn.code)
	for slot := range g.slots {
		calls = append(calls, generatedCall{name, []uint64{uint64(slot)}})
	}
	return calls
}

// peek adds an export that returns the vectors among the globals, of which
// wazero's interface shows a half.
func (g *generator) peek() generatedCall {
	g.fn = &generatedFunction{}
	results := ""
	for i, global := range g.globals {
		if global.valueType == typeV128 {
			results += tV128
			g.emit(opGlobalGet, u(i))
		}
	}
	g.b.hook("peek", "", results, nil, g.fn.code)
	return generatedCall{name: "peek"}
}
