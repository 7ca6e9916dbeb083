package meter

// compilePoint is what a place where control splits or joins weighs in
// Limits.CompileWork apart from the values alive there.
const compilePoint = 16

// expanded is how many control points an instruction counts for that becomes
// control flow of its own.
const expanded = 2

// moved is how much more a local weighs where control branches: it may have to be
// moved to where the other ways into the target have it.
const moved = 3

// trapWork is what an arithmetic instruction that can trap counts: its checks are
// much code, but no control flow.
const trapWork = 48

// work adds n control points that pass a number of values beside the locals. What
// is known of the addresses used before is copied from each to the next.
func (m *module) work(n, passed int) {
	w := &m.walk
	w.points += n
	m.info.CompileWork += int64(n) * int64(compilePoint+w.points/8+w.accesses/4+w.locals+passed)
}

// branchWork adds a branch, and returns its label.
func (m *module) branchWork(label int) int {
	m.work(1, moved*m.walk.locals)
	m.joinWork(label, 4)
	return label
}

// targetWork adds a target of a br_table, and returns its label.
func (m *module) targetWork(label int) int {
	m.info.CompileWork += int64(compilePoint + (1+moved)*m.walk.locals)
	m.joinWork(label, 256)
	return label
}

// joinWork adds one more way into the place that a label names: a compiler looks
// at all of them for each of them, at so many for one unit.
func (m *module) joinWork(label int, per int32) {
	f := &m.walk.frames[len(m.walk.frames)-1-label]
	f.joins++
	m.info.CompileWork += int64(f.joins / per)
}

// loopWork adds a loop: its point, and its share of the function's loops and of
// those around it.
func (m *module) loopWork(passed int) {
	m.walk.loops++
	m.work(1, passed)
	m.helperWork()
	others := m.walk.loops/8 + len(m.walk.regions) - 1
	m.info.CompileWork += int64(others) * int64(compilePoint+m.walk.locals+passed)
}

// callWork adds a call, behind which mutable globals are read anew.
func (m *module) callWork(t signature) {
	m.info.CompileWork += int64(m.mutableGlobals + t.params.size() + t.results.size())
}

// helperWork adds a call that is inserted: of a helper, or the one that a charge
// may need. Like any call it makes the mutable globals be read anew.
func (m *module) helperWork() { m.callWork(signature{}) }

// checkWork refuses the function or the module if it is over its limit.
func (m *module) checkWork(at int) {
	total := m.info.CompileWork
	function := total - m.walk.work
	m.info.MaxWork = max(m.info.MaxWork, function)
	switch {
	case m.err != nil:
	case function > int64(m.lim.FunctionWork):
		m.over(at, "function too costly to compile: control points times values alive",
			"FunctionWork", function, m.lim.FunctionWork)
	case total > int64(m.lim.CompileWork):
		m.over(at, "module too costly to compile: control points times values alive",
			"CompileWork", total, m.lim.CompileWork)
	}
}
