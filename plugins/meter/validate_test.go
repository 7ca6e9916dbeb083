package meter

import (
	"errors"
	"strings"
	"testing"
)

// accepted are modules that must pass, each using one corner of the format.
var accepted = map[string]func(b *builder){
	"empty":          func(b *builder) {},
	"empty function": func(b *builder) { b.fn("", "", nil) },
	"multi-value block and results": func(b *builder) {
		two := b.typ("", tI32+tI32)
		b.fn("", tI32+tI32, nil, opBlock, u(two), i32(1), i32(2), opEnd)
	},
	"padded numbers": func(b *builder) {
		b.fn("", tI32, nil, opI32Const, 0x81, 0x80, 0x80, 0x80, 0x00)
	},
	"smallest and largest constants": func(b *builder) {
		b.fn("", "", nil, i32(-1<<31), opDrop, i32(1<<31-1), opDrop, i64(-1<<63), opDrop, i64(1<<63-1), opDrop)
	},
	"floats, sign extension, saturating": func(b *builder) {
		b.fn("", tI32, nil, opF64Const, "\x00\x00\x00\x00\x00\x00\xf0\x3f", 0xfc, 2, 0xc0)
	},
	"typed select": func(b *builder) {
		b.fn("", tI32, nil, i32(1), i32(2), i32(0), opSelectTyped, 1, typeI32)
	},
	"call_indirect with padded table index": func(b *builder) {
		b.table(1)
		f := b.fn("", "", nil)
		b.elem(0, f)
		b.fn("", "", nil, i32(0), opCallIndirect, 0, 0x80, 0x80, 0x80, 0x80, 0)
	},
	"all element kinds": func(b *builder) {
		b.table(4)
		f := b.fn("", "", nil, 0xfc, 13, 1)
		b.elem(0, f)
		b.add(sectionElement, 1, 0, 1, u(f))
		b.add(sectionElement, 2, 0, i32(1), opEnd, 0, 1, u(f))
		b.add(sectionElement, 3, 0, 1, u(f))
	},
	"all data kinds": func(b *builder) {
		b.memory(1, 2)
		b.raw[sectionDataCount] = u(3)
		b.add(sectionData, 0, i32(0), opEnd, str("a"))
		b.add(sectionData, 1, str("b"))
		b.add(sectionData, 2, 0, i32(0), opEnd, str("c"))
		b.fn("", "", nil, i32(0), i32(0), i32(1), 0xfc, 8, 1, 0, 0xfc, 9, 1)
	},
	"globals of every type": func(b *builder) {
		b.add(sectionImport, str("m"), str("g"), 3, typeI32, 0)
		b.add(sectionGlobal, typeI32, 1, opGlobalGet, 0, opEnd)
		b.add(sectionGlobal, typeF32, 0, opF32Const, "abcd", opEnd)
		b.add(sectionGlobal, typeF64, 1, opF64Const, "abcdefgh", opEnd)
		b.add(sectionGlobal, typeV128, 1, opPrefixVector, vecConst, "abcdefghabcdefgh", opEnd)
		b.fn("", "", nil, i32(1), opGlobalSet, 1)
	},
	"vectors": func(b *builder) {
		b.memory(1, 1)
		b.fn("", tV128, nil,
			i32(0), 0xfd, 0x00, 4, 0, // v128.load
			0xfd, 0x0c, rep(16, []byte{7}), // v128.const
			0xfd, 0x0d, rep(16, []byte{31}), // i8x16.shuffle
			i32(5), 0xfd, 0x17, 15, // i8x16.replace_lane
			i32(0), opI32Const, 0, opDrop, opDrop,
			0xfd, 0xe1, 1) // f32x4.neg
	},
	"loops of types whose numbers take two bytes": func(b *builder) {
		for range 64 {
			b.typ("", "")
		}
		b.fn("", "", nil, opLoop, s(int64(b.typ("", ""))), opEnd)
		b.fn("", "", nil, i32(7), opLoop, s(int64(b.typ(tI32, ""))), opDrop, opEnd)
	},
	"else, and code nobody reaches": func(b *builder) {
		b.fn(tI32, tI32, nil, get(0), opIf, typeI32, i32(1), opElse, i32(2), opReturn, opLoop, 0x40, opBr, 0, opEnd, opEnd)
	},
	"every import kind": func(b *builder) {
		b.imp("m", "f", b.typ(tI32, ""))
		b.add(sectionImport, str("m"), str("t"), 1, typeFuncref, 0, 1)
		b.add(sectionImport, str("m"), str("m"), 2, 1, 1, 2)
		b.add(sectionImport, str("m"), str("g"), 3, typeI64, 1)
		b.fn("", "", nil, i32(1), call(0))
	},
	"a name section that is nonsense": func(b *builder) {
		b.fn("", "", nil)
		c := code(str("name"), 1, 9, 9)
		b.tail = code(sectionCustom, u(len(c)), c)
	},
}

