package openai

import (
	"fmt"
	"strconv"

	"github.com/infinirouter/infinirouter/plugins"
)

var _ plugins.Document = (*Document)(nil)

// Limits bound a Document. A zero field takes its default.
type Limits struct {
	Depth   int // nesting; default 128, at most 1024
	Bytes   int // of the body, as it came and as edits make it (max_body); default: no limit
	Members int // at the top level; default 4096
	// AnyModel lets "model" be something else than a string. For replies and
	// events, where nothing is routed by it.
	AnyModel bool
}

func (l Limits) withDefaults() Limits {
	if l.Depth <= 0 {
		l.Depth = 128
	}
	l.Depth = min(l.Depth, maxDepth)
	if l.Members <= 0 {
		l.Members = 4096
	}
	return l
}

// Document is a JSON object with an index of its top-level members. The zero
// value is an empty document, ready for Parse; use it again and again, and
// nothing is allocated once its buffers have grown. One goroutine at a time.
//
// The slices that its methods return belong to it (or to whoever owns the
// parsed body) and hold until the next method that changes it. Slices that it
// is given, other than the body, are copied, and may be ones that it returned.
type Document struct {
	body   []byte // as parsed; nobody writes to it
	limits Limits

	members []member // those of the body in order, then added ones
	parsed  int      // how many of members are the body's
	table   []int32  // hash table over the names of parsed members, see members.go
	names   []byte   // unescaped keys of parsed members whose key has escapes

	arena, spare []byte // see arena.go

	edited bool
	open   bool   // between Begin and Commit or Rollback
	turn   uint32 // counts transactions; a member with this number is in saved
	saved  []undo // members at Begin, of those that have changed since
	length int    // of members at Begin
	was    bool   // edited at Begin

	out      []byte // what Bytes rendered
	rendered bool   // out is the document as it is now

	scratch []byte // a path's token
	text    []byte // a value to be set
	model   []byte // what Model unescaped
	cuts    []span // of the edit under way
	counts  counts
}

// Reset empties the document and lets go of the body. Buffers stay, unless they
// are large.
func (d *Document) Reset() {
	clear(d.members)
	d.forget()
	d.body, d.members, d.parsed = nil, d.members[:0], 0
	d.edited, d.open, d.was, d.rendered = false, false, false, false
	d.counts = counts{}
	for _, b := range []*[]byte{&d.names, &d.arena, &d.spare, &d.out, &d.scratch, &d.text, &d.model} {
		if cap(*b) > keep {
			giveBack(*b)
			*b = nil
		}
		*b = (*b)[:0]
	}
}

// Parse checks body and indexes it. The document reads body, and never writes
// to it, until the next Parse or Reset: the caller must not change it before.
//
// The error is a *SyntaxError for what a client got wrong, and wraps
// plugins.ErrTooLarge for a body over limits.Bytes. The document is then empty.
func (d *Document) Parse(body []byte, limits Limits) error {
	d.Reset()
	limits = limits.withDefaults()
	d.limits = limits
	if limits.Bytes > 0 && len(body) > limits.Bytes {
		return fmt.Errorf("body of %d bytes is over the limit of %d: %w", len(body), limits.Bytes, plugins.ErrTooLarge)
	}
	c := checker{b: body, depth: limits.Depth, outer: 1}
	if len(body) > manyTexts {
		c.joints = jointsPool.Get().(*joints)
		defer c.joints.giveBack()
	}
	d.body = body
	if !d.index(&c) {
		d.Reset()
		return c.err()
	}
	return nil
}

// Bound sets Limits.Bytes for the edits to come, where it becomes known after
// Parse only.
func (d *Document) Bound(bytes int) { d.limits.Bytes = bytes }

