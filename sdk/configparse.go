package sdk

import (
	"errors"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is the type of a config value.
type Kind uint8

// The kinds. KindNone is that of a key that is not there.
const (
	KindNone Kind = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindList
	KindTable
)

var kindNames = [...]string{"nothing", "null", "a boolean", "a number", "a string", "a list", "a table"}

// String returns the kind as an error message has it: "a number".
func (k Kind) String() string { return kindNames[k] }

// value is one parsed JSON value. Its strings are slices of the text, or copies.
type value struct {
	kind  Kind
	raw   string // the JSON text
	text  string // of a string, unescaped
	items []value
	keys  []string // of a table, in order; their values are items
}

// get returns the value of a table's key. Of two equal keys the last counts.
func (v *value) get(key string) *value {
	for i := len(v.keys) - 1; i >= 0; i-- {
		if v.keys[i] == key {
			return &v.items[i]
		}
	}
	return nil
}

const maxConfigDepth = 64

// parser reads one JSON text, recursively. The config is small, and comes from
// the router as valid JSON: an error here is a test's mistake.
type parser struct {
	text string
	at   int
}

func (p *parser) fail(what string) error {
	return errors.New("config: position " + strconv.Itoa(p.at) + ": " + what)
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// next skips white space and returns the byte there, 0 at the end.
func (p *parser) next() byte {
	p.space()
	if p.at == len(p.text) {
		return 0
	}
	return p.text[p.at]
}

func (p *parser) value(depth int) (value, error) {
	if depth > maxConfigDepth {
		return value{}, p.fail("nested too deeply")
	}
	c := p.next()
	start := p.at
	var v value
	var err error
	switch {
	case c == '{':
		v, err = p.table(depth)
	case c == '[':
		v, err = p.list(depth)
	case c == '"':
		v.kind = KindString
		v.text, err = p.str()
	default:
		v, err = p.word()
	}
	v.raw = p.text[start:p.at]
	return v, err
}

// word reads a number, true, false or null.
func (p *parser) word() (value, error) {
	start := p.at
	for p.at < len(p.text) {
		c := p.text[p.at]
		if c == ',' || c == ']' || c == '}' || c <= ' ' {
			break
		}
		p.at++
	}
	switch w := p.text[start:p.at]; w {
	case "null":
		return value{kind: KindNull}, nil
	case "true", "false":
		return value{kind: KindBool}, nil
	default:
		if _, err := strconv.ParseFloat(w, 64); err != nil || w[0] != '-' && (w[0] < '0' || w[0] > '9') {
			p.at = start
			return value{}, p.fail("not JSON")
		}
		return value{kind: KindNumber}, nil
	}
}

func (p *parser) list(depth int) (value, error) {
	v := value{kind: KindList}
	p.at++
	if p.next() == ']' {
		p.at++
		return v, nil
	}
	for {
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.items = append(v.items, item)
		if more, err := p.more(']'); !more {
			return v, err
		}
	}
}

func (p *parser) table(depth int) (value, error) {
	v := value{kind: KindTable}
	p.at++
	if p.next() == '}' {
		p.at++
		return v, nil
	}
	for {
		if p.next() != '"' {
			return v, p.fail("want a key")
		}
		key, err := p.str()
		if err != nil {
			return v, err
		}
		if p.next() != ':' {
			return v, p.fail("want ':'")
		}
		p.at++
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.keys, v.items = append(v.keys, key), append(v.items, item)
		if more, err := p.more('}'); !more {
			return v, err
		}
	}
}

// more reads what follows an item: a comma, or the end.
func (p *parser) more(end byte) (bool, error) {
	switch p.next() {
	case ',':
		p.at++
		return true, nil
	case end:
		p.at++
		return false, nil
	}
	return false, p.fail("want ',' or '" + string(rune(end)) + "'")
}

// str reads a string, quotes included, and returns its text.
func (p *parser) str() (string, error) {
	p.at++
	start := p.at
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return p.text[start : p.at-1], nil
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return "", p.fail("control character in a string")
		}
	}
	return "", p.fail("string without an end")
}

// escaped goes on where the first backslash stands.
func (p *parser) escaped(start int) (string, error) {
	out := []byte(p.text[start:p.at])
	for p.at < len(p.text) {
		c := p.text[p.at]
		switch {
		case c == '"':
			p.at++
			return string(out), nil
		case c < ' ':
			return "", p.fail("control character in a string")
		case c != '\\':
			out = append(out, c)
			p.at++
			continue
		}
		r, n := unescape(p.text[p.at:])
		if n == 0 {
			return "", p.fail("not an escape")
		}
		out = utf8.AppendRune(out, r)
		p.at += n
	}
	return "", p.fail("string without an end")
}

// unescape reads the escape that s starts with; n is 0 when it is none. A
// surrogate without its other half becomes U+FFFD.
func unescape(s string) (r rune, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r, ok := unit(s)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		if low, ok := unit(s[6:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
		r = utf8.RuneError
	}
	return r, 6
}

// unit reads a \uXXXX.
func unit(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(u), err == nil
}
