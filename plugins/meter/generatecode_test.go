package meter

// generatedFunction is the function that is being generated.
type generatedFunction struct {
	sig
	locals []byte // type of each, parameters first
	labels []generatedLabel
	code   []byte
	depth  int // of expressions and statements within each other
	room   int // how many more there may be
}

// generatedLabel is an open block: what a branch to it takes, and whether it
// goes back.
type generatedLabel struct {
	types string
	loop  bool
}

func (g *generator) emit(parts ...any) { g.fn.code = append(g.fn.code, code(parts...)...) }

// function generates a function's body and adds it.
func (g *generator) function(s sig) {
	f := &generatedFunction{sig: s, locals: []byte(s.params), room: 120}
	f.labels = []generatedLabel{{types: s.results}}
	g.fn = f
	groups := code(len(g.values))
	for _, t := range g.values {
		n := 1 + g.of(2)
		groups = append(groups, byte(n), t)
		for range n {
			f.locals = append(f.locals, t)
		}
	}
	g.tick()
	g.statements(8)
	g.exprs(s.results)
	c := code(groups, f.code, opEnd)
	g.b.add(sectionCode, u(len(c)), c)
}

// tick takes one from the budget, and gives up when there is none.
func (g *generator) tick() {
	g.emit(opGlobalGet, budgetGlobal, i32(1), opI32Sub, opGlobalSet, budgetGlobal)
	g.emit(opGlobalGet, budgetGlobal, i32(0), opI32LtS, opIf, typeEmpty)
	if g.yes() {
		for _, t := range []byte(g.fn.results) {
			g.emit(g.constant(t))
		}
		g.emit(opReturn, opEnd)
		return
	}
	g.emit(opUnreachable, opEnd)
}

func (g *generator) statements(most int) {
	for range g.of(most + 1) {
		g.statement()
	}
}

func (g *generator) statement() {
	f := g.fn
	if f.depth > 7 || f.room <= 0 {
		return
	}
	f.depth++
	f.room--
	defer func() { f.depth-- }()
	switch g.of(18) {
	case 0:
		g.emit(opNop)
	case 1, 2:
		t := pick(&g.choices, g.values)
		g.expr(t)
		g.emit(set(g.local(t)))
	case 3:
		g.setGlobal()
	case 4, 5:
		g.store()
	case 6:
		g.expr(pick(&g.choices, g.values))
		g.emit(opDrop)
	case 7, 8:
		g.block("")
	case 9, 10:
		g.spin()
	case 11:
		g.jump()
	case 12:
		g.expr(typeI32)
		g.nest(opIf, typeEmpty, generatedLabel{}, g.jump)
	case 13:
		g.branchIf()
	case 14:
		g.call(g.of(len(g.funcs)))
	case 15:
		g.callIndirect()
	case 16, 17:
		g.bulk()
	}
}

// nest emits a block of one arm.
func (g *generator) nest(op, blockType byte, l generatedLabel, body func()) {
	g.emit(op, blockType)
	g.fn.labels = append(g.fn.labels, l)
	body()
	g.fn.labels = g.fn.labels[:len(g.fn.labels)-1]
	g.emit(opEnd)
}

// block emits a block, a loop or an if that leaves results, and may take
// parameters.
func (g *generator) block(results string) {
	op := byte(opBlock + g.of(3))
	params := ""
	if g.of(3) == 2 {
		params = g.someTypes(2)
	}
	g.exprs(params)
	if op == opIf {
		g.expr(typeI32)
	}
	g.emit(op)
	switch {
	case params == "" && results == "" && g.of(4) != 3:
		g.emit(typeEmpty)
	case params == "" && len(results) == 1 && g.of(4) != 3:
		g.emit(results)
	default:
		g.emit(s(int64(g.typeOf(sig{params, results}))))
	}
	l := generatedLabel{types: results}
	if op == opLoop {
		l = generatedLabel{types: params, loop: true}
	}
	g.fn.labels = append(g.fn.labels, l)
	g.arm(params, results)
	if op == opIf && (params != results || g.yes()) {
		g.emit(opElse)
		g.arm(params, results)
	}
	g.fn.labels = g.fn.labels[:len(g.fn.labels)-1]
	g.emit(opEnd)
}

// arm turns the parameters of a block into its results.
func (g *generator) arm(params, results string) {
	if params == results && g.yes() {
		g.statements(4) // above what lies on the stack
		return
	}
	g.pop(params)
	g.statements(4)
	g.exprs(results)
}