// index checks the whole body and fills members.
func (d *Document) index(c *checker) bool {
	b := c.b
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return c.unexpected(i, "a JSON object") >= 0
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return c.end(i + 1)
	}
	for {
		m := member{at: i}
		if i >= len(b) || b[i] != '"' {
			return c.unexpected(i, "a key in quotes") >= 0
		}
		keyEnd := c.text(i + 1)
		if keyEnd < 0 {
			return false
		}
		m.key = b[i:keyEnd:keyEnd]
		if m.val = c.colon(keyEnd); m.val < 0 {
			return false
		}
		if m.end = c.value(m.val); m.end < 0 {
			return false
		}
		m.value = b[m.val:m.end:m.end]
		if !d.add(c, m) {
			return false
		}
		i = skipSpace(b, m.end)
		switch {
		case i < len(b) && b[i] == ',':
			i = skipSpace(b, i+1)
		case i < len(b) && b[i] == '}':
			return c.end(i + 1)
		default:
			return c.unexpected(i, "a comma or closing bracket") >= 0
		}
	}
}

// add takes a member of the body into the index.
func (d *Document) add(c *checker, m member) bool {
	m.name = m.text(&d.names)
	switch {
	case len(d.members) >= d.limits.Members:
		c.fail(m.at, "more than "+strconv.Itoa(d.limits.Members)+" members")
	case d.taken(m.name):
		c.fail(m.at, "duplicate key "+strconv.Quote(string(m.name[:min(len(m.name), 64)])))
	case !d.limits.AnyModel && string(m.name) == "model" && m.value[0] != '"':
		c.fail(m.val, "model is not a string")
	default:
		d.members = append(d.members, m)
		d.parsed++
		d.enter(d.parsed - 1)
		return true
	}
	return false
}

// Edited reports whether the document differs from the body that was parsed,
// or was at least changed since.
func (d *Document) Edited() bool { return d.edited }

// Model returns the text of "model"; ok is false without one.
func (d *Document) Model() (model []byte, ok bool) {
	m := d.lookup(nameModel)
	if m == nil || m.value[0] != '"' {
		return nil, false
	}
	if !hasEscape(m.value) {
		return m.value[1 : len(m.value)-1], true
	}
	d.model = appendUnquoted(d.model[:0], m.value)
	return d.model, true
}

// Stream reports whether "stream" is true.
func (d *Document) Stream() bool {
	m := d.lookup(nameStream)
	return m != nil && string(m.value) == "true"
}

var (
	nameModel  = []byte("model")
	nameStream = []byte("stream")
)

// Begin opens a transaction: Rollback brings back what is now, Commit keeps what
// came of it. A Begin inside a transaction opens a new one in its place.
func (d *Document) Begin() {
	d.forget()
	d.turn++
	if d.turn == 0 { // it has come round: no member may look saved
		for i := range d.members {
			d.members[i].turn = 0
		}
		d.turn = 1
	}
	d.length = len(d.members)
	d.open, d.was = true, d.edited
}

// Commit ends the transaction and keeps its edits.
func (d *Document) Commit() {
	d.forget()
	d.open = false
}

// undo is a member as it was at Begin.
type undo struct {
	i int
	member
}

// save keeps member i for Rollback. It must precede every change of a member.
func (d *Document) save(i int) {
	if m := &d.members[i]; d.open && i < d.length && m.turn != d.turn {
		d.saved = append(d.saved, undo{i, *m})
		m.turn = d.turn
	}
}

// forget lets go of what was saved.
func (d *Document) forget() {
	if len(d.saved) > 0 {
		clear(d.saved)
		d.saved = d.saved[:0]
	}
}

// Rollback ends the transaction and undoes its edits. Without one it does nothing.
func (d *Document) Rollback() {
	if !d.open {
		return
	}
	clear(d.members[d.length:])
	d.members = d.members[:d.length]
	for i := range d.saved {
		d.members[d.saved[i].i] = d.saved[i].member
	}
	d.edited = d.was
	d.changed()
	d.Commit()
}

// changed drops what was computed from the members as they were.
func (d *Document) changed() {
	d.rendered, d.counts = false, counts{}
}
