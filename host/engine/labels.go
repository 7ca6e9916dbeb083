package engine

import "bytes"

// labels are a sample's, from behind the opening brace to the end of the line.
type labels []byte

// next splits the first label off. Values keep their escapes: those that matter
// have none. ok is false at the end, and where there is no label.
func (l labels) next() (name, value []byte, rest labels, ok bool) {
	b := bytes.TrimLeft(l, " \t,")
	i := bytes.IndexByte(b, '=')
	if i < 0 {
		return nil, nil, l, false
	}
	name, b = bytes.TrimRight(b[:i], " \t"), bytes.TrimLeft(b[i+1:], " \t")
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, l, false
	}
	b = b[1:]
	for j := 0; j < len(b); j++ {
		switch b[j] {
		case '\\':
			j++
		case '"':
			return name, b[:j], labels(b[j+1:]), true
		}
	}
	return nil, nil, l, false
}

// after returns what follows the closing brace.
func (l labels) after() ([]byte, bool) {
	for {
		b := bytes.TrimLeft(l, " \t,")
		if len(b) > 0 && b[0] == '}' {
			return b[1:], true
		}
		_, _, rest, ok := l.next()
		if !ok {
			return nil, false
		}
		l = rest
	}
}

// has reports whether the label of this name has this value.
func (l labels) has(name, value string) bool {
	for {
		b := bytes.TrimLeft(l, " \t,")
		if len(b) == 0 || b[0] == '}' {
			return false
		}
		n, v, rest, ok := l.next()
		if !ok {
			return false
		}
		if string(n) == name {
			return string(v) == value
		}
		l = rest
	}
}

// otherRank reports whether the sample repeats what the first rank of a group
// says.
func (l labels) otherRank() (other bool) {
	for {
		b := bytes.TrimLeft(l, " \t,")
		if len(b) == 0 || b[0] == '}' {
			return other
		}
		n, v, rest, ok := l.next()
		if !ok || string(n) == replicaLabel {
			return false
		}
		for _, rank := range rankLabels {
			other = other || string(n) == rank && string(v) != "0"
		}
		l = rest
	}
}
