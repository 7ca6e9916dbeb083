package openai

import (
	"bytes"
	"encoding/binary"

	"github.com/infinirouter/infinirouter/plugins"
)

// validPath reports whether path is an RFC 6901 pointer to something inside the
// document: at least one token, and every ~ begins an escape.
func validPath(path []byte) bool {
	if len(path) == 0 || path[0] != '/' {
		return false
	}
	for {
		i := bytes.IndexByte(path, '~')
		if i < 0 {
			return true
		}
		if i+1 == len(path) || path[i+1] != '0' && path[i+1] != '1' {
			return false
		}
		path = path[i+2:]
	}
}

// single reports whether path is a pointer to a member of the top level, without
// escapes: as most are.
func single(path []byte) bool {
	if path[0] != '/' {
		return false
	}
	path = path[1:]
	for ; len(path) >= 8; path = path[8:] {
		x := binary.LittleEndian.Uint64(path)
		s, t := x^'/'*ones, x^'~'*ones
		if ((s-ones)&^s|(t-ones)&^t)&notASCII != 0 { // one of the bytes is zero
			return false
		}
	}
	for _, ch := range path {
		if ch == '/' || ch == '~' {
			return false
		}
	}
	return true
}

// nextToken splits the first reference token off a valid path. A token with
// escapes is decoded into scratch space and holds until the next call.
func (d *Document) nextToken(path []byte) (token, rest []byte) {
	token = path[1:]
	if i := bytes.IndexByte(token, '/'); i >= 0 {
		token, rest = token[:i], token[i:]
	}
	if bytes.IndexByte(token, '~') < 0 {
		return token, rest
	}
	d.scratch = d.scratch[:0]
	for i := 0; i < len(token); i++ {
		ch := token[i]
		if ch == '~' {
			i++
			ch = "~/"[token[i]-'0']
		}
		d.scratch = append(d.scratch, ch)
	}
	return d.scratch, rest
}

// arrayIndex reads a token as an array index: digits, no leading zero.
func arrayIndex(token []byte) (n int, ok bool) {
	if len(token) == 0 || len(token) > 9 || token[0] == '0' && len(token) > 1 {
		return 0, false
	}
	for _, ch := range token {
		if ch < '0' || ch > '9' {
			return 0, false
		}
		n = 10*n + int(ch-'0')
	}
	return n, true
}

// child returns what token names in the checked value v, nil if nothing.
func child(v, token []byte) (value []byte) {
	switch v[0] {
	case '{':
		for w := walkObject(v); w.next(); {
			if w.is(token) {
				value = w.value()
			}
		}
	case '[':
		n, ok := arrayIndex(token)
		if !ok {
			return nil
		}
		for w := walkArray(v); w.next(); n-- {
			if n == 0 {
				return w.value()
			}
		}
	}
	return value
}

// Get implements plugins.Document. The path "" is the whole document.
func (d *Document) Get(path []byte) ([]byte, error) {
	if len(path) == 0 {
		if d.body == nil {
			return nil, plugins.ErrAbsent
		}
		return d.Bytes(), nil
	}
	if single(path) {
		if m := d.lookup(path[1:]); m != nil {
			return m.value, nil
		}
		return nil, plugins.ErrAbsent
	}
	if !validPath(path) {
		return nil, plugins.ErrMalformed
	}
	token, rest := d.nextToken(path)
	m := d.lookup(token)
	if m == nil {
		return nil, plugins.ErrAbsent
	}
	v := m.value
	for len(rest) > 0 {
		token, rest = d.nextToken(rest)
		if v = child(v, token); v == nil {
			return nil, plugins.ErrAbsent
		}
	}
	return v, nil
}

// AppendString implements plugins.Document.
func (d *Document) AppendString(dst, path []byte) ([]byte, error) {
	v, err := d.Get(path)
	if err != nil {
		return dst, err
	}
	if v[0] != '"' {
		return dst, plugins.ErrMalformed
	}
	return appendUnquoted(dst, v), nil
}

// GetNumber implements plugins.Document. A number beyond a double is malformed.
func (d *Document) GetNumber(path []byte) (float64, error) {
	v, err := d.Get(path)
	if err != nil {
		return 0, err
	}
	f, ok := parseNumber(v)
	if !ok {
		return 0, plugins.ErrMalformed
	}
	return f, nil
}
