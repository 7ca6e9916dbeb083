package openai

import (
	"bytes"
	stdutf8 "unicode/utf8"
)

// What follows walks bytes that a checker has passed, and relies on it.

// checkContainer is skipContainer by the checker's own rules.
func checkContainer(b []byte, i int) int {
	c := checker{b: b, depth: maxDepth}
	return c.value(i)
}

// shortSkip is how long what is behind a container may be for it to be skipped by
// the checker: its code is in the processor's caches, since it has just checked the
// same bytes, and that of sonic is not.
const shortSkip = 1 << 10

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// skipText returns the index after the closing quote of the string whose text
// begins at b[i].
func skipText(b []byte, i int) int {
	for start := i; ; i++ {
		i += bytes.IndexByte(b[i:], '"')
		slashes := i
		for slashes > start && b[slashes-1] == '\\' {
			slashes--
		}
		if (i-slashes)&1 == 0 {
			return i + 1
		}
	}
}

// skipValue returns the index after the value that begins at b[i].
func skipValue(b []byte, i int) int {
	switch b[i] {
	case '"':
		return skipText(b, i+1)
	case '{', '[':
		if len(b)-i <= shortSkip {
			return checkContainer(b, i)
		}
		return skipContainer(b, i)
	}
	for i < len(b) {
		switch b[i] {
		case ',', '}', ']', ' ', '\n', '\t', '\r':
			return i
		}
		i++
	}
	return i
}

// objectWalk goes through the members of an object.
//
//	for w := walkObject(object); w.next(); {
type objectWalk struct {
	b              []byte
	key, val, end  int // the member: its key's opening quote, its value, the value's end
	keyEnd, resume int
}

// walkObject walks the checked object whose opening brace is b[0].
func walkObject(b []byte) objectWalk { return objectWalk{b: b, resume: 1} }

func (w *objectWalk) next() bool {
	i := skipSpace(w.b, w.resume)
	if w.b[i] == ',' {
		i = skipSpace(w.b, i+1)
	}
	if w.b[i] == '}' {
		w.resume = i
		return false
	}
	w.key, w.keyEnd = i, skipText(w.b, i+1)
	w.val = skipSpace(w.b, skipSpace(w.b, w.keyEnd)+1)
	w.end = skipValue(w.b, w.val)
	w.resume = w.end
	return true
}

func (w *objectWalk) value() []byte { return w.b[w.val:w.end:w.end] }

// is reports whether the member's key means name.
func (w *objectWalk) is(name []byte) bool { return keyIs(w.b[w.key:w.keyEnd], name) }

// arrayWalk goes through the elements of an array.
type arrayWalk struct {
	b        []byte
	val, end int
	resume   int
}

// walkArray walks the checked array whose opening bracket is b[0].
func walkArray(b []byte) arrayWalk { return arrayWalk{b: b, resume: 1} }

func (w *arrayWalk) next() bool {
	i := skipSpace(w.b, w.resume)
	if w.b[i] == ',' {
		i = skipSpace(w.b, i+1)
	}
	if w.b[i] == ']' {
		w.resume = i
		return false
	}
	w.val, w.end = i, skipValue(w.b, i)
	w.resume = w.end
	return true
}

func (w *arrayWalk) value() []byte { return w.b[w.val:w.end:w.end] }

// field returns the value of the member of this name, the last one if there
// are several, nil if there is none or v is no object.
func field(v []byte, name string) (value []byte) {
	if len(v) == 0 || v[0] != '{' {
		return nil
	}
	for w := walkObject(v); w.next(); {
		if string(w.b[w.key+1:w.keyEnd-1]) == name {
			value = w.value()
		}
	}
	return value
}

// invalidUTF8 returns the index of the first byte that is not UTF-8.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := stdutf8.DecodeRune(b[i:])
		if r == stdutf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}
