package openai

import (
	"encoding/binary"
	"math/bits"
	"strconv"

	"github.com/bytedance/sonic/utf8"

	"github.com/infinirouter/infinirouter/host/large"
)

// maxDepth is the deepest nesting that can be asked for with Limits.Depth.
const maxDepth = 1024

// SyntaxError says what is wrong with bytes that a client or service sent.
type SyntaxError struct {
	Offset int    // of the byte at which it was noticed
	Reason string // one line, without the position
}

func (e *SyntaxError) Error() string {
	return e.Reason + " at byte " + strconv.Itoa(e.Offset)
}

// checker checks that bytes are JSON as RFC 8259 has it: no laxness that some
// parser allows and another does not. Its methods take the index at which
// something is due and return the one after it, or -1 after a call of fail.
type checker struct {
	b     []byte
	depth int                    // how many containers may be open at once,
	outer int                    // counting this many around the bytes
	texts struct{ from, to int } // where strings are that have more than ASCII

	joints *joints // nil: none are looked for

	at      int // of the first fault
	reason  string
	tooDeep bool // the fault is one of depth
}

func (c *checker) fail(at int, reason string) int {
	c.at, c.reason = at, reason
	return -1
}

// unexpected is fail for a byte that cannot be where it is.
func (c *checker) unexpected(i int, due string) int {
	if i >= len(c.b) {
		return c.fail(len(c.b), "unexpected end, "+due+" is due")
	}
	return c.fail(i, "unexpected "+strconv.QuoteRuneToASCII(rune(c.b[i]))+", "+due+" is due")
}

func (c *checker) err() *SyntaxError { return &SyntaxError{Offset: c.at, Reason: c.reason} }

// whole checks that the bytes are exactly one value, with nothing but space
// around it, in UTF-8.
func (c *checker) whole() bool {
	i := c.value(skipSpace(c.b, 0))
	return i >= 0 && c.end(i)
}

// end checks what follows the outermost value, and the encoding of all strings.
func (c *checker) end(i int) bool {
	if i = skipSpace(c.b, i); i < len(c.b) {
		c.unexpected(i, "the end")
		return false
	}
	return c.decodable()
}

// decodable checks the encoding of all strings so far.
func (c *checker) decodable() bool {
	texts := c.b[c.texts.from:c.texts.to]
	if !utf8.Validate(texts) {
		c.fail(c.texts.from+invalidUTF8(texts), "text is not UTF-8")
		return false
	}
	return true
}

// value checks one value. It keeps no stack but a bit per open container, so
// that nesting costs a hostile body's sender more than the router.
func (c *checker) value(i int) int {
	var objects [maxDepth / 64]uint64 // bit n: the container at level n is an object
	b, level := c.b, 0
	if c.joints != nil {
		c.joints.end = 0
	}
	for i >= 0 {
		open := byte(0) // no value begins with it
		if i < len(b) {
			open = b[i]
		}
		switch open {
		case '"':
			start, end := i+1, short(b, i+1)
			if end == 0 {
				end = c.text(start)
			}
			if i = end; end-start > shortText && c.joints != nil && 0 < level && level <= 64 {
				now := nesting{level, objects[0] & (1<<level - 1)}
				i, now = c.again(start, end, now)
				level, objects[0] = now.level, now.objects
			}
		case '{', '[':
			if level+c.outer >= c.depth {
				c.tooDeep = true
				return c.fail(i, "nested deeper than "+strconv.Itoa(c.depth))
			}
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] == open+2 { // ']' is '[' + 2, and so for braces
				i++
				break
			}
			bit := uint64(1) << (level & 63)
			objects[level>>6] &^= bit
			if open == '{' {
				objects[level>>6] |= bit
				i = c.key(i)
			}
			level++
			continue
		default:
			i = c.scalar(i)
		}
		if i < 0 || level == 0 {
			return i
		}
		if i, level = c.close(i, level, &objects); level == 0 {
			return i
		}
	}
	return -1
}

// close checks what follows a value inside a container: the ends of any number
// of containers, then a comma and, in an object, a key. The next value is due
// at the index that it returns unless the level is 0.
func (c *checker) close(i, level int, objects *[maxDepth / 64]uint64) (next, open int) {
	b := c.b
	for level > 0 {
		top := level - 1
		object := objects[top>>6]>>(top&63)&1 != 0
		i = skipSpace(b, i)
		switch {
		case i >= len(b):
			return c.unexpected(i, "a comma or closing bracket"), level
		case b[i] == ',' && object:
			return c.key(skipSpace(b, i+1)), level
		case b[i] == ',':
			return skipSpace(b, i+1), level
		case b[i] == '}' && object, b[i] == ']' && !object:
			level--
			i++
		default:
			return c.unexpected(i, "a comma or closing bracket"), level
		}
	}
	return i, 0
}

// key checks an object's key and the colon, and returns where the value is due.
func (c *checker) key(i int) int {
	if i >= len(c.b) || c.b[i] != '"' {
		return c.unexpected(i, "a key in quotes")
	}
	end := short(c.b, i+1)
	if end == 0 {
		if end = c.text(i + 1); end < 0 {
			return end
		}
	}
	return c.colon(end)
}

func (c *checker) colon(i int) int {
	if i = skipSpace(c.b, i); i >= len(c.b) || c.b[i] != ':' {
		return c.unexpected(i, "a colon")
	}
	return skipSpace(c.b, i+1)
}

// Eight bytes at a time: a word with one of these in every byte.
const (
	ones     = 0x0101010101010101
	notASCII = 0x80 * ones
	slashes  = '\\' * ones
)

