package meter

// dead is the weight of a path that no control takes.
const dead = -1

// frame is one open block of the function that is being read.
type frame struct {
	opcode byte  // opBlock, opLoop, opIf or opElse; the function itself is an opBlock
	region int32 // the region that control is in after the block
	joins  int32 // branches to it so far
	merge  int64 // heaviest path that branches to the block's end, dead if none does
	before int64 // of an opIf: the path to it, which its other arm continues
}

// region is a stretch of code that is paid for at its one entry: the function
// without its loops, or one loop without the loops in it. Control inside it only
// goes forward, so the heaviest path from the entry bounds what one passing of
// the entry can cost. While an inner loop is read, current stays where it was
// at the loop's head: what the loop does is the loop's to pay.
type region struct {
	current  int64 // heaviest path from the entry to here, dead if control can't get here
	heaviest int64
	edit     int  // the charge at the entry
	frame    int  // of a loop, its place in frames
	carries  bool // a loop that may keep the fuel in a local; see carry.go
}

// walker reads function bodies. Its slices are kept from one to the next.
type walker struct {
	frames   []frame
	regions  []region
	edits    []edit
	locals   int   // of the function, parameters included
	groups   int   // of locals declared
	declared span  // the groups
	points   int   // control points so far
	accesses int   // loads and stores so far
	loops    int   // loop heads so far
	work     int64 // CompileWork before the function
}

// parseBody reads the body of the i-th function that the module defines.
func (m *module) parseBody(i int) {
	at := m.pos
	size := m.length("function body")
	switch {
	case m.err != nil:
		return
	case m.importedFuncs+i >= len(m.functions):
		m.fail(at, "more function bodies than functions", i+1)
		return
	case size > m.lim.BodyBytes:
		m.over(at, "function body too large", "BodyBytes", size, m.lim.BodyBytes)
		return
	}
	sectionEnd := m.end
	m.end = m.pos + size
	body := span{m.pos, m.end}
	entry := m.startBody(m.types[m.functions[m.importedFuncs+i]])
	for m.err == nil && len(m.walk.frames) > 0 {
		m.instruction()
	}
	m.checkWork(at)
	if m.err == nil && m.pos != m.end {
		m.fail(m.pos, "bytes left over behind the function's end", m.left())
	}
	if m.err != nil {
		return
	}
	m.closeRegion(entry)
	m.info.MaxBody = max(m.info.MaxBody, size)
	if m.meter != nil {
		m.meter.body(m.b, body, &m.walk)
	}
	m.end = sectionEnd
}

// startBody reads the declarations of locals, opens the function's frame and
// region, and returns the price of a call.
func (m *module) startBody(t signature) (entry int64) {
	slots := m.slots(t.params) + m.slots(t.results)
	locals := uint64(t.params.end - t.params.start)
	groups := m.count("groups of locals", "", m.left(), 2)
	m.walk.groups, m.walk.declared.start = groups, m.pos
	for i := 0; i < groups && m.err == nil; i++ {
		at := m.pos
		n := uint64(m.u32())
		locals += n
		if locals > uint64(max(m.lim.LocalsPerFunction, 0)) {
			m.over(at, "too many locals", "LocalsPerFunction", locals, m.lim.LocalsPerFunction)
			return 0
		}
		slots += int64(n) * slotsOf(m.valueType())
	}
	m.walk.declared.end = m.pos
	m.walk.locals = int(locals)
	if m.walk.locals > m.lim.LocalsPerFunction {
		m.over(m.pos, "too many locals", "LocalsPerFunction", locals, m.lim.LocalsPerFunction)
	}
	m.info.MaxLocals = max(m.info.MaxLocals, m.walk.locals)
	m.walk.points, m.walk.accesses, m.walk.loops, m.walk.work = 0, 0, 0, m.info.CompileWork
	m.work(1, t.params.size()+t.results.size())
	m.helperWork()
	m.walk.frames = append(m.walk.frames[:0], frame{opcode: opBlock, merge: dead})
	m.walk.regions = append(m.walk.regions[:0], region{edit: 0})
	m.walk.edits = append(m.walk.edits[:0], edit{at: uint32(m.pos), kind: editCharge})
	return m.costs.Call + slots*m.costs.Local
}

// slots counts 8-byte slots.
func (m *module) slots(types span) (n int64) {
	for _, t := range m.b[types.start:types.end] {
		n += slotsOf(t)
	}
	return n
}

func slotsOf(valueType byte) int64 {
	if valueType == typeV128 {
		return 2
	}
	return 1
}

// instruction reads one instruction.
func (m *module) instruction() {
	at := m.pos
	op := m.byte()
	switch {
	case op >= opNumericFirst && op <= opNumericLast:
		if traps[op] {
			m.info.CompileWork += trapWork
		}
		m.charge(m.numeric(slow[op]))
	case op >= opLocalGet && op <= opLocalTee:
		m.index("local", m.walk.locals)
		m.charge(m.costs.Instruction)
	case op >= opLoadFirst && op <= opStoreLast:
		m.memarg(memoryAlign[op-opLoadFirst])
		m.charge(m.costs.Instruction)
	case op <= opReturn:
		m.control(at, op)
	default:
		m.other(at, op)
	}
}

func (m *module) numeric(slow bool) int64 {
	if slow {
		return m.costs.Slow
	}
	return m.costs.Instruction
}

