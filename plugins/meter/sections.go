package meter

// valueType reads a value type that this build of the limits accepts.
func (m *module) valueType() byte {
	at := m.pos
	t := m.byte()
	m.checkValueType(at, t)
	return t
}

func (m *module) checkValueType(at int, t byte) {
	switch t {
	case typeI32, typeI64, typeF32, typeF64:
	case typeV128:
		if !m.lim.SIMD {
			m.over(at, "vector types are switched off", "SIMD", "v128", false)
		}
	case typeFuncref, typeExtern:
		m.fail(at, "reference types are not accepted", hex(t))
	default:
		m.fail(at, "unknown value type", hex(t))
	}
}

func (m *module) parseType(int) {
	at := m.pos
	if form := m.byte(); form != typeFunc {
		m.fail(at, "not a function type", hex(form))
		return
	}
	var s signature
	s.params = m.valueTypes("parameters", "Params", m.lim.Params)
	s.results = m.valueTypes("results", "Results", m.lim.Results)
	m.types = append(m.types, s)
}

func (m *module) valueTypes(what, name string, limit int) span {
	n := m.count(what, name, limit, 1)
	start := m.pos
	for i := 0; i < n && m.err == nil; i++ {
		m.valueType()
	}
	return span{start, m.pos}
}

func (m *module) typeIndex() int32 { return int32(m.index("type", len(m.types))) }

func (m *module) parseImport(int) {
	var imp Import
	imp.Module = string(m.name("import module", m.lim.NameBytes))
	imp.Name = string(m.name("import name", m.lim.NameBytes))
	at := m.pos
	imp.Kind = ImportKind(m.byte())
	if m.err != nil {
		return
	}
	switch imp.Kind {
	case KindFunction:
		t := m.typeIndex()
		if m.err != nil {
			return
		}
		m.functions = append(m.functions, t)
		imp.Params, imp.Results = m.copyOf(m.types[t].params), m.copyOf(m.types[t].results)
	case KindTable:
		m.openTable = true
		m.parseTable()
	case KindMemory:
		m.parseMemory()
	case KindGlobal:
		if len(m.globals) >= m.lim.Globals {
			m.over(at, "too many globals", "Globals", len(m.globals)+1, m.lim.Globals)
			return
		}
		m.globals = append(m.globals, m.globalType())
	default:
		m.fail(at, "unknown kind of import", hex(imp.Kind))
		return
	}
	m.info.Imports = append(m.info.Imports, imp)
}

func (m *module) parseFunction(int) {
	m.functions = append(m.functions, m.typeIndex())
}

func (m *module) parseTable() {
	at := m.pos
	if t := m.byte(); t != typeFuncref {
		m.fail(at, "only a table of functions is accepted", hex(t))
		return
	}
	if m.hasTable {
		m.fail(at, "more than one table", nil)
		return
	}
	m.hasTable = true
	at = m.pos
	low, high, hasMax := m.limitsType()
	switch {
	case m.err != nil:
	case uint64(low) > uint64(max(m.lim.TableEntries, 0)):
		m.over(at, "table too large", "TableEntries", low, m.lim.TableEntries)
	case hasMax && high < low:
		m.fail(at, "table's maximum is below its minimum", high)
	}
	m.info.TableMin = low
}

// MaxPages is what 32-bit addresses reach, in pages of 64 KiB.
const MaxPages = 1 << 16

func (m *module) parseMemory() {
	at := m.pos
	if m.info.HasMemory {
		m.fail(at, "more than one memory", nil)
		return
	}
	low, high, hasMax := m.limitsType()
	switch {
	case m.err != nil:
	case uint64(low) > uint64(max(m.lim.MemoryPages, 0)):
		m.over(at, "memory's minimum too large, in pages of 64 KiB", "MemoryPages", low, m.lim.MemoryPages)
	case low > MaxPages || high > MaxPages:
		m.refuse(&Error{Offset: at, Rule: "memory of more than 4 GiB, in pages", Found: max(low, high), Limit: MaxPages})
	case hasMax && high < low:
		m.fail(at, "memory's maximum is below its minimum", high)
	}
	m.info.HasMemory, m.info.MemoryMin, m.info.MemoryMax, m.info.HasMax = true, low, high, hasMax
}

func (m *module) limitsType() (low, high uint32, hasMax bool) {
	at := m.pos
	switch flag := m.byte(); flag {
	case 0:
		return m.u32(), 0, false
	case 1:
		low = m.u32()
		return low, m.u32(), true
	default:
		m.fail(at, "unknown limits flag (shared and 64-bit memories are not accepted)", hex(flag))
		return 0, 0, false
	}
}

func (m *module) globalType() global {
	t := m.valueType()
	at := m.pos
	mut := m.byte()
	if mut > 1 {
		m.fail(at, "unknown mutability", hex(mut))
	}
	m.mutableGlobals += int(mut & 1)
	return global{t, mut == 1}
}

func (m *module) parseGlobal(int) {
	g := m.globalType()
	m.constant(g.valueType)
	m.globals = append(m.globals, g)
}

