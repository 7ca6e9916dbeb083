package meter

import "encoding/binary"

const (
	sectionModule    = "module"
	wasmHeader       = "\x00asm\x01\x00\x00\x00"
	sectionCustom    = 0
	sectionType      = 1
	sectionImport    = 2
	sectionFunction  = 3
	sectionTable     = 4
	sectionMemory    = 5
	sectionGlobal    = 6
	sectionExport    = 7
	sectionStart     = 8
	sectionElement   = 9
	sectionCode      = 10
	sectionData      = 11
	sectionDataCount = 12
	sectionIDs       = 13
)

var sectionNames = [sectionIDs]string{
	"custom", "type", "import", "function", "table", "memory", "global",
	"export", "start", "element", "code", "data", "data count",
}

// sectionOrder is the order that a module's sections have, custom ones aside.
var sectionOrder = [...]byte{
	sectionType, sectionImport, sectionFunction, sectionTable, sectionMemory, sectionGlobal,
	sectionExport, sectionStart, sectionElement, sectionDataCount, sectionCode, sectionData,
}

// sectionRank is a section's place in sectionOrder, from 1.
var sectionRank = func() (rank [sectionIDs]int) {
	for i, id := range sectionOrder {
		rank[id] = i + 1
	}
	return rank
}()

// span is a range of bytes of the file.
type span struct{ start, end int }

func (s span) size() int { return s.end - s.start }

// section is one standard section as it was found.
type section struct {
	found   bool
	content span
	entries span // content behind the leading count
	count   int
}

// signature is a function type, as ranges of the file: the types alone can be
// a large part of a module, so they are not copied.
type signature struct{ params, results span }

type global struct {
	valueType byte
	mutable   bool
}

// module is what is known of the file while it is read, front to back. Every
// index is checked when it is met: the index spaces are complete by then, since
// the sections come in order.
type module struct {
	reader
	lim   Limits
	costs Costs
	info  *Info

	sections [sectionIDs]section
	names    span // content of the name section behind its name

	types           []signature
	functions       []int32 // type of each function, imported ones first
	importedFuncs   int
	globals         []global
	importedGlobals int
	mutableGlobals  int // the fuel and the reserve are the first
	hasTable        bool
	openTable       bool // host functions may be reached through the table
	elements        int
	dataCount       int // -1 without a data count section
	start           int
	dataBytes       int

	copies map[span][]byte // parameter and result lists that Info shows
	meter  *emitter        // nil when the module is only inspected
	walk   walker
}

func newModule(wasm []byte, lim Limits, costs Costs) *module {
	return &module{
		reader:         reader{b: wasm, end: len(wasm), section: sectionModule},
		lim:            lim,
		costs:          costs,
		info:           &Info{Size: len(wasm)},
		dataCount:      -1,
		mutableGlobals: 2,
		copies:         make(map[span][]byte),
	}
}

// parse validates the whole file and, with an emitter, rewrites the code as it
// goes by.
func (m *module) parse() *Error {
	if len(m.b) > m.lim.FileBytes {
		m.over(0, "file too large", "FileBytes", len(m.b), m.lim.FileBytes)
		return m.err
	}
	if len(m.b) < len(wasmHeader) || string(m.b[:len(wasmHeader)]) != wasmHeader {
		m.fail(0, "not a WebAssembly 1 module", nil)
		return m.err
	}
	m.pos = len(wasmHeader)
	rank := 0
	for m.err == nil && m.pos < len(m.b) {
		rank = m.parseSection(rank)
		m.section, m.end = sectionModule, len(m.b)
	}
	if m.err == nil {
		m.checkCounts()
	}
	if m.err == nil {
		m.names = m.checkNames(m.names)
	}
	return m.err
}

// parseSection reads one section that must come after those of the given rank,
// and returns its own.
func (m *module) parseSection(rank int) int {
	at := m.pos
	id := m.byte()
	size := m.length("section")
	if m.err == nil && id >= sectionIDs {
		m.fail(at, "unknown section", hex(id))
	}
	if m.err != nil {
		return rank
	}
	m.section, m.end = sectionNames[id], m.pos+size
	content := span{m.pos, m.end}
	if id == sectionCustom {
		m.parseCustom(at, content)
		return rank
	}
	if sectionRank[id] <= rank {
		m.fail(at, "section out of order or repeated", nil)
		return rank
	}
	s := &m.sections[id]
	s.found, s.content = true, content
	m.parseContent(id, s)
	if m.err == nil && m.pos != m.end {
		m.fail(m.pos, "bytes left over at the end of the section", m.left())
	}
	return sectionRank[id]
}

