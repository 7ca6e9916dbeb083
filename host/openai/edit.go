package openai

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/infinirouter/infinirouter/plugins"
)

// Set implements plugins.Document: raw, one JSON value by the rules of Parse,
// takes the place of what is at path, or joins the object or array around it.
// ErrMalformed also for a "model" that would no longer be a string, ErrTooLarge
// for a document that would be over a limit; nothing has changed then.
func (d *Document) Set(path, raw []byte) error {
	if !validPath(path) {
		return plugins.ErrMalformed
	}
	c := checker{b: raw, depth: d.limits.Depth, outer: bytes.Count(path, slash)}
	switch {
	case c.whole():
		return d.put(path, trimSpace(raw))
	case c.tooDeep:
		return fmt.Errorf("value for %.64q: %s: %w", path, c.reason, plugins.ErrTooLarge)
	default:
		return fmt.Errorf("value for %.64q: %s at byte %d: %w", path, c.reason, c.at, plugins.ErrMalformed)
	}
}

var slash = []byte("/")

// SetString implements plugins.Document. ErrMalformed for text that is not UTF-8.
func (d *Document) SetString(path, text []byte) error {
	if !validPath(path) || !utf8.Valid(text) {
		return plugins.ErrMalformed
	}
	if cap(d.text) < 6*len(text)+2+escapeRoom { // every byte escaped
		d.text = grown(d.text, quotedLen(text)+escapeRoom)
	}
	d.text = appendQuoted(d.text[:0], text)
	return d.put(path, d.text)
}

// SetNumber implements plugins.Document. A whole number is written as an
// integer. ErrMalformed for what is not finite.
func (d *Document) SetNumber(path []byte, f float64) error {
	if !validPath(path) || math.IsNaN(f) || math.IsInf(f, 0) {
		return plugins.ErrMalformed
	}
	d.text = appendNumber(d.text[:0], f)
	return d.put(path, d.text)
}

// Remove implements plugins.Document.
func (d *Document) Remove(path []byte) error {
	if !validPath(path) {
		return plugins.ErrMalformed
	}
	token, rest := d.nextToken(path)
	i := d.find(token)
	if i < 0 || d.members[i].removed {
		return plugins.ErrAbsent
	}
	if len(rest) == 0 {
		d.save(i)
		d.members[i].removed = true
		d.touch()
		return nil
	}
	return d.below(i, rest, nil)
}

// put sets a checked value without space around it at a valid path.
func (d *Document) put(path, raw []byte) error {
	token, rest := d.nextToken(path)
	i := d.find(token)
	if (i < 0 || len(rest) > 0) && !utf8.Valid(path) { // it may become a key
		return plugins.ErrMalformed
	}
	if len(rest) > 0 {
		if i < 0 || d.members[i].removed {
			return plugins.ErrAbsent
		}
		return d.below(i, rest, raw)
	}
	if !d.limits.AnyModel && raw[0] != '"' && bytes.Equal(token, nameModel) {
		return fmt.Errorf("model must be a string: %w", plugins.ErrMalformed)
	}
	if i < 0 {
		return d.join(token, raw)
	}
	m := &d.members[i]
	more := len(raw) - len(m.value)
	if m.removed {
		more = len(m.key) + len(raw) + len(`,:`)
	} else if bytes.Equal(m.value, raw) {
		return nil
	}
	if err := d.room(more); err != nil {
		return err
	}
	d.save(i)
	d.reserve(len(raw))
	m.value, m.owned, m.removed = d.store(raw), true, false
	d.touch()
	return nil
}

// join adds a member that the document never had.
func (d *Document) join(name, raw []byte) error {
	if d.body == nil {
		return plugins.ErrAbsent // no object to join
	}
	if len(d.members) >= d.limits.Members {
		return fmt.Errorf("document of %d members is full: %w", d.limits.Members, plugins.ErrTooLarge)
	}
	most := 6*len(name) + len(`,"":`) // every byte escaped
	if err := d.room(most + len(raw)); err != nil {
		return err
	}
	d.reserve(most + escapeRoom + len(name) + len(raw))
	m := member{owned: true}
	start := len(d.arena)
	d.arena = appendQuoted(d.arena, name)
	m.key = d.arena[start:len(d.arena):len(d.arena)]
	m.name = m.text(&d.arena)
	m.value = d.store(raw)
	d.members = append(d.members, m)
	d.touch()
	return nil
}

// below edits inside the value of member i: what is at rest becomes raw or, if
// that is nil, goes away.
func (d *Document) below(i int, rest, raw []byte) error {
	m := &d.members[i]
	e := splice{d: d, v: m.value, cuts: d.cuts[:0], raw: raw}
	found := e.find(rest)
	d.cuts = e.cuts
	if !found {
		return plugins.ErrAbsent
	}
	if e.same() {
		return nil
	}
	if err := d.room(e.growth()); err != nil {
		return err
	}
	d.save(i)
	d.reserve(len(m.value) + e.most() + escapeRoom)
	start := len(d.arena)
	d.arena = e.appendTo(d.arena)
	m.value, m.owned = d.arena[start:len(d.arena):len(d.arena)], true
	d.touch()
	return nil
}

// room says whether the document may grow by so many bytes.
func (d *Document) room(more int) error {
	if limit := d.limits.Bytes; limit > 0 && more > 0 && d.Len()+more > limit {
		return fmt.Errorf("edited body is over the limit of %d bytes: %w", limit, plugins.ErrTooLarge)
	}
	return nil
}

func (d *Document) touch() {
	d.edited = true
	d.changed()
}