// constant reads a constant expression of the given type: one constant, or the
// value of an imported global that cannot change.
func (m *module) constant(want byte) {
	at := m.pos
	op := m.byte()
	var got byte
	switch op {
	case opI32Const:
		got = typeI32
		m.signed(32)
	case opI64Const:
		got = typeI64
		m.signed(64)
	case opF32Const:
		got = typeF32
		m.skip(4)
	case opF64Const:
		got = typeF64
		m.skip(8)
	case opGlobalGet:
		got = m.constantGlobal()
	case opPrefixVector:
		if sub := m.u32(); sub != vecConst || !m.lim.SIMD {
			m.fail(at, "not a constant expression", hex(op))
		}
		got = typeV128
		m.skip(16)
	default:
		m.fail(at, "not a constant expression", hex(op))
	}
	end := m.pos
	switch {
	case m.byte() != opEnd:
		m.fail(end, "constant expression of more than one instruction", nil)
	case got != want:
		m.fail(at, "constant expression of another type than wanted", hex(got))
	}
}

func (m *module) constantGlobal() byte {
	at := m.pos
	i := m.index("imported global", m.importedGlobals)
	if m.err != nil {
		return 0
	}
	if m.globals[i].mutable {
		m.fail(at, "constant expression reads a global that can change", i)
	}
	return m.globals[i].valueType
}

func (m *module) parseExports(s *section) {
	seen := make(map[string]struct{})
	m.each(s, "exports", "Exports", m.lim.Exports, 3, func(int) {
		at := m.pos
		name := m.name("export name", m.lim.NameBytes)
		if m.err != nil {
			return
		}
		if s := string(name); s == FuelGlobal || s == ReserveGlobal || s == StartExport {
			m.fail(at, "export name is reserved for the router", string(name))
			return
		}
		if _, twice := seen[string(name)]; twice {
			m.fail(at, "two exports of one name", string(name))
			return
		}
		e := Export{Name: string(name)}
		seen[e.Name] = struct{}{}
		m.parseExport(&e)
		m.info.Exports = append(m.info.Exports, e)
	})
}

func (m *module) parseExport(e *Export) {
	at := m.pos
	e.Kind = ExportKind(m.byte())
	have := 0
	switch e.Kind {
	case KindFunction:
		have = len(m.functions)
	case KindTable:
		have = count(m.hasTable)
	case KindMemory:
		have = count(m.info.HasMemory)
	case KindGlobal:
		have = len(m.globals)
	default:
		m.fail(at, "unknown kind of export", hex(e.Kind))
		return
	}
	e.Index = uint32(m.index(e.Kind.String(), have))
	if m.err == nil && e.Kind == KindFunction {
		t := m.types[m.functions[e.Index]]
		e.Params, e.Results = m.copyOf(t.params), m.copyOf(t.results)
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (m *module) parseStart() {
	at := m.pos
	m.start = m.index("function", len(m.functions))
	if m.err != nil {
		return
	}
	if t := m.types[m.functions[m.start]]; t.params.start != t.params.end || t.results.start != t.results.end {
		m.fail(at, "start function has parameters or results", m.start)
	}
	m.info.HasStart = true
}

// parseElement reads one element segment: a list of function indices, in any of
// the forms that need no reference expressions.
func (m *module) parseElement(int) {
	at := m.pos
	kind := m.u32()
	if kind > 3 {
		m.fail(at, "element segment of reference expressions or of an unknown kind", kind)
		return
	}
	active := kind&1 == 0
	if active {
		if kind == 2 {
			m.tableIndex()
		} else if !m.hasTable {
			m.fail(at, "element segment without a table", nil)
		}
		m.constant(typeI32)
	}
	if kind != 0 {
		at = m.pos
		if k := m.byte(); k != 0 {
			m.fail(at, "unknown element kind", hex(k))
		}
	}
	n := m.countMore("element entries", "ElementEntries", m.elements, m.lim.ElementEntries, 1)
	m.elements += n
	for i := 0; i < n && m.err == nil; i++ {
		if f := m.index("function", len(m.functions)); f < m.importedFuncs {
			m.openTable = true
		}
	}
}

func (m *module) tableIndex() { m.index("table", count(m.hasTable)) }

func (m *module) parseData(int) {
	at := m.pos
	kind := m.u32()
	if kind > 2 {
		m.fail(at, "unknown kind of data segment", kind)
		return
	}
	if kind == 2 {
		m.index("memory", count(m.info.HasMemory))
	}
	if kind != 1 {
		if !m.info.HasMemory {
			m.fail(at, "data segment without a memory", nil)
		}
		m.constant(typeI32)
	}
	at = m.pos
	n := m.length("data segment")
	m.dataBytes += n
	if m.err == nil && m.dataBytes > m.lim.DataBytes {
		m.over(at, "too many bytes of data", "DataBytes", m.dataBytes, m.lim.DataBytes)
	}
	m.skip(n)
}
