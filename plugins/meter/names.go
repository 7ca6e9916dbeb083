package meter

import "unicode/utf8"

// checkNames returns the part of the name section that names functions, or an
// empty span: names are advice, so one that is malformed is dropped, not refused.
func (m *module) checkNames(content span) span {
	r := reader{b: m.b, pos: content.start, end: content.end, section: "name"}
	for r.err == nil && r.left() > 0 {
		id := r.byte()
		size := r.length("subsection")
		if r.err != nil {
			break
		}
		names := span{r.pos, r.pos + size}
		if id == nameFunctions {
			if m.validNames(names) {
				return names
			}
			break
		}
		r.pos = names.end
	}
	return span{}
}

// nameFunctions is the subsection of the name section that names functions.
const nameFunctions = 1

// validNames reports whether the names are for functions that exist, in order.
func (m *module) validNames(names span) bool {
	r := reader{b: m.b, pos: names.start, end: names.end}
	n := r.count("names", "", len(m.functions), 2)
	next := 0
	for i := 0; i < n && r.err == nil; i++ {
		f := r.index("function", len(m.functions))
		size := r.length("name")
		if r.err != nil || f < next || !utf8.Valid(m.b[r.pos:r.pos+size]) {
			return false
		}
		r.pos += size
		next = f + 1
	}
	return r.err == nil && r.left() == 0
}