func (m *module) parseContent(id byte, s *section) {
	switch id {
	case sectionType:
		m.each(s, "types", "Types", m.lim.Types, 3, m.parseType)
	case sectionImport:
		m.each(s, "imports", "Imports", m.lim.Imports, 4, m.parseImport)
		m.importedFuncs, m.importedGlobals = len(m.functions), len(m.globals)
	case sectionFunction:
		m.each(s, "functions", "Functions", m.lim.Functions, 1, m.parseFunction)
		m.info.Functions = s.count
	case sectionTable:
		m.each(s, "tables", "", 1, 3, func(int) { m.parseTable() })
	case sectionMemory:
		m.each(s, "memories", "", 1, 2, func(int) { m.parseMemory() })
	case sectionGlobal:
		m.each(s, "globals", "Globals", m.lim.Globals, 4, m.parseGlobal)
	case sectionExport:
		m.parseExports(s)
	case sectionStart:
		m.parseStart()
	case sectionElement:
		m.each(s, "element segments", "ElementSegments", m.lim.ElementSegments, 3, m.parseElement)
	case sectionDataCount:
		m.dataCount = m.count("data segments", "DataSegments", m.lim.DataSegments, 0)
	case sectionCode:
		if m.meter != nil {
			m.meter.begin(m, s.content)
		}
		m.each(s, "function bodies", "Functions", m.lim.Functions, 3, m.parseBody)
	case sectionData:
		m.each(s, "data segments", "DataSegments", m.lim.DataSegments, 2, m.parseData)
	}
}

// each reads a vector: its count, then every entry.
func (m *module) each(s *section, what, name string, limit, size int, entry func(i int)) {
	used := 0
	if s == &m.sections[sectionGlobal] {
		used = m.importedGlobals
	}
	s.count = m.countMore(what, name, used, limit, size)
	s.entries = span{m.pos, m.end}
	m.reserve(s)
	for i := 0; i < s.count && m.err == nil; i++ {
		entry(i)
	}
}

// reserve makes room for what a section declares; the count is checked by now.
func (m *module) reserve(s *section) {
	switch s {
	case &m.sections[sectionType]:
		m.types = make([]signature, 0, s.count)
	case &m.sections[sectionImport]:
		m.info.Imports = make([]Import, 0, s.count)
	case &m.sections[sectionFunction]:
		m.functions = append(make([]int32, 0, len(m.functions)+s.count), m.functions...)
	case &m.sections[sectionExport]:
		m.info.Exports = make([]Export, 0, s.count)
	}
}

// checkCounts compares what sections say of each other.
func (m *module) checkCounts() {
	if declared, bodies := len(m.functions)-m.importedFuncs, m.sections[sectionCode].count; declared != bodies {
		m.refuse(&Error{
			Offset: m.sections[sectionFunction].content.start,
			Rule:   "not as many function bodies as functions", Found: bodies, Limit: declared,
		})
	}
	if segments := m.sections[sectionData].count; m.dataCount >= 0 && m.dataCount != segments {
		m.refuse(&Error{
			Offset: m.sections[sectionDataCount].content.start,
			Rule:   "not as many data segments as the data count section says", Found: segments, Limit: m.dataCount,
		})
	}
	m.info.Globals = len(m.globals)
}

// parseCustom notes the name section and passes over any other.
func (m *module) parseCustom(at int, content span) {
	m.info.CustomBytes += content.end - at
	name := m.name("section name", m.lim.NameBytes)
	if m.err == nil && string(name) == "name" && m.names == (span{}) {
		m.names = span{m.pos, content.end}
	}
	m.pos = m.end
}

// copyOf returns the bytes of s for Info, once per distinct range.
func (m *module) copyOf(s span) []byte {
	c, ok := m.copies[s]
	if !ok {
		c = append([]byte{}, m.b[s.start:s.end]...)
		m.copies[s] = c
	}
	return c
}

// maxU32 is the most bytes that appendU32 appends.
const maxU32 = 5

// appendU32 appends v in unsigned LEB128.
func appendU32(b []byte, v uint32) []byte { return binary.AppendUvarint(b, uint64(v)) }

// appendS64 appends v in signed LEB128.
func appendS64(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if (v == 0 && c&0x40 == 0) || (v == -1 && c&0x40 != 0) {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
