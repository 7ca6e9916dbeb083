package sdktest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/infinirouter/infinirouter/sdk"
)

// child is one member of an object or element of an array, as offsets.
type child struct {
	key      string // of a member, unescaped
	start    int    // of the key, or of the value in an array
	val, end int    // of the value
}

// children returns what an object or array of valid JSON holds.
func children(v []byte) []child {
	object := false
	i := skipSpace(v, 0)
	switch v[i] {
	case '{':
		object = true
	case '[':
	default:
		return nil
	}
	var kids []child
	for i = skipSpace(v, i+1); v[i] != '}' && v[i] != ']'; {
		c := child{start: i, val: i}
		if object {
			end := skipValue(v, i)
			_ = json.Unmarshal(v[i:end], &c.key) // valid JSON: a string
			c.val = skipSpace(v, skipSpace(v, end)+1)
		}
		c.end = skipValue(v, c.val)
		kids = append(kids, c)
		if i = skipSpace(v, c.end); v[i] == ',' {
			i = skipSpace(v, i+1)
		}
	}
	return kids
}

func skipSpace(v []byte, i int) int {
	for i < len(v) && bytes.IndexByte([]byte(" \t\r\n"), v[i]) >= 0 {
		i++
	}
	return i
}

// skipValue returns where the value that starts at i ends.
func skipValue(v []byte, i int) int {
	depth := 0
	for {
		switch v[i] {
		case '"':
			for i++; v[i] != '"'; i++ {
				if v[i] == '\\' {
					i++
				}
			}
			i++
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\r', '\n':
			i++
		default:
			for i < len(v) && bytes.IndexByte([]byte(",:]} \t\r\n"), v[i]) < 0 {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
}

// find returns the child that token names, -1 if none: of members of one name
// the last.
func find(v []byte, token string) (int, []child) {
	kids := children(v)
	switch v[skipSpace(v, 0)] {
	case '{':
		for i, c := range slices.Backward(kids) {
			if c.key == token {
				return i, kids
			}
		}
	case '[':
		n, err := strconv.Atoi(token)
		if err == nil && n >= 0 && n < len(kids) && strconv.Itoa(n) == token {
			return n, kids
		}
	}
	return -1, kids
}

// edit returns v with raw at the place that tokens lead to, or without what is
// there when raw is nil. ok is false when there is no such place.
func edit(v []byte, tokens []string, raw []byte) (text []byte, ok bool) {
	i, kids := find(v, tokens[0])
	last := len(tokens) == 1
	switch {
	case i < 0 && (!last || raw == nil):
		return nil, false
	case i < 0:
		return extend(v, kids, tokens[0], raw)
	case last && raw == nil:
		return cut(v, kids, func(j int) bool { return j == i || isObject(v) && kids[j].key == tokens[0] }), true
	case last:
		text = raw
	default:
		if text, ok = edit(v[kids[i].val:kids[i].end], tokens[1:], raw); !ok {
			return nil, false
		}
	}
	v = slices.Concat(v[:kids[i].val], text, v[kids[i].end:])
	if !isObject(v) {
		return v, true
	}
	return cut(v, kids[:i], func(j int) bool { return kids[j].key == tokens[0] }, kids[i].start), true
}

func isObject(v []byte) bool { return v[skipSpace(v, 0)] == '{' }

// extend adds raw behind the children of v.
func extend(v []byte, kids []child, token string, raw []byte) ([]byte, bool) {
	start := skipSpace(v, 0)
	switch {
	case v[start] == '{':
		raw = slices.Concat(sdk.AppendQuoted(nil, token), []byte(":"), raw)
	case v[start] != '[' || token != "-":
		return nil, false
	}
	at := start + 1
	if len(kids) > 0 {
		at = kids[len(kids)-1].end
		raw = append([]byte(","), raw...)
	}
	return slices.Concat(v[:at], raw, v[at:]), true
}

// cut removes children, and of the commas as many: the one after each, or at
// the end the one before. next is where the child behind kids begins, if any.
func cut(v []byte, kids []child, gone func(int) bool, next ...int) []byte {
	var out []byte
	from, kept := 0, 0 // copied so far; end of the last child that stays
	for i := 0; i < len(kids); i++ {
		if !gone(i) {
			kept = kids[i].end
			continue
		}
		run := i
		for i+1 < len(kids) && gone(i+1) {
			i++
		}
		start, end := kids[run].start, kids[i].end
		switch {
		case i+1 < len(kids):
			end = kids[i+1].start
		case len(next) > 0:
			end = next[0]
		case kept > 0:
			start = kept
		}
		out = append(out, v[from:start]...)
		from = end
	}
	return append(out, v[from:]...)
}
