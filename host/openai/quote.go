package openai

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"github.com/infinirouter/infinirouter/host/large"
)

// escape is how a byte stands in a JSON string, in its lower bytes, and how long
// that is, in its top one; 0 is a byte that stands for itself.
type escape uint64

const (
	escapeRoom  = 8        // that appendQuoted may need beyond the end of what it writes
	pieceQuoted = 32 << 10 // that it escapes before others may go first
	hexDigits   = "0123456789abcdef"
)

// escapes and quotedSizes have an entry for each byte: a policy may write
// megabytes of what has to be escaped, and a branch for each took five times as
// long.
var escapes, quotedSizes = func() (table [256]escape, sizes [256]uint8) {
	for ch := range 256 {
		var text string
		switch {
		case ch == '"' || ch == '\\':
			text = string([]byte{'\\', byte(ch)})
		case ch == '\n':
			text = `\n`
		case ch == '\r':
			text = `\r`
		case ch == '\t':
			text = `\t`
		case ch < ' ':
			text = `\u00` + string([]byte{hexDigits[ch>>4], hexDigits[ch&15]})
		default:
			sizes[ch] = 1
			continue
		}
		sizes[ch] = uint8(len(text))
		e := uint64(len(text)) << 56
		for i := range len(text) {
			e |= uint64(text[i]) << (8 * i)
		}
		table[ch] = escape(e)
	}
	return table, sizes
}()

// quotedLen is the length of what appendQuoted appends for text that is UTF-8.
func quotedLen(text []byte) int {
	n := len(`""`)
	for _, ch := range text {
		n += int(quotedSizes[ch])
	}
	return n
}

// appendQuoted appends text as a JSON string. What is not UTF-8 in it becomes
// U+FFFD. It uses up to escapeRoom bytes beyond what it appends.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for len(text) > pieceQuoted {
		n := runeBorder(text, pieceQuoted)
		dst = appendEscaped(dst, text[:n])
		text = text[n:]
		large.GiveWay()
	}
	return append(appendEscaped(dst, text), '"')
}

// runeBorder returns a place up to i that is within no character of text.
func runeBorder(text []byte, i int) int {
	for n := i; n > i-utf8.UTFMax; n-- {
		if utf8.RuneStart(text[n]) {
			return n
		}
	}
	return i // none has so many bytes
}

// appendEscaped appends text as it stands between a JSON string's quotes.
func appendEscaped(dst, text []byte) []byte {
	clean := 0 // text[clean:i] goes in as it is
	for i := 0; i < len(text); {
		switch ch := text[i]; {
		case ch >= utf8.RuneSelf:
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, text[clean:i]...), "\ufffd"...)
				clean = i + 1
			}
			i += n
		case escapes[ch] == 0:
			i = itself(text, i+1)
		default:
			dst = append(dst, text[clean:i]...)
			for ; i < len(text); i++ {
				e := escapes[text[i]]
				if e == 0 {
					break
				}
				dst = binary.LittleEndian.AppendUint64(dst, uint64(e))
				dst = dst[:len(dst)-8+int(e>>56)]
			}
			clean = i
		}
	}
	return append(dst, text[clean:]...)
}

// itself returns the index of the first byte at or after i that is not ASCII or
// does not stand for itself.
func itself(text []byte, i int) int {
	for ; len(text)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(text[i:])
		if m := stops(x) | x&notASCII; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
	}
	for ; i < len(text); i++ {
		if ch := text[i]; ch >= utf8.RuneSelf || escapes[ch] != 0 {
			break
		}
	}
	return i
}
