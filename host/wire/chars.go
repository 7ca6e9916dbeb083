package wire

import "encoding/binary"

// Classes of bytes, as RFC 9110, 9112 and 3986 have them.
const (
	className  = 1 << iota // token: methods and field names
	classValue             // field values: no control byte but HTAB
	classPath              // a target's path, "%" aside
	classQuery             // what follows its "?", likewise
	classHost              // a registered name or an IPv4 address
)

var byteClass = func() (t [256]uint8) {
	for c := range t {
		if c == '\t' || c >= ' ' && c != 0x7f {
			t[c] |= classValue
		}
		if c > ' ' && c < 0x7f && c != '#' && c != '%' {
			t[c] |= classQuery
		}
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			t[c] |= className | classPath | classHost
		}
	}
	set := func(chars string, class uint8) {
		for _, c := range chars {
			t[c] |= class
		}
	}
	set("!#$%&'*+-.^_`|~", className)
	set("/-._~!$&'()*+,;=:@", classPath)
	set("-._~", classHost)
	return t
}()

// allOf reports whether b has bytes of one class only.
func allOf(b []byte, class uint8) bool {
	for _, c := range b {
		if byteClass[c]&class == 0 {
			return false
		}
	}
	return true
}

// IsName reports whether b is a token: a method or a field's name.
func IsName(b []byte) bool { return len(b) > 0 && allOf(b, className) }

// IsNameByte reports whether c may stand in a token.
func IsNameByte(c byte) bool { return byteClass[c]&className != 0 }

// IsValueByte reports whether c may stand in a field's value, or in a reason.
func IsValueByte(c byte) bool { return byteClass[c]&classValue != 0 }

// IsValue reports whether b has only bytes that IsValueByte takes. Of values
// there is most in a head, so it looks at eight bytes at a time, as long as none of
// them is a control byte.
func IsValue(b []byte) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		w := binary.LittleEndian.Uint64(b)
		low := w - ones*' ' // borrows at a byte below a blank
		del := (w ^ ones*0x7f) - ones
		if (low|del)&^w&highs != 0 && !allOf(b[:8], classValue) {
			return false
		}
		b = b[8:]
	}
	return allOf(b, classValue)
}

// Trim takes blanks off both ends.
func Trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// EqualFold compares with a text in small letters.
func EqualFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// HexDigit is a digit's value, -1 for what is none.
var HexDigit = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = int8(c - '0')
	}
	for c := 'a'; c <= 'f'; c++ {
		t[c], t[c-'a'+'A'] = int8(c-'a'+10), int8(c-'a'+10)
	}
	return t
}()
