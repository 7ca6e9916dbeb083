package host

import "bytes"

// vars are the values that policies let travel with an exchange. All bytes
// stand in one arena, so that setting one allocates nothing once it has grown.
type vars struct {
	arena   []byte
	spare   []byte // what the arena moves to
	entries []varEntry
	saved   []varEntry
}

type varEntry struct{ name, value span }

type span struct{ start, end int }

type varsMark struct{ arena, entries int }

func (v *vars) at(s span) []byte { return v.arena[s.start:s.end:s.end] }

func (v *vars) put(b []byte) span {
	start := len(v.arena)
	v.arena = append(v.arena, b...)
	return span{start, len(v.arena)}
}

func (v *vars) find(name []byte) int {
	for i := range v.entries {
		if bytes.Equal(v.at(v.entries[i].name), name) {
			return i
		}
	}
	return -1
}

func (v *vars) get(name []byte) ([]byte, bool) {
	i := v.find(name)
	if i < 0 {
		return nil, false
	}
	return v.at(v.entries[i].value), true
}

func (v *vars) set(name, value []byte) {
	i := v.find(name)
	if i < 0 {
		v.entries = append(v.entries, varEntry{name: v.put(name), value: v.put(value)})
		return
	}
	e := &v.entries[i]
	if e.value.end-e.value.start == len(value) && bytes.Equal(v.at(e.value), value) {
		return
	}
	e.value = v.put(value)
}

// mark remembers today's values; rollback goes back to them. Values are never
// overwritten in the arena, so old spans stay true.
func (v *vars) mark() varsMark {
	v.compact()
	v.saved = append(v.saved[:0], v.entries...)
	return varsMark{arena: len(v.arena), entries: len(v.entries)}
}

func (v *vars) rollback(m varsMark) {
	v.entries = append(v.entries[:0], v.saved[:m.entries]...)
	v.arena = v.arena[:m.arena]
}

// compact moves the values to the other arena when most of this one is what
// they were before: a stream may set a var at each of its events.
func (v *vars) compact() {
	if len(v.arena) < maxIdleVars {
		return
	}
	live := 0
	for _, e := range v.entries {
		live += e.name.end - e.name.start + e.value.end - e.value.start
	}
	if len(v.arena) < 2*live+maxIdleVars {
		return
	}
	old := v.arena
	v.arena = v.spare[:0]
	for i, e := range v.entries {
		v.entries[i] = varEntry{name: v.put(old[e.name.start:e.name.end]), value: v.put(old[e.value.start:e.value.end])}
	}
	v.spare = old
}

// maxIdleVars is how many bytes of vars' memory are no matter.
const maxIdleVars = 64 << 10

func (v *vars) reset() {
	if cap(v.arena)+cap(v.spare) > 2*maxIdleVars {
		v.arena, v.spare = nil, nil
	}
	v.arena, v.entries = v.arena[:0], v.entries[:0]
}
