package meter

import "math"

const pageBytes = 65536

// assemble writes the metered module: every section as it was, with what is
// appended, the start section left out, of the custom sections the names of
// functions alone.
func (m *module) assemble() []byte {
	e := m.meter
	if !m.sections[sectionCode].found {
		e.begin(m, span{})
	}
	pages := uint32(MaxPages)
	if m.info.HasMax {
		pages = m.info.MemoryMax
	}
	e.helperBody(1, m.costs.BytesPerUnit, math.MaxUint32)
	e.helperBody(pageBytes, m.costs.BytesPerUnit, pages)
	e.helperBody(1, m.costs.EntriesPerUnit, math.MaxUint32)
	e.refillBody(m.costs, m.info.HasMemory)

	out := make([]byte, 0, len(m.b)+e.size()-m.sections[sectionCode].content.size()+1024)
	out = append(out, wasmHeader...)
	for _, id := range sectionOrder {
		switch id {
		case sectionType:
			out = m.grown(out, id, 2, []byte{typeFunc, 1, typeI32, 1, typeI32, typeFunc, 0, 0})
		case sectionFunction:
			var extra []byte
			for range helperRefill {
				extra = appendU32(extra, e.helperType)
			}
			extra = appendU32(extra, e.helperType+1)
			out = m.grown(out, id, helpers, extra)
		case sectionGlobal:
			out = m.grown(out, id, 2, []byte{typeI64, 1, opI64Const, 0, opEnd, typeI64, 1, opI64Const, 0, opEnd})
		case sectionExport:
			out = m.appendExports(out)
		case sectionMemory:
			out = m.appendMemory(out)
		case sectionStart:
		case sectionCode:
			n := appendU32(nil, uint32(m.sections[id].count+helpers))
			out = appendSection(out, id, append([][]byte{n}, append(e.full, e.code)...)...)
		default:
			if s := m.sections[id]; s.found {
				out = appendSection(out, id, m.b[s.content.start:s.content.end])
			}
		}
	}
	return m.appendNames(out)
}

// appendMemory writes the memory section, without the maximum where that is the
// host's to keep.
func (m *module) appendMemory(out []byte) []byte {
	s := m.sections[sectionMemory]
	switch {
	case !s.found:
		return out
	case s.count == 1 && m.costs.HostMemory:
		return appendSection(out, sectionMemory, appendU32([]byte{1, 0}, m.info.MemoryMin))
	default:
		return appendSection(out, sectionMemory, m.b[s.content.start:s.content.end])
	}
}

func (m *module) appendExports(out []byte) []byte {
	n := 2
	extra := appendU32(append(appendName(nil, FuelGlobal), byte(KindGlobal)), m.meter.fuel)
	extra = appendU32(append(appendName(extra, ReserveGlobal), byte(KindGlobal)), m.meter.reserve)
	if m.info.HasStart {
		n++
		extra = appendU32(append(appendName(extra, StartExport), byte(KindFunction)), uint32(m.start))
	}
	return m.grown(out, sectionExport, n, extra)
}

// grown appends a section with n more entries.
func (m *module) grown(out []byte, id byte, n int, extra []byte) []byte {
	s := m.sections[id]
	count := appendU32(nil, uint32(s.count+n))
	return appendSection(out, id, count, m.b[s.entries.start:s.entries.end], extra)
}

// appendNames appends a name section with the module's function names, where it
// has any, and the helpers'.
func (m *module) appendNames(out []byte) []byte {
	if m.names == (span{}) {
		return out
	}
	r := reader{b: m.b, pos: m.names.start, end: m.names.end}
	count := appendU32(nil, r.u32()+helpers)
	old := m.b[r.pos:r.end]
	var extra []byte
	for i, name := range helperNames {
		extra = appendName(appendU32(extra, m.meter.helper+uint32(i)), name)
	}
	size := appendU32([]byte{nameFunctions}, uint32(len(count)+len(old)+len(extra)))
	return appendSection(out, sectionCustom, appendName(nil, "name"), size, count, old, extra)
}

func appendSection(out []byte, id byte, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	out = appendU32(append(out, id), uint32(size))
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}
