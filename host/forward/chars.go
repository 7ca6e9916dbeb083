package forward

// Classes of bytes in heads, as RFC 9110 has them.
const (
	className  = 1 << iota // token: method and field names
	classValue             // field values, reasons: no control byte but HTAB
)

var byteClass = func() (t [256]uint8) {
	for c := range t {
		if c == '\t' || c >= ' ' && c != 0x7f {
			t[c] |= classValue
		}
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			t[c] |= className
		}
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		t[c] |= className
	}
	return t
}()

func isNameByte(c byte) bool  { return byteClass[c]&className != 0 }
func isValueByte(c byte) bool { return byteClass[c]&classValue != 0 }

// allOf reports whether b has bytes of one class only.
func allOf(b []byte, class uint8) bool {
	for _, c := range b {
		if byteClass[c]&class == 0 {
			return false
		}
	}
	return true
}

func isName(b []byte) bool { return len(b) > 0 && allOf(b, className) }

// trim takes blanks off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// nextElement cuts the first element off a comma-separated list.
func nextElement(list []byte) (element, rest []byte) {
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:]
		}
	}
	return trim(list), nil
}

func equalFold(b []byte, lower string) bool {
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