// other reads the instructions that are neither control nor plain arithmetic.
func (m *module) other(at int, op byte) {
	weight := m.costs.Instruction
	switch op {
	case opCall:
		m.carryNothing()
		f := m.index("function", len(m.functions))
		if m.err != nil {
			return
		}
		m.callWork(m.types[m.functions[f]])
		if f < m.importedFuncs {
			weight = m.costs.HostCall
		}
	case opCallIndirect:
		m.carryNothing()
		t := m.typeIndex()
		m.tableIndex()
		if m.err != nil {
			return
		}
		m.callWork(m.types[t])
		m.work(expanded, 0)
		weight = m.costs.Slow
		if m.openTable {
			weight = m.costs.HostCall
		}
	case opDrop, opSelect:
	case opSelectTyped:
		m.typedSelect(at)
	case opGlobalGet:
		m.index("global", len(m.globals))
	case opGlobalSet:
		if g := m.index("global", len(m.globals)); m.err == nil && !m.globals[g].mutable {
			m.fail(at, "global.set of a global that cannot change", g)
		}
	case opMemorySize, opMemoryGrow:
		m.memoryZero(at)
		if op == opMemoryGrow {
			m.edit(at, helperPages)
			m.work(expanded, 0)
			weight = m.costs.Grow
		}
	case opI32Const:
		m.signed(32)
	case opI64Const:
		m.signed(64)
	case opF32Const:
		m.skip(4)
	case opF64Const:
		m.skip(8)
	case opPrefixMisc:
		weight = m.misc(at)
	case opPrefixVector:
		weight = m.vector(at)
	case opRefNull, opRefNull + 1, opRefFunc, 0x25, 0x26:
		m.fail(at, "reference types are not accepted", hex(op))
	default:
		m.fail(at, "unknown instruction", hex(op))
	}
	m.charge(weight)
}

// typedSelect reads select with a list of types, which must be one.
func (m *module) typedSelect(at int) {
	if n := m.u32(); m.err == nil && n != 1 {
		m.fail(at, "select of other than one type", n)
	}
	m.valueType()
}

func (m *module) memarg(widest byte) {
	m.walk.accesses++
	if !m.info.HasMemory {
		m.fail(m.pos, "memory instruction without a memory", nil)
	}
	at := m.pos
	if align := m.u32(); align > uint32(widest) {
		m.refuse(&Error{Offset: at, Rule: "alignment above the instruction's own (log2)", Found: align, Limit: widest})
	}
	m.u32()
}

// memoryZero reads the memory index of an instruction, a zero byte.
func (m *module) memoryZero(at int) {
	if i := m.byte(); m.err == nil && (i != 0 || !m.info.HasMemory) {
		m.fail(at, "memory instruction without that memory", i)
	}
}

// misc reads what is behind the prefix 0xfc and returns its weight.
func (m *module) misc(at int) int64 {
	op := m.u32()
	if op > miscSatLast {
		m.work(expanded, 0)
	}
	switch op {
	case miscMemoryInit:
		m.dataIndex(at)
		m.memoryZero(at)
		m.edit(at, helperBytes)
	case miscDataDrop:
		m.dataIndex(at)
	case miscMemoryCopy:
		m.memoryZero(at)
		m.memoryZero(at)
		m.edit(at, helperBytes)
	case miscMemoryFill:
		m.memoryZero(at)
		m.edit(at, helperBytes)
	case miscTableInit:
		m.index("element segment", m.sections[sectionElement].count)
		m.tableIndex()
		m.edit(at, helperEntries)
	case miscElemDrop:
		m.index("element segment", m.sections[sectionElement].count)
	case miscTableCopy:
		m.tableIndex()
		m.tableIndex()
		m.edit(at, helperEntries)
	default:
		if op <= miscSatLast {
			return m.costs.Slow
		}
		if op <= miscTableFill {
			m.fail(at, "reference types are not accepted", hex(op|opPrefixMisc<<8))
		}
		m.fail(at, "unknown instruction", hex(op|opPrefixMisc<<8))
	}
	return m.costs.Bulk
}

func (m *module) dataIndex(at int) {
	if m.dataCount < 0 {
		m.fail(at, "instruction on data segments without a data count section", nil)
	}
	m.index("data segment", m.dataCount)
}

// vector reads what is behind the prefix 0xfd and returns its weight.
func (m *module) vector(at int) int64 {
	op := m.u32()
	switch {
	case m.err != nil:
		return 0
	case !m.lim.SIMD:
		m.over(at, "vector instructions are switched off", "SIMD", hex(op), false)
		return 0
	case op > vecLast || !vectors[op].valid:
		m.fail(at, "unknown vector instruction", hex(op))
		return 0
	}
	shape := vectors[op]
	if shape.memory {
		m.memarg(shape.align)
	}
	if shape.lanes > 0 {
		m.lane(shape.lanes)
	}
	switch op {
	case vecConst:
		m.skip(16)
	case vecShuffle:
		for range 16 {
			m.lane(32)
		}
	}
	return m.numeric(vectorSlow[op])
}

func (m *module) lane(lanes byte) {
	at := m.pos
	if i := m.byte(); i >= lanes {
		m.refuse(&Error{Offset: at, Rule: "no such lane", Found: i, Limit: lanes})
	}
}
