package openai

import "bytes"

// Bytes returns the document as it is now: the very slice that was parsed if
// nothing was edited, else a buffer of the document's own, which holds until
// the next edit, Parse or Reset.
func (d *Document) Bytes() []byte {
	if !d.edited {
		return d.body
	}
	if !d.rendered {
		d.out = grown(d.out, d.Len())
		for piece := range d.pieces {
			d.out = appendLong(d.out, piece)
		}
		d.rendered = true
	}
	return d.out
}

// Len returns the length of Bytes without making it.
func (d *Document) Len() int {
	switch {
	case !d.edited:
		return len(d.body)
	case d.rendered:
		return len(d.out)
	}
	n := 0
	for piece := range d.pieces {
		n += len(piece)
	}
	return n
}

// Size implements plugins.Document: the body, and what edits have written.
func (d *Document) Size() int { return len(d.body) + len(d.arena) }

var (
	comma = []byte(",")
	colon = []byte(":")
)

// pieces yields the document piece by piece. A member of the body that stays is
// followed by what followed it there, so every removed one takes along one
// comma: the one after it or, at the end, the one before it.
func (d *Document) pieces(yield func([]byte) bool) {
	parsed := d.members[:d.parsed]
	head, tail := bytes.IndexByte(d.body, '{')+1, 0
	if len(parsed) > 0 {
		head, tail = parsed[0].at, parsed[len(parsed)-1].end
	} else {
		tail = head
	}
	if !yield(d.body[:head]) {
		return
	}
	gap := []byte(nil) // between the last member that stays and the next
	any := false
	for i := range parsed {
		m := &parsed[i]
		if m.removed {
			continue
		}
		if !yield(gap) || !yield(d.body[m.at:m.val]) || !yield(m.value) {
			return
		}
		any = true
		if i+1 < len(parsed) {
			gap = d.body[m.end:parsed[i+1].at]
		}
	}
	for i := range d.members[d.parsed:] {
		m := &d.members[d.parsed+i]
		if m.removed {
			continue
		}
		if any && !yield(comma) || !yield(m.key) || !yield(colon) || !yield(m.value) {
			return
		}
		any = true
	}
	yield(d.body[tail:])
}
