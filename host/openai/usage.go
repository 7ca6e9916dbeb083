package openai

import (
	"bytes"
	"math"
)

// Usage is what a service counted.
type Usage struct {
	In, Out, Total int64 // tokens of the prompt, of the answer, of both
	Cached         int64 // of In, those that a cache had
}

// Merge takes over what v says and u does not, or says lower: an Anthropic
// stream tells In in its first event and Out in its last.
func (u *Usage) Merge(v Usage) {
	u.In, u.Out = max(u.In, v.In), max(u.Out, v.Out)
	u.Cached, u.Total = max(u.Cached, v.Cached), max(u.Total, v.Total, u.In+u.Out)
}

// NamesUsage reports whether b has the key of a usage, or text that looks like it.
// Its "g" is what is rare: a quote begins every other word of JSON.
func NamesUsage(b []byte) bool {
	const before, after = len(`"usa`), len(`ge"`)
	for from := before; ; {
		if from >= len(b) {
			return false
		}
		i := bytes.IndexByte(b[from:], 'g')
		if i < 0 {
			return false
		}
		i += from
		if i+after <= len(b) && string(b[i-before:i+after]) == `"usage"` {
			return true
		}
		from = i + 1
	}
}

// ParseUsage finds the usage in a reply or in an event's data: at the top level
// or in its "response" or "message". ok is false without one, or for bytes that
// are not JSON. It does not allocate.
func ParseUsage(json []byte) (u Usage, ok bool) {
	if !NamesUsage(json) {
		return Usage{}, false
	}
	c := checker{b: json, depth: maxDepth}
	if !c.whole() {
		return Usage{}, false
	}
	top := json[skipSpace(json, 0):]
	if top[0] != '{' {
		return Usage{}, false
	}
	var plain, nested []byte
	for w := walkObject(top); w.next(); {
		switch string(top[w.key+1 : w.keyEnd-1]) {
		case "usage":
			plain = w.value()
		case "response", "message":
			if v := field(w.value(), "usage"); v != nil {
				nested = v
			}
		}
	}
	if u, ok = readUsage(plain); ok {
		return u, true
	}
	return readUsage(nested)
}

// readUsage reads a checked usage object; ok is false if it counts nothing.
func readUsage(v []byte) (u Usage, ok bool) {
	if len(v) == 0 || v[0] != '{' {
		return Usage{}, false
	}
	total, counted := int64(0), false
	for w := walkObject(v); w.next(); {
		var into *int64
		switch string(v[w.key+1 : w.keyEnd-1]) {
		case "prompt_tokens", "input_tokens":
			into = &u.In
		case "completion_tokens", "output_tokens":
			into = &u.Out
		case "total_tokens":
			into = &total
		case "cache_read_input_tokens":
			into = &u.Cached
		case "prompt_tokens_details", "input_tokens_details":
			if n, ok := tokens(field(w.value(), "cached_tokens")); ok {
				u.Cached = n
			}
			continue
		default:
			continue
		}
		if n, ok := tokens(w.value()); ok {
			*into, counted = n, true
		}
	}
	if !counted {
		return Usage{}, false
	}
	if u.Total = total; total == 0 {
		u.Total = u.In + u.Out
	}
	return u, true
}

// tokens reads a count: a number from 0 to 2^53.
func tokens(v []byte) (int64, bool) {
	f, ok := parseNumber(v)
	if !ok || f < 0 || f > 1<<53 {
		return 0, false
	}
	return int64(math.Trunc(f)), true
}
