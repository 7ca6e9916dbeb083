package meter

// reference counts what a module does in the plainest way there is: an addition
// to a global of its own before every instruction. It knows nothing of paths and
// regions, so the account of fuel can be held against it.
type reference struct {
	*module
	read  reader
	out   []byte
	count uint32 // index of the global
	limit int64  // trap before what brings the count up to it; 0 for no limit
}

// countName is the export that holds the count of a module from counted.
const countName = "count"

// counted returns a module that does the same and counts the weight of every
// instruction before it runs, lengths of bulk instructions left out.
func counted(wasm []byte, costs Costs, limit int64) []byte {
	m := newModule(wasm, DefaultLimits(), costs)
	if err := m.parse(); err != nil {
		panic(err)
	}
	r := &reference{module: m, count: uint32(len(m.globals)), limit: limit}
	out := []byte(wasmHeader)
	for _, id := range sectionOrder {
		switch s := m.sections[id]; {
		case id == sectionGlobal:
			out = m.grown(out, id, 1, code(typeI64, 1, i64(0), opEnd))
		case id == sectionExport:
			out = m.grown(out, id, 1, code(str(countName), byte(KindGlobal), u(int(r.count))))
		case id == sectionCode && s.found:
			out = appendSection(out, id, r.code(s))
		case s.found:
			out = appendSection(out, id, wasm[s.content.start:s.content.end])
		}
	}
	return out
}

func (r *reference) code(s section) []byte {
	r.read = reader{b: r.b, pos: s.content.start, end: s.content.end}
	all := u(int(r.read.u32()))
	for i := range s.count {
		size := r.read.length("body")
		r.out = nil
		r.body(r.types[r.functions[r.importedFuncs+i]], r.read.pos+size)
		all = append(append(all, u(len(r.out))...), r.out...)
	}
	return all
}

// body copies a body with the count in it.
func (r *reference) body(t signature, end int) {
	from := r.read.pos
	slots := r.slots(t.params) + r.slots(t.results)
	for range r.read.u32() {
		n := r.read.u32()
		slots += int64(n) * slotsOf(r.read.byte())
	}
	r.out = append(r.out, r.b[from:r.read.pos]...)
	r.add(r.costs.Call + slots*r.costs.Local)
	for r.read.pos < end {
		at := r.read.pos
		op := r.read.byte()
		weight := r.immediates(op)
		r.add(weight)
		r.out = append(r.out, r.b[at:r.read.pos]...)
		if op == opLoop {
			r.add(r.costs.Loop)
		}
	}
}

// add emits the addition.
func (r *reference) add(weight int64) {
	if weight == 0 {
		return
	}
	global := u(int(r.count))
	r.out = append(r.out, code(opGlobalGet, global, i64(weight), opI64Add, opGlobalSet, global)...)
	if r.limit > 0 {
		r.out = append(r.out, code(opGlobalGet, global, i64(r.limit), 0x59, opIf, typeEmpty, opUnreachable, opEnd)...) // i64.ge_s
	}
}

// immediates passes over what is behind an opcode and returns the weight of the
// instruction.
func (r *reference) immediates(op byte) int64 {
	c := r.costs
	switch {
	case op == opNop || op == opElse || op == opEnd:
		return 0
	case op == opBlock || op == opLoop || op == opIf:
		r.read.signed(33)
		return c.Instruction * int64(count(op == opIf))
	case op == opBr || op == opBrIf || op >= opLocalGet && op <= opGlobalSet:
		r.read.u32()
	case op == opBrTable:
		for range r.read.u32() + 1 {
			r.read.u32()
		}
		return c.Slow
	case op == opCall:
		if f := r.read.u32(); int(f) < r.importedFuncs {
			return c.HostCall
		}
	case op == opCallIndirect:
		r.read.u32()
		r.read.u32()
		return c.Slow
	case op == opSelectTyped:
		r.read.skip(int(r.read.u32()))
	case op >= opLoadFirst && op <= opStoreLast:
		r.read.u32()
		r.read.u32()
	case op == opMemorySize:
		r.read.byte()
	case op == opMemoryGrow:
		r.read.byte()
		return c.Grow
	case op == opI32Const:
		r.read.signed(32)
	case op == opI64Const:
		r.read.signed(64)
	case op == opF32Const:
		r.read.skip(4)
	case op == opF64Const:
		r.read.skip(8)
	case op == opPrefixMisc:
		return r.bulk(r.read.u32())
	case op == opPrefixVector:
		return r.vector(r.read.u32())
	case slow[op]:
		return c.Slow
	}
	return c.Instruction
}

func (r *reference) bulk(op uint32) int64 {
	switch op {
	case miscMemoryInit, miscMemoryCopy, miscTableInit, miscTableCopy:
		r.read.u32()
		r.read.u32()
	case miscDataDrop, miscMemoryFill, miscElemDrop:
		r.read.u32()
	default:
		return r.costs.Slow
	}
	return r.costs.Bulk
}

func (r *reference) vector(op uint32) int64 {
	switch {
	case op == vecConst || op == vecShuffle:
		r.read.skip(16)
	case op <= 0x0b || op == 0x5c || op == 0x5d:
		r.read.u32()
		r.read.u32()
	case op >= 0x54 && op <= 0x5b:
		r.read.u32()
		r.read.u32()
		r.read.skip(1)
	case op >= 0x15 && op <= 0x22:
		r.read.skip(1)
	}
	return r.numeric(vectorSlow[op])
}