// pop takes values of the types from the stack, into locals or nowhere.
func (g *generator) pop(types string) {
	for i := len(types) - 1; i >= 0; i-- {
		if g.yes() {
			g.emit(opDrop)
		} else {
			g.emit(set(g.local(types[i])))
		}
	}
}

// spin is a loop that a counter ends, as compilers write them.
func (g *generator) spin() {
	counter := g.local(typeI32)
	g.emit(i32(int64(g.of(12))), set(counter))
	g.nest(opLoop, typeEmpty, generatedLabel{loop: true}, func() {
		g.statements(3)
		if g.of(4) == 3 {
			g.call(g.of(len(g.funcs)))
		}
		g.tick()
		g.emit(get(counter), i32(1), opI32Sub, opLocalTee, u(counter), i32(0), 0x4a, opBrIf, 0) // i32.gt_s
	})
}

// label chooses a label and prepares to branch to it.
func (g *generator) label() (depth int, l generatedLabel) {
	depth = g.of(len(g.fn.labels))
	l = g.fn.labels[len(g.fn.labels)-1-depth]
	if l.loop {
		g.tick()
	}
	return depth, l
}

// jump goes away for good.
func (g *generator) jump() {
	switch g.of(5) {
	case 0:
		g.emit(opUnreachable)
	case 1:
		g.exprs(g.fn.results)
		g.emit(opReturn)
	case 2, 3:
		depth, l := g.label()
		g.exprs(l.types)
		g.emit(opBr, u(depth))
	case 4:
		g.branchTable()
	}
}

// branchIf leaves nothing behind of what the branch would have taken.
func (g *generator) branchIf() {
	depth, l := g.label()
	g.exprs(l.types)
	g.expr(typeI32)
	g.emit(opBrIf, u(depth))
	g.pop(l.types)
}

func (g *generator) branchTable() {
	depth, l := g.label()
	like := []int{depth}
	for d := range g.fn.labels {
		other := g.fn.labels[len(g.fn.labels)-1-d]
		if other.types == l.types {
			if other.loop && !l.loop {
				continue // its tick is not there
			}
			like = append(like, d)
		}
	}
	g.exprs(l.types)
	g.expr(typeI32)
	n := g.of(6)
	g.emit(opBrTable, u(n))
	for range n + 1 {
		g.emit(u(pick(&g.choices, like)))
	}
}

func (g *generator) setGlobal() {
	t := pick(&g.choices, g.values)
	g.expr(t)
	for i, global := range g.globals {
		if i != budgetGlobal && global.valueType == t && global.mutable {
			g.emit(opGlobalSet, u(i))
			return
		}
	}
	g.emit(opDrop)
}

// store writes a number or a lane to the memory.
func (g *generator) store() {
	g.address()
	op := pick(&g.choices, stores)
	if op.in[1] == typeV128 && len(g.values) < 5 {
		op = stores[0]
	}
	g.expr(op.in[1])
	g.emit(op.code)
	g.offset(op.align)
	if op.lanes > 0 {
		g.emit(g.of(op.lanes))
	}
}

func (g *generator) offset(align byte) {
	g.emit(g.of(int(align)+1), u(pick(&g.choices, []int{0, 1, 8, 255, 70_000, 1 << 30})))
}

// address pushes an address, mostly one within the memory.
func (g *generator) address() {
	g.expr(typeI32)
	if g.of(8) != 7 {
		g.emit(i32(0xfff), 0x71) // i32.and
	}
}

// bulk emits an instruction whose work is an operand.
func (g *generator) bulk() {
	small := func() {
		g.expr(typeI32)
		if g.of(8) != 7 {
			g.emit(i32(7), 0x71)
		}
	}
	switch g.of(8) {
	case 0:
		g.address()
		g.expr(typeI32)
		g.address()
		g.emit(opPrefixMisc, miscMemoryFill, 0)
	case 1:
		g.address()
		g.address()
		g.address()
		g.emit(opPrefixMisc, miscMemoryCopy, 0, 0)
	case 2:
		g.address()
		small()
		small()
		g.emit(opPrefixMisc, miscMemoryInit, g.of(g.data), 0)
	case 3:
		g.emit(opPrefixMisc, miscDataDrop, g.of(g.data))
	case 4:
		small()
		small()
		small()
		g.emit(opPrefixMisc, miscTableCopy, 0, 0)
	case 5:
		small()
		small()
		small()
		g.emit(opPrefixMisc, miscTableInit, g.of(g.elems), 0)
	case 6:
		g.emit(opPrefixMisc, miscElemDrop, g.of(g.elems))
	case 7:
		small()
		g.emit(opMemoryGrow, 0, opDrop)
	}
}
