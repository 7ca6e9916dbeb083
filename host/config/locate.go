package config

import (
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep tables, arrays and dotted keys may nest: the file's
// own parser recurses, and a megabyte of brackets would overflow its stack.
const maxDepth = 64

// spot is an offset into the file, plus one, so that zero is nowhere.
type spot int

// lineAndColumn turns a spot into what an editor shows; columns count
// characters.
func (at spot) lineAndColumn(data string) (line, column int) {
	before := data[:min(max(int(at)-1, 0), len(data))]
	lineStart := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[lineStart:]) + 1
}

// node is a key, a table or an array entry as it stands in the file: where,
// and what stands below it. A nil node is one that the file does not have.
type node struct {
	key    spot // of the key's last part, or of the table's header
	value  spot // of the value; of the header for a table
	fields map[string]*node
	items  []*node
}

func (n *node) field(name string) *node {
	if n == nil {
		return nil
	}
	return n.fields[name]
}

func (n *node) item(i int) *node {
	if n == nil || i < 0 || i >= len(n.items) {
		return nil
	}
	return n.items[i]
}

// ensure returns the field, made if need be.
func (n *node) ensure(name string) *node {
	f := n.fields[name]
	if f == nil {
		f = &node{}
		if n.fields == nil {
			n.fields = map[string]*node{}
		}
		n.fields[name] = f
	}
	return f
}

// locate finds where the keys and values of a TOML file stand, which the TOML
// library does not tell. It reads structure alone and trusts the library to
// refuse what is malformed: there it stops, with what it has. tooDeep is where
// nesting goes over maxDepth, or nowhere.
func locate(data string) (root *node, tooDeep spot) {
	s := &scanner{data: data}
	root = &node{key: 1, value: 1}
	table := root
	for s.blank(); s.pos < len(s.data) && s.ok(); s.blank() {
		if s.data[s.pos] == '[' {
			table = s.header(root)
		} else {
			s.pair(table, 0)
		}
	}
	return root, s.deep
}

// scanner walks over the file once. After a failure it stands still.
type scanner struct {
	data   string
	pos    int
	failed bool
	deep   spot
}

func (s *scanner) ok() bool { return !s.failed }

func (s *scanner) fail() { s.failed = true }

func (s *scanner) here() spot { return spot(s.pos + 1) }

func (s *scanner) peek(text string) bool { return strings.HasPrefix(s.data[s.pos:], text) }

// take moves over text if it is next.
func (s *scanner) take(text string) bool {
	if !s.peek(text) {
		return false
	}
	s.pos += len(text)
	return true
}

// blank moves over spaces, line ends and comments.
func (s *scanner) blank() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		case '#':
			s.toLineEnd()
		default:
			return
		}
	}
}

func (s *scanner) spaces() {
	for s.pos < len(s.data) && (s.data[s.pos] == ' ' || s.data[s.pos] == '\t') {
		s.pos++
	}
}

func (s *scanner) toLineEnd() {
	if i := strings.IndexByte(s.data[s.pos:], '\n'); i >= 0 {
		s.pos += i
	} else {
		s.pos = len(s.data)
	}
}

// header reads [a.b] or [[a.b]] and returns the table that follows it.
func (s *scanner) header(root *node) *node {
	array := s.peek("[[")
	at := s.here()
	s.pos++
	if array {
		s.pos++
	}
	parts := s.keys()
	if !s.ok() || !s.take("]") || array && !s.take("]") {
		s.fail()
		return root
	}
	n := root
	for i, part := range parts {
		n = n.ensure(part.name)
		if last := i == len(parts)-1; last && array {
			entry := &node{key: at, value: at}
			n.items = append(n.items, entry)
			if n.key == 0 {
				n.key, n.value = at, at
			}
			return entry
		}
		if len(n.items) > 0 {
			n = n.items[len(n.items)-1]
		} else if n.key == 0 || i == len(parts)-1 {
			n.key, n.value = at, at
		}
	}
	return n
}

// pair reads key = value into table.
func (s *scanner) pair(table *node, depth int) {
	parts := s.keys()
	if !s.ok() || !s.take("=") {
		s.fail()
		return
	}
	n := table
	for _, part := range parts {
		n = n.ensure(part.name)
		if n.key == 0 {
			n.key, n.value = part.at, part.at
		}
	}
	s.spaces()
	s.value(n, depth+1)
}

// keyPart is one part of a dotted key, unquoted.
type keyPart struct {
	name string
	at   spot
}

// keys reads a dotted key.
func (s *scanner) keys() []keyPart {
	var parts []keyPart
	for {
		s.spaces()
		at := s.here()
		if len(parts) == maxDepth {
			s.tooDeep(at)
			return nil
		}
		name, ok := s.keyName()
		if !ok {
			s.fail()
			return nil
		}
		parts = append(parts, keyPart{name, at})
		s.spaces()
		if !s.take(".") {
			return parts
		}
	}
}

func (s *scanner) keyName() (string, bool) {
	if s.peek(`"`) || s.peek(`'`) {
		start, quote := s.pos, s.data[s.pos]
		if !s.quoted(string(quote)) {
			return "", false
		}
		text := s.data[start+1 : s.pos-1]
		if quote == '"' {
			text = unescape(text)
		}
		return text, true
	}
	start := s.pos
	for s.pos < len(s.data) && isBare(s.data[s.pos]) {
		s.pos++
	}
	return s.data[start:s.pos], s.pos > start
}

func isBare(c byte) bool {
	return c == '_' || c == '-' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (s *scanner) tooDeep(at spot) {
	s.fail()
	s.deep = at
}
