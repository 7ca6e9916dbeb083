package meter

import "bytes"

// builder assembles test modules. Functions must be added after imports.
type builder struct {
	entries [sectionIDs][][]byte
	raw     [sectionIDs][]byte // replaces a section's content when not nil
	tail    []byte             // bytes behind the last section
	funcs   int
}

// code joins instructions: an int is one byte, a []byte is taken as it is.
func code(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case byte:
			b = append(b, p)
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		default:
			panic("code: neither a byte nor bytes")
		}
	}
	return b
}

func u(v int) []byte             { return appendU32(nil, uint32(v)) }
func s(v int64) []byte           { return appendS64(nil, v) }
func i32(v int64) []byte         { return code(opI32Const, s(v)) }
func i64(v int64) []byte         { return code(opI64Const, s(v)) }
func get(local int) []byte       { return code(opLocalGet, u(local)) }
func set(local int) []byte       { return code(0x21, u(local)) }
func call(f int) []byte          { return code(opCall, u(f)) }
func str(v string) []byte        { return appendName(nil, v) }
func rep(n int, b []byte) []byte { return bytes.Repeat(b, n) }

const (
	opI32Eqz   = 0x45
	opI32LtS   = 0x48
	opI32LtU   = 0x49
	opI32Add   = 0x6a
	opI32Mul   = 0x6c
	opI32Load  = 0x28
	opI32Store = 0x36
)

func (b *builder) add(section int, parts ...any) int {
	b.entries[section] = append(b.entries[section], code(parts...))
	return len(b.entries[section]) - 1
}

// typ adds a function type; parameters and results are value types.
func (b *builder) typ(params, results string) int {
	return b.add(sectionType, typeFunc, str(params), str(results))
}

// Value types as strings for typ.
const (
	tI32  = "\x7f"
	tI64  = "\x7e"
	tF32  = "\x7d"
	tF64  = "\x7c"
	tV128 = "\x7b"
)

func (b *builder) imp(module, name string, typ int) int {
	b.add(sectionImport, str(module), str(name), 0, u(typ))
	b.funcs++
	return b.funcs - 1
}

// fn adds a function of a new type and returns its index. Locals are groups as
// the binary format has them, behind their count; nil for none. The end is added.
func (b *builder) fn(params, results string, locals []byte, body ...any) int {
	b.add(sectionFunction, u(b.typ(params, results)))
	if locals == nil {
		locals = []byte{0}
	}
	c := code(locals, code(body...), opEnd)
	b.add(sectionCode, u(len(c)), c)
	b.funcs++
	return b.funcs - 1
}

// hook is fn, exported under a name.
func (b *builder) hook(name, params, results string, locals []byte, body ...any) int {
	f := b.fn(params, results, locals, body...)
	b.export(name, KindFunction, f)
	return f
}

func (b *builder) export(name string, kind ExternKind, index int) {
	b.add(sectionExport, str(name), byte(kind), u(index))
}

func (b *builder) memory(low, high int) { b.add(sectionMemory, 1, u(low), u(high)) }
func (b *builder) table(low int)        { b.add(sectionTable, typeFuncref, 0, u(low)) }

// elem adds an active segment at an offset.
func (b *builder) elem(offset int, functions ...int) {
	c := code(0, i32(int64(offset)), opEnd, u(len(functions)))
	for _, f := range functions {
		c = append(c, u(f)...)
	}
	b.add(sectionElement, c)
}

// bytes returns the module.
func (b *builder) bytes() []byte {
	out := []byte(wasmHeader)
	for _, id := range sectionOrder {
		c := b.raw[id]
		if c == nil {
			if len(b.entries[id]) == 0 {
				continue
			}
			c = code(u(len(b.entries[id])), bytes.Join(b.entries[id], nil))
		}
		out = append(append(append(out, id), u(len(c))...), c...)
	}
	return append(out, b.tail...)
}
