package meter

import "encoding/binary"

// exprs pushes one value of each type.
func (g *generator) exprs(types string) {
	for _, t := range []byte(types) {
		g.expr(t)
	}
}

// expr pushes a value of a type.
func (g *generator) expr(t byte) {
	f := g.fn
	if f.depth > 7 || f.room <= 0 {
		g.emit(g.constant(t))
		return
	}
	f.depth++
	f.room--
	defer func() { f.depth-- }()
	switch g.of(16) {
	case 0:
		g.emit(g.constant(t))
	case 1, 2:
		g.emit(get(g.local(t)))
	case 3:
		g.emit(opGlobalGet, u(g.global(t)))
	case 4:
		g.expr(t)
		g.emit(opLocalTee, u(g.local(t)))
	case 5, 6, 7, 8:
		g.operation(t)
	case 9:
		g.load(t)
	case 10:
		g.choose(t)
	case 11:
		g.block(string(t))
	case 12:
		g.call(g.of(len(g.funcs)))
		g.emit(get(g.local(t)))
	case 13:
		g.callIndirect()
		g.emit(get(g.local(t)))
	case 14:
		g.expr(t)
		g.branchIf()
	case 15:
		g.statement()
		g.size(t)
	}
}

// size pushes the memory's size, or what growing it comes to, for an i32.
func (g *generator) size(t byte) {
	switch {
	case t != typeI32:
		g.emit(g.constant(t))
	case g.yes():
		g.emit(opMemorySize, 0)
	default:
		g.emit(i32(int64(g.of(3))), opMemoryGrow, 0)
	}
}

// local is the index of a local of a type.
func (g *generator) local(t byte) int {
	var like []int
	for i, l := range g.fn.locals {
		if l == t {
			like = append(like, i)
		}
	}
	return pick(&g.choices, like)
}

func (g *generator) global(t byte) int {
	var like []int
	for i, global := range g.globals {
		if global.valueType == t {
			like = append(like, i)
		}
	}
	return pick(&g.choices, like)
}

// operation pushes the result of a numeric instruction.
func (g *generator) operation(t byte) {
	list := operations[t]
	if len(g.values) < 5 {
		list = scalarOperations[t]
	}
	op := pick(&g.choices, list)
	g.exprs(op.in)
	g.emit(op.code)
	if op.lanes > 0 {
		g.emit(g.of(op.lanes))
	}
	if op.shuffles {
		for range 16 {
			g.emit(g.of(32))
		}
	}
}

func (g *generator) load(t byte) {
	op := pick(&g.choices, loads[t])
	g.address()
	g.exprs(op.in[1:])
	g.emit(op.code)
	g.offset(op.align)
	if op.lanes > 0 {
		g.emit(g.of(op.lanes))
	}
}

// choose emits a select.
func (g *generator) choose(t byte) {
	g.expr(t)
	g.expr(t)
	g.expr(typeI32)
	if g.yes() {
		g.emit(opSelectTyped, 1, t)
		return
	}
	g.emit(opSelect)
}

// call calls a function and takes its results from the stack.
func (g *generator) call(f int) {
	g.exprs(g.funcs[f].params)
	g.emit(call(f))
	g.pop(g.funcs[f].results)
}

func (g *generator) callIndirect() {
	s := pick(&g.choices, g.funcs)
	g.exprs(s.params)
	g.expr(typeI32)
	if g.of(8) != 7 {
		g.emit(i32(7), 0x71)
	}
	g.emit(opCallIndirect, u(g.typeOf(s)), 0)
	g.pop(s.results)
}

// corners are bit patterns worth having, as integers or as numbers of either width.
var corners = []uint64{
	0, 1, 2, 7, 31, 255, 65_535, 65_536, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1<<63 - 1, 1 << 63, 1<<64 - 1,
	0x3f80_0000, 0xbfc0_0000, 0x7f80_0000, 0x7fc0_0000, 0xffa0_0001, 0x4f00_0000,
	0x3ff0_0000_0000_0000, 0xbff8_0000_0000_0000, 0x7ff0_0000_0000_0000, 0x7ff8_0000_0000_0000, 0xfff4_0000_0000_0001,
}

// constant is an instruction that pushes a constant.
func (g *generator) constant(t byte) []byte {
	bits := pick(&g.choices, corners)
	switch t {
	case typeI32:
		return i32(int64(int32(bits)))
	case typeI64:
		return i64(int64(bits))
	case typeF32:
		return binary.LittleEndian.AppendUint32(code(opF32Const), uint32(bits))
	case typeF64:
		return binary.LittleEndian.AppendUint64(code(opF64Const), bits)
	default:
		b := binary.LittleEndian.AppendUint64(code(opPrefixVector, vecConst), bits)
		return binary.LittleEndian.AppendUint64(b, pick(&g.choices, corners))
	}
}
