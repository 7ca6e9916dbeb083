package openai

import (
	"bytes"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// appendUnquoted appends the text of a checked string, given with its quotes.
// A surrogate without its other half becomes U+FFFD.
func appendUnquoted(dst, quoted []byte) []byte {
	s := quoted[1 : len(quoted)-1]
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		s = s[i:]
		switch s[1] {
		case 'u':
			r := hexRune(s)
			s = s[6:]
			if utf16.IsSurrogate(r) {
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
					if pair := utf16.DecodeRune(r, hexRune(s)); pair != utf8.RuneError {
						dst, s = utf8.AppendRune(dst, pair), s[6:]
						continue
					}
				}
				r = utf8.RuneError
			}
			dst = utf8.AppendRune(dst, r)
			continue
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		default:
			dst = append(dst, s[1])
		}
		s = s[2:]
	}
}

// hexRune reads the checked \uXXXX at the start of s.
func hexRune(s []byte) rune {
	return rune(hexDigit[s[2]])<<12 | rune(hexDigit[s[3]])<<8 | rune(hexDigit[s[4]])<<4 | rune(hexDigit[s[5]])
}

// keyIs reports whether a checked key, given with its quotes, means name.
func keyIs(quoted, name []byte) bool {
	text := quoted[1 : len(quoted)-1]
	if len(text) < len(name) {
		return false
	}
	if bytes.IndexByte(text, '\\') < 0 {
		return bytes.Equal(text, name)
	}
	if len(text) > 6*len(name) { // an escape is at most six bytes for one
		return false
	}
	var buf [128]byte
	return bytes.Equal(appendUnquoted(buf[:0], quoted), name)
}

// appendNumber appends f as JSON: a whole number without a fraction or
// exponent as long as a double holds it exactly.
func appendNumber(dst []byte, f float64) []byte {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	if f == 0 { // -0 is a float to some readers and an integer to others
		return append(dst, '0')
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64)
}

// parseShort reads the numbers that requests mostly have: up to 15 digits, no
// sign, no exponent. Such digits as an integer and such powers of ten are exact
// in a double, so their quotient is the nearest one to the number.
func parseShort(v []byte) (f float64, ok bool) {
	if len(v) > 16 {
		return 0, false
	}
	n, point := int64(0), 0
	for i, ch := range v {
		switch d := ch - '0'; {
		case d <= 9:
			n = 10*n + int64(d)
		case ch == '.':
			point = i
		default:
			return 0, false
		}
	}
	switch {
	case point > 0:
		return float64(n) / powers[len(v)-1-point], true
	case len(v) == 16:
		return 0, false
	}
	return float64(n), true
}

var powers = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14}

// trimSpace takes JSON's space off both ends.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(ch byte) bool { return ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n' }

// parseNumber reads a checked value; ok is false when it is no number, or one
// beyond a double.
func parseNumber(v []byte) (f float64, ok bool) {
	if len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return 0, false
	}
	if f, ok := parseShort(v); ok {
		return f, true
	}
	f, err := strconv.ParseFloat(unsafe.String(&v[0], len(v)), 64)
	return f, err == nil
}
