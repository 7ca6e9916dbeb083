package config

import (
	"strconv"
	"strings"
)

// value reads one value into n: where it starts and what stands in it.
func (s *scanner) value(n *node, depth int) {
	n.value = s.here()
	switch {
	case depth > maxDepth:
		s.tooDeep(n.value)
	case s.pos >= len(s.data):
		s.fail()
	case s.peek(`"""`), s.peek(`'''`):
		s.multiline(s.data[s.pos : s.pos+3])
	case s.peek(`"`), s.peek(`'`):
		s.quoted(s.data[s.pos : s.pos+1])
	case s.take("["):
		s.array(n, depth)
	case s.take("{"):
		s.inlineTable(n, depth)
	default:
		s.bareValue()
	}
}

// bareValue moves over a number, a boolean or a date (which may hold a space).
func (s *scanner) bareValue() {
	start := s.pos
	for s.pos < len(s.data) && !strings.ContainsRune(",]}#\r\n", rune(s.data[s.pos])) {
		s.pos++
	}
	if s.pos == start {
		s.fail()
	}
}

func (s *scanner) array(n *node, depth int) {
	for s.ok() {
		s.blank()
		if s.take("]") {
			return
		}
		item := &node{}
		s.value(item, depth+1)
		item.key = item.value
		n.items = append(n.items, item)
		s.blank()
		if !s.take(",") && !s.peek("]") {
			s.fail()
		}
	}
}

func (s *scanner) inlineTable(n *node, depth int) {
	for s.ok() {
		s.blank()
		if s.take("}") {
			return
		}
		s.pair(n, depth)
		s.blank()
		if !s.take(",") && !s.peek("}") {
			s.fail()
		}
	}
}

// quoted moves over a string of one line.
func (s *scanner) quoted(quote string) bool {
	for i := s.pos + 1; i < len(s.data) && s.data[i] != '\n'; i++ {
		switch {
		case s.data[i] == quote[0]:
			s.pos = i + 1
			return true
		case s.data[i] == '\\' && quote == `"`:
			i++
		}
	}
	s.fail()
	return false
}

// multiline moves over a string between three quotes; up to two more quotes
// before the closing three belong to it.
func (s *scanner) multiline(quotes string) {
	for i := s.pos + 3; i < len(s.data); i++ {
		if s.data[i] == '\\' && quotes[0] == '"' {
			i++
			continue
		}
		if !strings.HasPrefix(s.data[i:], quotes) {
			continue
		}
		i += 3
		for more := 0; more < 2 && i < len(s.data) && s.data[i] == quotes[0]; more++ {
			i++
		}
		s.pos = i
		return
	}
	s.fail()
}

// unescape undoes the escapes of a basic string; what it does not know goes.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case 'x', 'u', 'U':
			end := min(i+1+map[byte]int{'x': 2, 'u': 4, 'U': 8}[c], len(text))
			if code, err := strconv.ParseUint(text[i+1:end], 16, 32); err == nil {
				b.WriteRune(rune(code))
				i = end - 1
			}
		default:
			if at := strings.IndexByte(`btnfre"\`, c); at >= 0 {
				b.WriteByte("\b\t\n\f\r\x1b\"\\"[at])
			}
		}
	}
	return b.String()
}
