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

// Parts appends the document as it is now, in parts that follow each other:
// slices of the body and of what edits have written. They hold until the next
// edit, Parse or Reset, and a large body need not be copied for a small edit.
// Where there would be many, dst gets what Bytes returns.
func (d *Document) Parts(dst [][]byte) [][]byte {
	if !d.edited {
		return append(dst, d.body)
	}
	begin := len(dst)
	for part := range d.runs {
		if len(dst)-begin == mostParts {
			return append(dst[:begin], d.Bytes())
		}
		dst = append(dst, part)
	}
	return dst
}

// mostParts is more than a few edits make, and beside a head as many as one
// system call takes.
const mostParts = 15

// scattered reports whether there are more than mostParts runs.
func (d *Document) scattered() bool {
	n := 0
	for range d.runs {
		if n++; n > mostParts {
			return true
		}
	}
	return false
}

// runs yields the pieces, those as one that lie in memory one behind the other.
func (d *Document) runs(yield func([]byte) bool) {
	var run []byte
	for piece := range d.pieces {
		switch {
		case len(piece) == 0:
		case len(run) == 0:
			run = piece
		case follows(piece, run):
			run = run[:len(run)+len(piece)]
		default:
			if !yield(run) {
				return
			}
			run = piece
		}
	}
	yield(run)
}

// follows reports whether b, not empty, is what lies behind a in a's memory.
func follows(b, a []byte) bool {
	return cap(a) >= len(a)+len(b) && &a[:len(a)+1][len(a)] == &b[0]
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

// Held returns how many bytes the document holds beside the body once Parts was
// called: what edits have written, and what has been put together anew.
func (d *Document) Held() int {
	out := len(d.out)
	if d.edited && !d.rendered && d.scattered() {
		out = max(out, d.Len())
	}
	return len(d.arena) + len(d.spare) + out
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
