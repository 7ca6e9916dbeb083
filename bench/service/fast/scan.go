package fast

import (
	"bytes"
	"errors"
	"strconv"
)

var errJSON = errors.New("the body is not a JSON object")

// asked is what a completion's body asks for. The slices are the body's.
type asked struct {
	model, user []byte // as they stand in the JSON, without the quotes
	tokens      int    // 0: not given
	stream      bool
	usage       bool
}

// readBody finds the members that count on the top level of a body, without a
// look at what is in the messages: strings are skipped from quote to quote.
func readBody(body []byte) (a asked, err error) {
	i := skipSpace(body, 0)
	if i >= len(body) || body[i] != '{' {
		return a, errJSON
	}
	for i++; ; i++ {
		i = skipSpace(body, i)
		if i < len(body) && body[i] == '}' {
			return a, nil
		}
		if i >= len(body) || body[i] != '"' {
			return a, errJSON
		}
		end := skipString(body, i)
		colon := skipSpace(body, end)
		if colon >= len(body) || body[colon] != ':' {
			return a, errJSON
		}
		from := skipSpace(body, colon+1)
		to := skipValue(body, from)
		if to <= from {
			return a, errJSON
		}
		a.member(body[i+1:end-1], body[from:to])
		i = skipSpace(body, to)
		if i >= len(body) || body[i] != ',' {
			if i < len(body) && body[i] == '}' {
				return a, nil
			}
			return a, errJSON
		}
	}
}

func (a *asked) member(name, value []byte) {
	switch string(name) {
	case "model":
		a.model = unquoted(value)
	case "user":
		a.user = unquoted(value)
	case "stream":
		a.stream = value[0] == 't'
	case "max_tokens", "max_completion_tokens":
		if n, err := strconv.Atoi(string(value)); err == nil && n > 0 {
			a.tokens = min(n, maxTokens)
		}
	case "stream_options":
		i := bytes.Index(value, []byte(`"include_usage"`))
		a.usage = i >= 0 && bytes.HasPrefix(bytes.TrimLeft(value[i+len(`"include_usage"`):], " \t\r\n:"), []byte("true"))
	}
}

func unquoted(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	return value[1 : len(value)-1]
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipString returns the place behind a string that begins at i, len(b)+1 if it
// does not end.
func skipString(b []byte, i int) int {
	for j := i + 1; j < len(b); {
		k := bytes.IndexByte(b[j:], '"')
		if k < 0 {
			break
		}
		end := j + k
		slashes := 0
		for b[end-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return end + 1
		}
		j = end + 1
	}
	return len(b) + 1
}

// skipValue returns the place behind a value that begins at i, i if there is none.
func skipValue(b []byte, i int) int {
	depth := 0
	for j := i; j < len(b); {
		switch b[j] {
		case '"':
			if j = skipString(b, j); j > len(b) {
				return i
			}
			if depth == 0 {
				return j
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return j // behind a number or a word
			}
			if depth--; depth == 0 {
				return j + 1
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return j
			}
		}
		j++
	}
	return i
}