func TestAccept(t *testing.T) {
	for name, build := range accepted {
		t.Run(name, func(t *testing.T) {
			b := &builder{}
			build(b)
			wasm := b.bytes()
			if _, err := Inspect(wasm, DefaultLimits()); err != nil {
				t.Fatalf("Inspect: %v", err)
			}
			out, _, err := Instrument(wasm, DefaultLimits(), DefaultCosts())
			if err != nil {
				t.Fatalf("Instrument: %v", err)
			}
			if err := compiles(t, out); err != nil {
				t.Fatalf("wazero refuses the metered module: %v", err)
			}
			var e *Error
			if _, err := Inspect(out, DefaultLimits()); !errors.As(err, &e) || !strings.Contains(e.Rule, "reserved") {
				t.Fatalf("metering twice: got %v, want a refusal of the reserved export", err)
			}
		})
	}
}

// refusal is a module that must not pass, and what the error must say.
type refusal struct {
	name    string
	build   func(b *builder)
	section string
	rule    string // part of it
	knob    string // Error.Name
}

var refusals = []refusal{
	// Framing.
	{"unknown section", func(b *builder) { b.tail = []byte{13, 0} }, "module", "unknown section", ""},
	{"section longer than the file", func(b *builder) { b.tail = []byte{0, 9, 0} }, "module", "longer than what is left", ""},
	{"section size of six bytes", func(b *builder) { b.tail = code(0, "\xff\xff\xff\xff\xff\x00") }, "module", "does not fit 32 bits", ""},
	{"repeated section", func(b *builder) { b.typ("", ""); b.tail = []byte{1, 1, 0} }, "type", "out of order", ""},
	{"section behind its place", func(b *builder) { b.memory(1, 1); b.tail = []byte{1, 1, 0} }, "type", "out of order", ""},
	{"data count behind code", func(b *builder) { b.fn("", "", nil); b.tail = []byte{12, 1, 0} }, "data count", "out of order", ""},
	{"bytes left over", func(b *builder) { b.raw[sectionType] = []byte{0, 0} }, "type", "left over", ""},
	{"more types announced than bytes", func(b *builder) { b.raw[sectionType] = []byte{100} }, "type", "more types announced", ""},
	{"custom name not UTF-8", func(b *builder) { b.tail = []byte{0, 2, 1, 0xff} }, "custom", "not UTF-8", ""},
	{"code without functions", func(b *builder) { b.raw[sectionCode] = []byte{1, 2, 0, opEnd} }, "code", "more function bodies", ""},
	{"functions without code", func(b *builder) { b.typ("", ""); b.add(sectionFunction, 0) }, "module", "not as many function bodies", ""},
	{"data count without data", func(b *builder) { b.raw[sectionDataCount] = []byte{1} }, "module", "not as many data segments", ""},
	// Types, imports, exports.
	{"not a function type", func(b *builder) { b.raw[sectionType] = []byte{1, 0x5f, 0, 0} }, "type", "not a function type", ""},
	{"reference parameter", func(b *builder) { b.typ("\x70", "") }, "type", "reference types", ""},
	{"unknown value type", func(b *builder) { b.typ("\x40", "") }, "type", "unknown value type", ""},
	{"function of no type", func(b *builder) { b.add(sectionFunction, 0) }, "function", "no such type", ""},
	{"import of no type", func(b *builder) { b.imp("m", "f", 0) }, "import", "no such type", ""},
	{"import of a tag", func(b *builder) { b.add(sectionImport, str("m"), str("f"), 4, 0, 0) }, "import", "unknown kind", ""},
	{"export of nothing", func(b *builder) { b.export("f", KindFunction, 0) }, "export", "no such function", ""},
	{"export of no memory", func(b *builder) { b.export("f", KindMemory, 0) }, "export", "no such memory", ""},
	{"export twice", func(b *builder) { f := b.hook("f", "", "", nil); b.export("f", KindFunction, f) }, "export", "one name", ""},
	{"export of the fuel's name", func(b *builder) { b.hook(FuelGlobal, "", "", nil) }, "export", "reserved", ""},
	{"export of the start's name", func(b *builder) { b.hook(StartExport, "", "", nil) }, "export", "reserved", ""},
	{"start with parameters", func(b *builder) { b.fn(tI32, "", nil); b.raw[sectionStart] = []byte{0} }, "start", "parameters or results", ""},
	// Tables, memories, globals, segments.
	{"two tables", func(b *builder) { b.table(1); b.table(1) }, "table", "too many tables", ""},
	{"table of externref", func(b *builder) { b.raw[sectionTable] = []byte{1, 0x6f, 0, 1} }, "table", "table of functions", ""},
	{"imported and own table", func(b *builder) { b.add(sectionImport, str("m"), str("t"), 1, typeFuncref, 0, 1); b.table(1) }, "table", "more than one table", ""},
	{"two memories", func(b *builder) { b.memory(1, 1); b.memory(1, 1) }, "memory", "too many memories", ""},
	{"shared memory", func(b *builder) { b.raw[sectionMemory] = []byte{1, 3, 1, 1} }, "memory", "limits flag", ""},
	{"memory upside down", func(b *builder) { b.memory(2, 1) }, "memory", "below its minimum", ""},
	{"memory over 4 GiB", func(b *builder) { b.memory(1, 65537) }, "memory", "4 GiB", ""},
	{"global of another type", func(b *builder) { b.add(sectionGlobal, typeI64, 1, i32(0), opEnd) }, "global", "another type", ""},
	{"global of a computation", func(b *builder) { b.add(sectionGlobal, typeI32, 1, i32(0), i32(0), opI32Add, opEnd) }, "global", "more than one instruction", ""},
	{"global of a defined global", func(b *builder) {
		b.add(sectionGlobal, typeI32, 0, i32(0), opEnd)
		b.add(sectionGlobal, typeI32, 0, opGlobalGet, 0, opEnd)
	}, "global", "no such imported global", ""},
	{"element of no function", func(b *builder) { b.table(1); b.elem(0, 3) }, "element", "no such function", ""},
	{"element without table", func(b *builder) { f := b.fn("", "", nil); b.elem(0, f) }, "element", "without a table", ""},
	{"element of expressions", func(b *builder) { b.table(1); b.add(sectionElement, 4, i32(0), opEnd, 0) }, "element", "reference expressions", ""},
	{"data without memory", func(b *builder) { b.add(sectionData, 0, i32(0), opEnd, str("a")) }, "data", "without a memory", ""},
	{"data longer than the section", func(b *builder) { b.memory(1, 1); b.add(sectionData, 0, i32(0), opEnd, 9, "a") }, "data", "longer than what is left", ""},
	// Code. The first is the one that would refuel itself once a global is appended.
	{"global.set of the fuel", func(b *builder) {
		b.add(sectionGlobal, typeI64, 1, i64(0), opEnd)
		b.fn("", "", nil, i64(1<<40), opGlobalSet, 1)
	}, "code", "no such global", ""},
	{"global.get of the fuel", func(b *builder) { b.fn("", "", nil, opGlobalGet, 0, opDrop) }, "code", "no such global", ""},
	{"call of a helper", func(b *builder) { b.fn("", "", nil, i32(0), call(1), opDrop) }, "code", "no such function", ""},
	{"block of a helper's type", func(b *builder) { b.fn("", "", nil, opBlock, 1, opEnd) }, "code", "no such block type", ""},
	{"call_indirect of a helper's type", func(b *builder) { b.table(1); b.fn("", "", nil, i32(0), opCallIndirect, 1, 0) }, "code", "no such type", ""},
	{"call_indirect without table", func(b *builder) { b.fn("", "", nil, i32(0), opCallIndirect, 0, 0) }, "code", "no such table", ""},
	{"global.set of a constant", func(b *builder) {
		b.add(sectionGlobal, typeI64, 0, i64(0), opEnd)
		b.fn("", "", nil, i64(1), opGlobalSet, 0)
	}, "code", "cannot change", ""},
	{"local out of range", func(b *builder) { b.fn(tI32, "", code(1, 2, typeI32), get(3), opDrop) }, "code", "no such local", ""},
	{"label out of range", func(b *builder) { b.fn("", "", nil, opBr, 1) }, "code", "no such label", ""},
	{"br_table label out of range", func(b *builder) { b.fn("", "", nil, i32(0), opBrTable, 1, 0, 1) }, "code", "no such label", ""},
	{"br_table with an endless count", func(b *builder) { b.fn("", "", nil, i32(0), opBrTable, 0xff, 0x7f) }, "code", "more targets", ""},
	{"no end", func(b *builder) { b.fn("", "", nil, opBlock, 0x40) }, "code", "unexpected end", ""},
	{"code behind the end", func(b *builder) { b.fn("", "", nil, opEnd) }, "code", "left over", ""},
	{"else without if", func(b *builder) { b.fn("", "", nil, opElse) }, "code", "else without if", ""},
	{"second else", func(b *builder) { b.fn("", "", nil, i32(0), opIf, 0x40, opElse, opElse, opEnd) }, "code", "else without if", ""},
	{"block type in two bytes", func(b *builder) { b.fn("", "", nil, opBlock, 0xff, 0x7f, opEnd) }, "code", "unknown block type", ""},
	{"i32.const of six bytes", func(b *builder) { b.fn("", "", nil, opI32Const, "\x80\x80\x80\x80\x80\x00", opDrop) }, "code", "does not fit its type", ""},
	{"i32.const with a wrong sign", func(b *builder) { b.fn("", "", nil, opI32Const, "\xff\xff\xff\xff\x0f", opDrop) }, "code", "does not fit its type", ""},
	{"i64.const with a wrong sign", func(b *builder) { b.fn("", "", nil, opI64Const, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", opDrop) }, "code", "does not fit its type", ""},
	{"load without memory", func(b *builder) { b.fn("", "", nil, i32(0), opI32Load, 0, 0, opDrop) }, "code", "without a memory", ""},
	{"load aligned too widely", func(b *builder) { b.memory(1, 1); b.fn("", "", nil, i32(0), opI32Load, 3, 0, opDrop) }, "code", "alignment", ""},
	{"memory.grow of another memory", func(b *builder) { b.memory(1, 1); b.fn("", "", nil, i32(0), opMemoryGrow, 1, opDrop) }, "code", "without that memory", ""},
	{"memory.fill without memory", func(b *builder) { b.fn("", "", nil, i32(0), i32(0), i32(0), 0xfc, 11, 0) }, "code", "without that memory", ""},
	{"memory.init without data count", func(b *builder) { b.memory(1, 1); b.fn("", "", nil, i32(0), i32(0), i32(0), 0xfc, 8, 0, 0) }, "code", "without a data count", ""},
	{"table.init of no segment", func(b *builder) { b.table(1); b.fn("", "", nil, i32(0), i32(0), i32(0), 0xfc, 12, 0, 0) }, "code", "no such element segment", ""},
	{"table.grow", func(b *builder) { b.table(1); b.fn("", "", nil, 0xfc, 15, 0) }, "code", "reference types", ""},
	{"table.get", func(b *builder) { b.table(1); b.fn("", "", nil, i32(0), 0x25, 0, opDrop) }, "code", "reference types", ""},
	{"ref.func", func(b *builder) { b.fn("", "", nil, 0xd2, 0, opDrop) }, "code", "reference types", ""},
	{"select of a reference", func(b *builder) { b.fn("", "", nil, opSelectTyped, 1, 0x70) }, "code", "reference types", ""},
	{"return_call", func(b *builder) { b.fn("", "", nil, 0x12, 0) }, "code", "unknown instruction", ""},
	{"try", func(b *builder) { b.fn("", "", nil, 0x06, 0x40) }, "code", "unknown instruction", ""},
	{"atomic fence", func(b *builder) { b.fn("", "", nil, 0xfe, 3, 0) }, "code", "unknown instruction", ""},
	{"relaxed vector instruction", func(b *builder) { b.fn("", "", nil, 0xfd, 0x80, 2) }, "code", "unknown vector", ""},
	{"vector lane out of range", func(b *builder) { b.fn(tV128, "", nil, get(0), 0xfd, 0x1b, 4, opDrop) }, "code", "no such lane", ""},
	// Limits.
	{"2^32-1 locals", func(b *builder) { b.fn("", "", code(1, u(1<<32-1), typeI32)) }, "code", "too many locals", "LocalsPerFunction"},
	{"2^32-1 locals in two groups", func(b *builder) { b.fn("", "", code(2, 1, typeI32, u(1<<32-1), typeI32)) }, "code", "too many locals", "LocalsPerFunction"},
	{"parameters count as locals", func(b *builder) { b.fn(string(rep(200, []byte(tI32))), "", code(1, u(2000), typeI32)) }, "code", "too many locals", "LocalsPerFunction"},
	{"table of 2^27 entries", func(b *builder) { b.table(1 << 27) }, "table", "table too large", "TableEntries"},
	{"513 pages", func(b *builder) { b.memory(513, 1000) }, "memory", "minimum too large", "MemoryPages"},
	{"deep nesting", func(b *builder) { b.fn("", "", nil, rep(9000, code(opBlock, 0x40)), rep(9000, []byte{opEnd})) }, "code", "nested too deeply", "Nesting"},
	{"deep loops", func(b *builder) { b.fn("", "", nil, rep(65, code(opLoop, 0x40)), rep(65, []byte{opEnd})) }, "code", "loops nested", "LoopNesting"},
	{"large br_table", func(b *builder) { b.fn("", "", nil, i32(0), opBrTable, u(16_384), rep(16_385, []byte{0})) }, "code", "br_table", "BrTableTargets"},
	{"large body", func(b *builder) { b.fn("", "", nil, rep(600_000, []byte{opNop})) }, "code", "body too large", "BodyBytes"},
	{"many parameters", func(b *builder) { b.typ(string(rep(257, []byte(tI32))), "") }, "type", "too many parameters", "Params"},
	{"many results", func(b *builder) { b.typ("", string(rep(65, []byte(tI32)))) }, "type", "too many results", "Results"},
	{"many globals", func(b *builder) {
		for range 4097 {
			b.add(sectionGlobal, typeI32, 0, i32(0), opEnd)
		}
	}, "global", "too many globals", "Globals"},
	{"long name", func(b *builder) { b.hook(strings.Repeat("x", 1025), "", "", nil) }, "export", "too long", "NameBytes"},
	{"one costly function", func(b *builder) {
		b.fn("", "", code(1, u(2000), typeI32), rep(2200, code(get(0), opIf, 0x40, i32(1), set(1), opEnd)))
	}, "code", "function too costly", "FunctionWork"},
	{"many costly functions", func(b *builder) {
		for range 40 {
			b.fn("", "", code(1, u(2000), typeI32), rep(450, code(get(0), opIf, 0x40, i32(1), set(1), opEnd)))
		}
	}, "code", "module too costly", "CompileWork"},
}

func TestRefuse(t *testing.T) {
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			b := &builder{}
			r.build(b)
			wasm := b.bytes()
			_, err := Inspect(wasm, DefaultLimits())
			out, _, err2 := Instrument(wasm, DefaultLimits(), DefaultCosts())
			var e *Error
			if !errors.As(err, &e) || err2 == nil || err2.Error() != err.Error() || out != nil {
				t.Fatalf("Inspect: %v, Instrument: %v, want one refusal from both", err, err2)
			}
			if e.Section != r.section || !strings.Contains(e.Rule, r.rule) || e.Name != r.knob {
				t.Fatalf("got %+v\n%v\nwant section %q, rule %q, knob %q", e, e, r.section, r.rule, r.knob)
			}
			if e.Offset <= 0 || e.Offset > len(wasm) {
				t.Errorf("offset %d is not in the file of %d bytes", e.Offset, len(wasm))
			}
			if r.knob != "" && !strings.Contains(err.Error(), "("+r.knob+")") {
				t.Errorf("%q does not name its knob", err)
			}
		})
	}
}

