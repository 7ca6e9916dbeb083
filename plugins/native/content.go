package native

import "bytes"

// What a policy without the grant `content` may touch of a document. The rule
// is by shape, because a service may know parameters that the router does not:
// in a request, top-level scalars that are not one of the names under which
// prompts travel; in replies and events, the model's name.

// access is what a function does with a path.
type access uint8

const (
	reading access = iota
	writing
	removing
)

// openString is the longest string, in bytes of raw JSON between the quotes,
// that counts as a parameter and not as text.
const openString = 256

// openPath reports whether path may be used in the document of a hook.
func openPath(where uint8, path []byte, use access) bool {
	if where&(inRequest|inRoute) == 0 {
		if use == removing {
			return false
		}
		switch string(path) {
		case "/model", "/message/model", "/response/model":
			return true
		}
		return false
	}
	if len(path) < 2 || path[0] != '/' || bytes.IndexByte(path[1:], '/') >= 0 {
		return false
	}
	// An escaped token (~0, ~1) names none of these: they hold neither ~ nor /.
	switch string(path[1:]) {
	case "messages", "prompt", "input", "instructions", "system":
		return false
	}
	return true
}

// openValue reports whether raw JSON is a number, a boolean, null or a short
// string. It looks at the first byte: that the rest is right is the document's
// business, which refuses to take what is not one JSON value.
func openValue(raw []byte) bool {
	for len(raw) > 0 && isSpace(raw[0]) {
		raw = raw[1:]
	}
	for len(raw) > 0 && isSpace(raw[len(raw)-1]) {
		raw = raw[:len(raw)-1]
	}
	if len(raw) == 0 {
		return true // not JSON, and refused as such
	}
	switch raw[0] {
	case '{', '[':
		return false
	case '"':
		return len(raw) <= openString+2
	}
	return true
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\r' || b == '\n' }

// escapedLen is the length of text as raw JSON between quotes.
func escapedLen(text []byte) int {
	n := len(text)
	for _, b := range text {
		n += int(escapeExtra[b])
	}
	return n
}

// escapeExtra is by how much each byte is longer when it is escaped.
var escapeExtra = func() (extra [256]uint8) {
	for b := range byte(' ') {
		extra[b] = 5
	}
	extra['"'], extra['\\'] = 1, 1
	return extra
}()