// stops has the top bit set in the lowest byte of x that is a quote, a
// backslash or a control character; bits above that one mean nothing. Flipping
// bit 1 puts the quote right above the control characters and moves '!' and
// space out of the way, so that one subtraction finds both kinds.
func stops(x uint64) uint64 {
	return ((x ^ 2*ones - 0x21*ones) | (x ^ slashes - ones)) &^ x & notASCII
}

// before has all bits below the lowest one of m, which stops returned: with notASCII
// the bytes that come before the one that stops.
func before(m uint64) uint64 { return m&-m - 1 }

// plain returns the index of the first byte at or after i that is a quote, a
// backslash or a control character, looking at 32 or fewer, and all bytes before it
// in or'ed together.
func plain(b []byte, i int) (at int, seen uint64) {
	if len(b)-i < 32 {
		for ; i < len(b); i++ {
			if ch := b[i]; ch < ' ' || ch == '"' || ch == '\\' {
				break
			}
			seen |= uint64(b[i])
		}
		return i, seen
	}
	w := b[i : i+32 : i+32]
	x0 := binary.LittleEndian.Uint64(w)
	if m := stops(x0); m != 0 {
		return i + bits.TrailingZeros64(m)>>3, before(m) & x0
	}
	x1, x2, x3 := binary.LittleEndian.Uint64(w[8:]), binary.LittleEndian.Uint64(w[16:]), binary.LittleEndian.Uint64(w[24:])
	if m := stops(x1); m != 0 {
		return i + 8 + bits.TrailingZeros64(m)>>3, x0 | before(m)&x1
	}
	if m := stops(x2); m != 0 {
		return i + 16 + bits.TrailingZeros64(m)>>3, x0 | x1 | before(m)&x2
	}
	if m := stops(x3); m != 0 {
		return i + 24 + bits.TrailingZeros64(m)>>3, x0 | x1 | x2 | before(m)&x3
	}
	return i + 32, x0 | x1 | x2 | x3
}

// encoded notes that a string needs more than ASCII. One look at the end at all that
// lies between such strings costs less than one at each of them.
func (c *checker) encoded(from, to int) {
	if c.texts.to == 0 {
		c.texts.from = from
	}
	c.texts.to = to
}

// text checks a string from after its opening quote to after its closing one.
func (c *checker) text(start int) int {
	i, seen := plain(c.b, start)
	return c.rest(start, i, seen)
}

// rest is text from i on, before which all is well. seen has the bytes before it.
func (c *checker) rest(start, i int, seen uint64) int {
	b := c.b
	for i < len(b) && b[i] != '"' {
		switch ch := b[i]; {
		case ch < ' ':
			return c.fail(i, "control character "+strconv.QuoteRuneToASCII(rune(ch))+" inside a string")
		case hasLongText && len(b)-i >= 64:
			n := min(len(b)-i, large.Piece) &^ 63
			stop, ascii := longText(&b[i], n)
			if !ascii {
				seen |= notASCII
			}
			if i += stop; stop < n && b[i] == '\\' {
				i = c.escapes(i)
			}
		case ch == '\\':
			i = c.escapes(i)
		default:
			next, more := plain(b, i)
			i, seen = next, seen|more
		}
		if i < 0 {
			return i
		}
	}
	if i >= len(b) {
		return c.fail(len(b), "unexpected end inside a string")
	}
	if seen&notASCII != 0 {
		c.encoded(start, i)
	}
	return i + 1
}

// short is text for a string of up to eight plain bytes, such as most keys are; 0
// for any other.
func short(b []byte, i int) int {
	if len(b)-i <= 8 {
		return 0
	}
	x := binary.LittleEndian.Uint64(b[i:])
	m := stops(x)
	i += bits.TrailingZeros64(m) >> 3
	if before(m)&x&notASCII != 0 || b[i] != '"' {
		return 0
	}
	return i + 1
}

// escapes checks a run of escape sequences: clients that write ASCII only send
// whole texts of them.
func (c *checker) escapes(i int) int {
	b := c.b
	for i < len(b) && b[i] == '\\' {
		if i+1 >= len(b) {
			return c.fail(len(b), "unexpected end inside a string")
		}
		switch b[i+1] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			i += 2
		case 'u':
			if len(b)-i < 6 || hexDigit[b[i+2]]|hexDigit[b[i+3]]|hexDigit[b[i+4]]|hexDigit[b[i+5]] > 15 {
				return c.fail(i, `\u without four hex digits inside a string`)
			}
			i += 6
		default:
			return c.fail(i, "no such escape sequence inside a string")
		}
	}
	return i
}

// hexDigit is the value of a hex digit, 16 or more for any other byte.
var hexDigit = func() (t [256]byte) {
	for i := range t {
		t[i] = 16
	}
	for i := range byte(10) {
		t['0'+i] = i
	}
	for i := range byte(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

// scalar checks a number or a literal.
func (c *checker) scalar(i int) int {
	if i >= len(c.b) {
		return c.unexpected(i, "a value")
	}
	word := ""
	switch c.b[i] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	case 'n':
		word = "null"
	default:
		return c.number(i)
	}
	if len(c.b)-i < len(word) || string(c.b[i:i+len(word)]) != word {
		return c.fail(i, "unexpected word, "+word+" is due")
	}
	return i + len(word)
}

func (c *checker) number(i int) int {
	b, start := c.b, i
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	case i < len(b) && '1' <= b[i] && b[i] <= '9':
		i = skipDigits(b, i)
	case i > start:
		return c.unexpected(i, "a digit")
	default:
		return c.unexpected(i, "a value")
	}
	if i < len(b) && b[i] == '.' {
		if n := skipDigits(b, i+1); n > i+1 {
			i = n
		} else {
			return c.unexpected(n, "a digit")
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := skipDigits(b, i)
		if n == i {
			return c.unexpected(i, "a digit")
		}
		i = n
	}
	return i
}
