package meter

// control reads an instruction that directs control, and keeps account of the
// heaviest paths (see region).
func (m *module) control(at int, op byte) {
	switch op {
	case opUnreachable:
		m.charge(m.costs.Instruction)
		m.leave()
	case opNop:
	case opBlock, opLoop, opIf:
		m.open(at, op)
	case opElse:
		m.otherArm(at)
	case opEnd:
		m.closeFrame()
	case opBr:
		m.charge(m.costs.Instruction)
		m.branch(m.branchWork(m.label()))
		m.leave()
	case opBrIf:
		m.charge(m.costs.Instruction)
		m.branch(m.branchWork(m.label()))
	case opBrTable:
		m.charge(m.costs.Slow)
		m.branchTable()
		m.leave()
	case opReturn:
		m.charge(m.costs.Instruction)
		m.work(1, 0)
		m.joinWork(len(m.walk.frames)-1, 4)
		m.leave()
	default:
		m.fail(at, "unknown instruction", hex(op))
	}
}

// charge adds to the path that leads here.
func (m *module) charge(weight int64) {
	r := &m.walk.regions[len(m.walk.regions)-1]
	if r.current == dead {
		return
	}
	r.current += weight
	r.heaviest = max(r.heaviest, r.current)
}

// leave ends the path: control does not go on behind this instruction.
func (m *module) leave() { m.walk.regions[len(m.walk.regions)-1].current = dead }

func (m *module) label() int {
	at := m.pos
	label := m.index("label", len(m.walk.frames))
	m.shiftLabel(at, label)
	return label
}

// branch lets the path arrive at the end of the block that the label names. A
// branch to a loop's head only ends: the head charges for the next round.
func (m *module) branch(label int) {
	if m.err != nil {
		return
	}
	w := &m.walk
	if w.regions[len(w.regions)-1].current == dead {
		return
	}
	if f := &w.frames[len(w.frames)-1-label]; f.opcode != opLoop {
		f.merge = max(f.merge, w.regions[f.region].current)
	}
}

func (m *module) branchTable() {
	n := m.countMore("targets of a br_table", "BrTableTargets", 1, m.lim.BrTableTargets, 1)
	m.info.MaxBrTable = max(m.info.MaxBrTable, n+1)
	for i := 0; i <= n && m.err == nil; i++ {
		m.branch(m.targetWork(m.label()))
	}
}

// open reads a block's type and opens its frame, and for a loop its region.
func (m *module) open(at int, op byte) {
	passed := m.blockType()
	short := m.pos == at+2 && m.b[at+1]&0x40 != 0 // not a type of the type section
	w := &m.walk
	if len(w.frames) > m.lim.Nesting {
		m.over(at, "blocks nested too deeply", "Nesting", len(w.frames), m.lim.Nesting)
		return
	}
	m.info.MaxNesting = max(m.info.MaxNesting, len(w.frames))
	if op == opIf {
		m.charge(m.costs.Instruction)
	}
	top := len(w.regions) - 1
	current := w.regions[top].current
	w.frames = append(w.frames, frame{opcode: op, region: int32(top), merge: dead, before: current})
	m.work(1+count(op == opIf), passed)
	if op == opLoop {
		m.loopWork(passed)
		m.info.MaxLoops = max(m.info.MaxLoops, top+1)
		if top >= m.lim.LoopNesting {
			m.over(at, "loops nested too deeply", "LoopNesting", top+1, m.lim.LoopNesting)
		}
		m.carryNothing()
		w.edits = append(w.edits, edit{at: uint32(at)}) // in case it carries its fuel
		w.regions = append(w.regions, region{
			current: min(current, 0), edit: len(w.edits), frame: len(w.frames) - 1,
			// A type of the type section may take values.
			carries: short && w.loops <= maxCarries,
		})
		w.edits = append(w.edits, edit{at: uint32(m.pos), kind: editCharge})
		m.info.Loops++
	}
}

// blockType reads a block's type: none, one result, or a function type. It
// returns how many values the block passes in and out.
func (m *module) blockType() int {
	at := m.pos
	t := m.signed(33)
	switch {
	case m.err != nil:
	case t >= int64(len(m.types)):
		m.refuse(&Error{Offset: at, Rule: "no such block type", Found: t, Limit: len(m.types)})
	case t < 0 && m.pos != at+1:
		m.fail(at, "unknown block type", t)
	case t >= 0:
		return m.types[t].params.size() + m.types[t].results.size()
	case byte(t&0x7f) != typeEmpty:
		m.checkValueType(at, byte(t&0x7f))
		return 1
	}
	return 0
}

// otherArm turns an if into its else.
func (m *module) otherArm(at int) {
	w := &m.walk
	f := &w.frames[len(w.frames)-1]
	if f.opcode != opIf {
		m.fail(at, "else without if", nil)
		return
	}
	r := &w.regions[len(w.regions)-1]
	f.opcode = opElse
	f.merge = max(f.merge, r.current)
	r.current = f.before
}

// closeFrame ends the innermost block.
func (m *module) closeFrame() {
	w := &m.walk
	f := w.frames[len(w.frames)-1]
	w.frames = w.frames[:len(w.frames)-1]
	if f.opcode == opLoop {
		falls := w.regions[len(w.regions)-1].current != dead
		if r := &w.regions[len(w.regions)-1]; r.carries {
			w.edits[r.edit-1].kind = editCarry
			w.edits[r.edit].kind = editCarried
		}
		edit, carries := w.regions[len(w.regions)-1].edit, w.regions[len(w.regions)-1].carries
		m.closeRegion(m.costs.Loop)
		if carries {
			m.carry(edit)
		}
		if !falls {
			m.leave()
		}
		return
	}
	r := &w.regions[f.region]
	r.current = max(r.current, f.merge)
	if f.opcode == opIf {
		r.current = max(r.current, f.before)
	}
}

// closeRegion settles what is charged at the entry of the innermost region:
// the price of the entry and the heaviest path.
func (m *module) closeRegion(entry int64) {
	w := &m.walk
	r := w.regions[len(w.regions)-1]
	w.regions = w.regions[:len(w.regions)-1]
	w.edits[r.edit].value = entry + r.heaviest
}
