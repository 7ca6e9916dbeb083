package openai

import "bytes"

// span is a range of bytes.
type span struct{ start, end int }

// splice is one edit inside a member's value: some cuts and then, unless it
// only removes, a place where something else goes in.
type splice struct {
	d    *Document
	v    []byte // the value as it is
	cuts []span // in order, none after at
	raw  []byte // what goes in, nil to remove

	at, end int    // what raw replaces; equal where it is added
	comma   bool   // raw has something before it
	key     []byte // of raw, where it is a new member of an object
	named   bool
}

// find works out the edit for what is at rest. It is false when there is no
// such thing, or no parent to put it into.
//
// On the way it cuts every member that has a later twin of the same key: the
// service might have read the earlier one, which the policy never saw.
func (e *splice) find(rest []byte) bool {
	at, end := 0, len(e.v)
	for {
		var token []byte
		token, rest = e.d.nextToken(rest)
		last := len(rest) == 0
		switch kind := e.v[at]; {
		case last && e.raw == nil && kind == '{':
			return e.cutMembers(at, token)
		case last && e.raw == nil && kind == '[':
			return e.cutElement(at, end, token)
		}
		s, ok := e.step(at, end, token)
		switch {
		case ok && last:
			e.at, e.end = s.start, s.end
			return true
		case ok:
			at, end = s.start, s.end
		case last:
			return e.extend(at, end, token)
		default:
			return false
		}
	}
}

// step finds the value that token names in the container at e.v[at:end].
func (e *splice) step(at, end int, token []byte) (s span, ok bool) {
	switch e.v[at] {
	case '{':
		twin := 0 // where the last match begins
		gap := 0  // where the member after it begins
		for w := walkObject(e.v[at:end]); w.next(); {
			if ok && gap == 0 {
				gap = at + w.key
			}
			if !w.is(token) {
				continue
			}
			if ok {
				e.cuts = append(e.cuts, span{twin, gap})
			}
			twin, gap = at+w.key, 0
			s, ok = span{at + w.val, at + w.end}, true
		}
	case '[':
		n, valid := arrayIndex(token)
		if !valid {
			return s, false
		}
		for w := walkArray(e.v[at:end]); w.next(); n-- {
			if n == 0 {
				return span{at + w.val, at + w.end}, true
			}
		}
	}
	return s, ok
}

// extend puts raw behind what the container at e.v[at:end] has.
func (e *splice) extend(at, end int, token []byte) bool {
	switch e.v[at] {
	case '{':
		e.key, e.named = token, true
	case '[':
		if string(token) != "-" {
			return false
		}
	default:
		return false
	}
	i := end - 1 // the closing bracket
	for skipSpace(e.v[i-1:i], 0) == 1 {
		i--
	}
	e.comma = i-1 > at
	if !e.comma {
		i = at + 1
	}
	e.at, e.end = i, i
	return true
}

// cutMembers cuts all members named token out of the object at e.v[at], and of
// the commas as many.
func (e *splice) cutMembers(at int, token []byte) (found bool) {
	open, cut, tail := false, 0, 0 // a run of matches, where it begins; end of the last member kept
	kept := false
	w := walkObject(e.v[at:])
	for w.next() {
		switch match := w.is(token); {
		case match && !open:
			open, cut, found = true, at+w.key, true
		case !match:
			if open {
				e.cuts = append(e.cuts, span{cut, at + w.key})
				open = false
			}
			kept, tail = true, at+w.end
		}
	}
	if open { // the run is the last: its comma stands before it
		if kept {
			cut = tail
		}
		e.cuts = append(e.cuts, span{cut, at + w.end})
	}
	return found
}

// cutElement cuts one element out of the array at e.v[at:end].
func (e *splice) cutElement(at, end int, token []byte) bool {
	n, ok := arrayIndex(token)
	if !ok {
		return false
	}
	tail := 0 // end of the element before
	w := walkArray(e.v[at:end])
	for ; w.next(); n-- {
		if n > 0 {
			tail = at + w.end
			continue
		}
		cut := span{at + w.val, at + w.end}
		if w.next() {
			cut.end = at + w.val
		} else if tail > 0 {
			cut.start = tail
		}
		e.cuts = append(e.cuts, cut)
		return true
	}
	return false
}

// same reports whether the edit would change nothing.
func (e *splice) same() bool {
	return e.raw != nil && len(e.cuts) == 0 && e.at < e.end && bytes.Equal(e.v[e.at:e.end], e.raw)
}

// most is how many bytes the edit adds at most, cuts not counted.
func (e *splice) most() int { return len(e.raw) + 6*len(e.key) + len(`,"":`) }

// growth is how many bytes the edit adds, less than nothing when it cuts more.
func (e *splice) growth() int {
	n := len(e.raw) - (e.end - e.at)
	if e.comma {
		n++
	}
	if e.named {
		n += 6*len(e.key) + len(`"":`)
	}
	for _, c := range e.cuts {
		n -= c.end - c.start
	}
	return n
}

// appendTo appends the value as edited.
func (e *splice) appendTo(dst []byte) []byte {
	from := 0
	for _, c := range e.cuts {
		dst = appendLong(dst, e.v[from:c.start])
		from = c.end
	}
	if e.raw != nil {
		dst = appendLong(dst, e.v[from:e.at])
		if e.comma {
			dst = append(dst, ',')
		}
		if e.named {
			dst = append(appendQuoted(dst, e.key), ':')
		}
		dst = appendLong(dst, e.raw)
		from = e.end
	}
	return appendLong(dst, e.v[from:])
}