func TestRefuseWholeFile(t *testing.T) {
	small := DefaultLimits()
	small.FileBytes = 8
	noVectors := DefaultLimits()
	noVectors.SIMD = false
	vector := &builder{}
	vector.fn("", "", nil, 0xfd, 0x0c, rep(16, []byte{0}), opDrop)
	vectorLocal := &builder{}
	vectorLocal.fn("", "", code(1, 1, typeV128))
	for name, c := range map[string]struct {
		wasm []byte
		lim  Limits
		want string
	}{
		"nothing":        {nil, DefaultLimits(), "wasm: module, offset 0x0: not a WebAssembly 1 module"},
		"text":           {[]byte("(module (func))"), DefaultLimits(), "not a WebAssembly 1 module"},
		"component":      {[]byte("\x00asm\x0d\x00\x01\x00"), DefaultLimits(), "not a WebAssembly 1 module"},
		"too large":      {[]byte(wasmHeader + "\x00\x01\x00"), small, "file too large: found 11, limit 8 (FileBytes)"},
		"vector code":    {vector.bytes(), noVectors, "vector instructions are switched off: found 0x0c, limit false (SIMD)"},
		"vector local":   {vectorLocal.bytes(), noVectors, "vector types are switched off"},
		"zero of limits": {vector.bytes(), Limits{FileBytes: 100}, "too many types: found 1, limit 0 (Types)"},
	} {
		if _, err := Inspect(c.wasm, c.lim); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestInfo(t *testing.T) {
	b := &builder{}
	b.imp("env", "f", b.typ(tI32+tF64, tI64))
	b.add(sectionImport, str("env"), str("g"), 3, typeI64, 0)
	b.memory(3, 7)
	b.table(5)
	b.hook("run", tI32, tI32, code(1, 2, typeI64), opBlock, 0x40, opLoop, 0x40, opEnd, opEnd, get(0))
	b.export("mem", KindMemory, 0)
	b.raw[sectionStart] = u(b.fn("", "", nil))
	wasm := b.bytes()
	info, err := Inspect(wasm, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	clear(wasm) // Info must not depend on it
	f := info.Imports[0]
	if f.Module != "env" || f.Name != "f" || f.Kind != KindFunction ||
		string(f.Params) != tI32+tF64 || string(f.Results) != tI64 || info.Imports[1].Kind.String() != "global" {
		t.Errorf("imports %+v", info.Imports)
	}
	e, ok := info.Export("run")
	if !ok || e.Index != 1 || string(e.Params) != tI32 || string(e.Results) != tI32 {
		t.Errorf("export %+v", e)
	}
	if _, ok := info.Export(FuelGlobal); ok || len(info.Exports) != 2 {
		t.Errorf("exports %+v", info.Exports)
	}
	if info.Functions != 2 || info.Globals != 1 || !info.HasStart || info.Size != len(wasm) ||
		!info.HasMemory || !info.HasMax || info.MemoryMin != 3 || info.MemoryMax != 7 || info.TableMin != 5 ||
		info.MaxNesting != 2 || info.MaxLoops != 1 || info.MaxLocals != 3 || info.Loops != 1 {
		t.Errorf("%+v", info)
	}
}

func TestCostsAreChecked(t *testing.T) {
	b := &builder{}
	for _, change := range []func(*Costs){
		func(c *Costs) { *c = Costs{} },
		func(c *Costs) { c.Instruction = 0 },
		func(c *Costs) { c.Local = -1 },
		func(c *Costs) { c.BytesPerUnit = 0 },
		func(c *Costs) { c.HostCall = 1 << 40 },
	} {
		c := DefaultCosts()
		change(&c)
		if _, _, err := Instrument(b.bytes(), DefaultLimits(), c); err == nil || !strings.Contains(err.Error(), "Costs.") {
			t.Errorf("%+v: got %v, want an error that names the field", c, err)
		}
	}
}
