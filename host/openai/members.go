package openai

import (
	"bytes"
	"hash/maphash"
)

// member is one top-level member.
type member struct {
	key   []byte // with quotes and escapes
	name  []byte // what the key means
	value []byte // raw JSON, of the body or of the arena

	at, val, end int // in the body: key, value, end of the value; unused if added

	turn    uint32 // of the transaction that saved it last
	removed bool
	owned   bool // value lies in the arena
}

// text returns what the key means: a part of the key itself or, if it has
// escapes, what it appends to buf.
func (m *member) text(buf *[]byte) []byte {
	if !hasEscape(m.key) {
		return m.key[1 : len(m.key)-1]
	}
	n := len(*buf)
	*buf = appendUnquoted(*buf, m.key)
	return (*buf)[n:len(*buf):len(*buf)]
}

func hasEscape(quoted []byte) bool { return bytes.IndexByte(quoted, '\\') >= 0 }

// few is how many members are searched one by one. With more there is a hash
// table, or a body full of keys would take quadratic time to check for doubles.
const few = 16

// seed is secret, so that nobody can send keys that collide.
var seed = maphash.MakeSeed()

// taken reports whether a parsed member has this name.
func (d *Document) taken(name []byte) bool { return d.findParsed(name) >= 0 }

// findParsed returns the index of the body's member of this name, or -1.
func (d *Document) findParsed(name []byte) int {
	if d.parsed <= few {
		for i := range d.members[:d.parsed] {
			if bytes.Equal(d.members[i].name, name) {
				return i
			}
		}
		return -1
	}
	mask := len(d.table) - 1
	for slot := int(maphash.Bytes(seed, name)) & mask; d.table[slot] != 0; slot = (slot + 1) & mask {
		if i := int(d.table[slot] - 1); bytes.Equal(d.members[i].name, name) {
			return i
		}
	}
	return -1
}

// enter puts parsed member i, the last one, into the table, if it takes one.
func (d *Document) enter(i int) {
	switch {
	case d.parsed <= few:
		return
	case d.parsed == few+1:
		d.rehash(8 * few)
	case 2*d.parsed > len(d.table):
		d.rehash(2 * len(d.table))
	default:
		d.place(i)
	}
}

// rehash makes a table of size slots, a power of two, of all parsed members.
func (d *Document) rehash(size int) {
	if cap(d.table) < size {
		d.table = make([]int32, size)
	}
	d.table = d.table[:size]
	clear(d.table)
	for i := range d.members[:d.parsed] {
		d.place(i)
	}
}

func (d *Document) place(i int) {
	mask := len(d.table) - 1
	slot := int(maphash.Bytes(seed, d.members[i].name)) & mask
	for d.table[slot] != 0 {
		slot = (slot + 1) & mask
	}
	d.table[slot] = int32(i + 1)
}

// find returns the index of the member of this name, a removed one included,
// or -1.
func (d *Document) find(name []byte) int {
	if i := d.findParsed(name); i >= 0 {
		return i
	}
	for i := d.parsed; i < len(d.members); i++ {
		if bytes.Equal(d.members[i].name, name) {
			return i
		}
	}
	return -1
}

// lookup returns the member of this name, or nil.
func (d *Document) lookup(name []byte) *member {
	if i := d.find(name); i >= 0 && !d.members[i].removed {
		return &d.members[i]
	}
	return nil
}
