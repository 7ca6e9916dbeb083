package wire

import (
	"bytes"
	"math"
)

// known is a set of fields that may be in a request once.
type known uint16

const (
	hostField known = 1 << iota
	contentLength
	transferEncoding
	contentType
	contentEncoding
	authorization
	expectField
)

// knownField finds a field name among those that may be there once. An
// underscore counts as a hyphen: to some servers it is one.
func knownField(name []byte) known {
	if len(name) >= len(knownNames) {
		return 0
	}
	k := &knownNames[len(name)]
	if k.field == 0 {
		return 0
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		} else if c == '_' {
			c = '-'
		}
		if c != k.name[i] {
			return 0
		}
	}
	return k.field
}

// knownNames has no two names of one length, which is their index.
var knownNames = func() (t [18]struct {
	name  string
	field known
},
) {
	for name, field := range map[string]known{
		"host": hostField, "expect": expectField, "content-type": contentType, "authorization": authorization,
		"content-length": contentLength, "content-encoding": contentEncoding, "transfer-encoding": transferEncoding,
	} {
		t[len(name)].name, t[len(name)].field = name, field
	}
	return t
}()

// first takes a request's first line, or an empty line before it, as some
// clients send one behind a body.
func (g *Guard) first(b []byte) *Fault {
	if len(b) == 0 {
		if g.size > maxBlank*len("\r\n") {
			return faultBlankLines
		}
		return nil
	}
	method, rest, ok := bytes.Cut(b, space)
	target, version, ok2 := bytes.Cut(rest, space)
	switch {
	case !ok || !ok2 || len(target) == 0:
		return faultRequestLine
	case len(method) == 0 || len(method) > maxMethod || !allOf(method, className):
		return faultMethod
	case string(version) == "HTTP/1.0":
		g.http10 = true
	case string(version) != "HTTP/1.1":
		return faultVersion
	}
	g.state = fieldLine
	return g.target(method, target)
}

var space = []byte{' '}

// split cuts a field's line into its name and value.
func split(b []byte) (name, value []byte, f *Fault) {
	if b[0] == ' ' || b[0] == '\t' {
		return nil, nil, faultFold
	}
	colon := 0
	for colon < len(b) && byteClass[b[colon]]&className != 0 {
		colon++
	}
	if colon == 0 || colon == len(b) || b[colon] != ':' {
		return nil, nil, faultFieldName
	}
	if !IsValue(b[colon+1:]) {
		return nil, nil, faultFieldValue
	}
	return b[:colon], b[colon+1:], nil
}

// field takes one field of a head.
func (g *Guard) field(b []byte) *Fault {
	name, value, f := split(b)
	if f != nil {
		return f
	}
	if g.fields++; g.fields > maxFields {
		return faultFields
	}
	k := knownField(name)
	if k == 0 {
		return nil
	}
	if bytes.IndexByte(name, '_') >= 0 {
		return faultUnderscore
	}
	if g.seen&k != 0 {
		return faultRepeated
	}
	g.seen |= k
	switch value = Trim(value); k {
	case hostField:
		return g.host(value)
	case contentLength:
		return g.length(value)
	case transferEncoding:
		if !EqualFold(value, "chunked") || g.http10 {
			return faultCoding
		}
	case expectField:
		if !g.http10 && !EqualFold(value, "100-continue") {
			return faultExpect
		}
	}
	return nil
}

func (g *Guard) host(value []byte) *Fault {
	if !isAuthority(value) {
		return faultHost
	}
	if g.authority != nil && !bytes.EqualFold(value, g.authority) {
		return faultHosts
	}
	return nil
}

func (g *Guard) length(digits []byte) *Fault {
	if len(digits) == 0 {
		return faultLength
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' || n > (math.MaxInt64-9)/10 {
			return faultLength
		}
		n = 10*n + int64(c-'0')
	}
	g.left = n
	return nil
}

// endHead checks a head as a whole and says what follows it.
func (g *Guard) endHead() *Fault {
	switch {
	case g.seen&hostField == 0 && !g.http10:
		return faultNoHost
	case g.seen&(contentLength|transferEncoding) == contentLength|transferEncoding:
		return faultBothFrames
	case g.seen&transferEncoding != 0:
		g.state, g.authority = sizeLine, nil
	case g.left > 0:
		g.state, g.authority = fixedBody, nil
	default:
		g.restart()
	}
	return nil
}
