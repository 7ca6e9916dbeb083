package openai

// The arena holds what edits wrote. Bytes are only ever appended to it, so that
// a rollback needs nothing but the old members. What later edits replaced lies
// there as waste until the arena is full; then what still counts moves to the
// spare one. So it never holds more than a few times the document, however
// often a policy edits it.

// reserve makes room for n bytes. It may move the values of all owned members;
// slices taken before hold until the next call.
func (d *Document) reserve(n int) {
	if cap(d.arena)-len(d.arena) >= n {
		return
	}
	live := n
	for i := range d.members {
		live += d.members[i].ownedBytes()
	}
	for i := range d.saved {
		live += d.saved[i].ownedBytes()
	}
	if want := live + live/2 + 1024; cap(d.spare) < want { // with slack, or every edit would come here
		d.spare = grown(d.spare, want)
	}
	d.arena, d.spare = d.spare[:0], d.arena
	for i := range d.members {
		d.move(&d.members[i])
	}
	for i := range d.saved {
		d.move(&d.saved[i].member)
	}
}

// added reports whether the member came by an edit: its key is in the arena.
func (m *member) added() bool { return m.end == 0 }

func (m *member) ownedBytes() (n int) {
	if m.owned {
		n = len(m.value)
	}
	if m.added() {
		n += len(m.key) + len(m.name)
	}
	return n
}

// move copies what the member has in the arena to the present end of it.
func (d *Document) move(m *member) {
	if m.owned {
		m.value = d.store(m.value)
	}
	if m.added() {
		m.key = d.store(m.key)
		m.name = m.text(&d.arena)
	}
}

// store appends b, for which there is room, to the arena.
func (d *Document) store(b []byte) []byte {
	n := len(d.arena)
	d.arena = appendLong(d.arena, b)
	return d.arena[n:len(d.arena):len(d.arena)]
}
