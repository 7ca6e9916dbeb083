package wire

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Message is a request or a reply that can be read in one way only.
type Message struct {
	First    string // line, without its end
	Fields   []Field
	Body     string
	Trailers []Field
	Whole    bool // of a reply: its end was there
}

// Field is a header field, its name as it was spelled.
type Field struct{ Name, Value string }

// Status is a reply's.
func (m *Message) Status() int {
	n, _ := strconv.Atoi(m.First[len("HTTP/1.1 "):][:3])
	return n
}

// Values are those of all fields of that name, in any case.
func (m *Message) Values(name string) (list []string) {
	for _, f := range m.Fields {
		if strings.EqualFold(f.Name, name) {
			list = append(list, f.Value)
		}
	}
	return list
}

// errMore says that the message goes on behind the bytes that there are.
var errMore = errors.New("the message is not complete")

// ReadRequest reads the request at the start of src. The error is errMore, or
// says what of it could be read in two ways.
func ReadRequest(src string) (m *Message, rest string, err error) {
	m, rest, err = readHead(src)
	if err != nil {
		return nil, src, err
	}
	words := strings.Split(m.First, " ")
	if len(words) != 3 || !isToken(words[0]) || words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0" {
		return nil, src, fmt.Errorf("first line %q", m.First)
	}
	old := words[2] == "HTTP/1.0"
	hosts := m.Values("Host")
	if len(hosts) != 1 && !(old && len(hosts) == 0) || len(hosts) == 1 && (hosts[0] == "" || strings.ContainsAny(hosts[0], " ,@/\\\t")) {
		return nil, src, fmt.Errorf("hosts %q", hosts)
	}
	target := words[1]
	if len(hosts) == 1 { // of a URL, what is behind Host's own word
		if scheme := "http://" + hosts[0]; len(target) > len(scheme) && strings.EqualFold(target[:len(scheme)], scheme) {
			target = target[len(scheme):]
		}
	}
	if err := checkTarget(target); err != nil && m.First != "OPTIONS * HTTP/1.1" {
		return nil, src, err
	}
	length, chunked, err := m.framing(old)
	if err != nil {
		return nil, src, err
	}
	switch {
	case chunked:
		rest, err = m.readChunks(rest)
	case length > len(rest):
		err = errMore
	case length > 0:
		m.Body, rest = rest[:length], rest[length:]
	}
	m.Whole = err == nil
	return m, rest, err
}

// ReadReply reads the reply at the start of src, which is all that came. ended
// says that the connection has come to its end, with a close and not a reset. A
// reply that was cut is a Message that is not Whole.
func ReadReply(src, method string, ended bool) (m *Message, rest string, err error) {
	m, rest, err = readHead(src)
	if err != nil {
		return nil, src, err
	}
	old := strings.HasPrefix(m.First, "HTTP/1.0 ")
	if len(m.First) < 12 || !old && !strings.HasPrefix(m.First, "HTTP/1.1 ") || strings.Trim(m.First[9:12], "0123456789") != "" || len(m.First) > 12 && m.First[12] != ' ' {
		return nil, src, fmt.Errorf("status line %q", m.First)
	}
	status := m.Status()
	length, chunked, err := m.framing(old)
	if err != nil {
		return nil, src, err
	}
	switch {
	case method == "HEAD" || status < 200 || status == 204 || status == 304:
		m.Whole = true
	case chunked:
		rest, err = m.readChunks(rest)
		m.Whole = err == nil
	case length >= 0:
		m.Whole = length <= len(rest)
		n := min(length, len(rest))
		m.Body, rest = rest[:n], rest[n:]
	default:
		m.Body, rest, m.Whole = rest, "", ended
	}
	if errors.Is(err, errMore) {
		err = nil
	}
	return m, rest, err
}

func readHead(src string) (*Message, string, error) {
	m := &Message{}
	first, src, err := readLine(src)
	if err != nil {
		return nil, src, err
	}
	m.First = first
	m.Fields, src, err = readFields(src)
	return m, src, err
}

// readFields reads fields up to an empty line.
func readFields(src string) (list []Field, rest string, err error) {
	for {
		line, rest, err := readLine(src)
		if err != nil {
			return nil, src, err
		}
		if src = rest; line == "" {
			return list, src, nil
		}
		name, value, found := strings.Cut(line, ":")
		if !found || !isToken(name) {
			return nil, src, fmt.Errorf("field %.100q", line)
		}
		list = append(list, Field{name, strings.Trim(value, " \t")})
	}
}

// readLine takes a line up to CRLF, without control characters.
func readLine(src string) (line, rest string, err error) {
	for i := range len(src) {
		switch c := src[i]; {
		case c == '\r' && i+1 < len(src) && src[i+1] == '\n':
			return src[:i], src[i+2:], nil
		case c == '\r' && i+1 == len(src):
			return "", src, errMore
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", src, fmt.Errorf("byte %#02x in a line", c)
		}
	}
	return "", src, errMore
}

// framing says how a body's end is known; length is -1 where nothing tells.
func (m *Message) framing(http10 bool) (length int, chunked bool, err error) {
	for _, f := range m.Fields {
		plain := strings.ReplaceAll(f.Name, "_", "-")
		if plain != f.Name && (strings.EqualFold(plain, "content-length") || strings.EqualFold(plain, "transfer-encoding")) {
			return 0, false, fmt.Errorf("field %q", f.Name)
		}
	}
	lengths, codings := m.Values("Content-Length"), m.Values("Transfer-Encoding")
	switch {
	case len(lengths)+len(codings) == 0:
		return -1, false, nil
	case len(lengths)+len(codings) > 1:
		return 0, false, fmt.Errorf("lengths %q and codings %q", lengths, codings)
	case len(codings) == 1:
		if !strings.EqualFold(codings[0], "chunked") || http10 {
			return 0, false, fmt.Errorf("coding %q", codings)
		}
		return -1, true, nil
	}
	if lengths[0] == "" || strings.Trim(lengths[0], "0123456789") != "" {
		return 0, false, fmt.Errorf("length %q", lengths[0])
	}
	length, err = strconv.Atoi(lengths[0])
	return length, false, err
}

// readChunks puts what there is of a chunked body into m, whatever the error.
func (m *Message) readChunks(src string) (rest string, err error) {
	for {
		line, after, err := readLine(src)
		if err != nil {
			return src, err
		}
		size, err := strconv.ParseInt(line, 16, 32)
		if err != nil || strings.Trim(line, "0123456789abcdefABCDEF") != "" {
			return src, fmt.Errorf("chunk size %.100q", line)
		}
		src = after
		if size == 0 {
			break
		}
		n := min(int(size), len(src))
		m.Body += src[:n]
		if n < int(size) || len(src) < n+2 {
			return "", errMore
		}
		if src[size:size+2] != "\r\n" {
			return src, fmt.Errorf("chunk ends with %q", src[size:size+2])
		}
		src = src[size+2:]
	}
	m.Trailers, src, err = readFields(src)
	for _, f := range m.Trailers {
		switch strings.ToLower(f.Name) {
		case "host", "content-length", "transfer-encoding", "authorization":
			return src, fmt.Errorf("trailer %q", f.Name)
		}
	}
	return src, err
}

// checkTarget refuses a path that some servers serve as another one.
func checkTarget(target string) error {
	path, _, _ := strings.Cut(target, "?")
	bad := func(why string) error { return fmt.Errorf("target %.100q: %s", target, why) }
	if path == "" || path[0] != '/' {
		return bad("no path")
	}
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c > '~' || c == '#' {
			return bad("not a URL")
		}
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return bad("malformed escape")
	}
	for _, s := range strings.Split(path, "/")[1:] {
		inside, _ := url.PathUnescape(s)
		before, _, _ := strings.Cut(inside, ";")
		if before == "." || before == ".." || strings.Contains(inside, "/") {
			return bad("segments that are taken out by some")
		}
	}
	if strings.Contains(path, "//") || strings.Contains(plain, `\`) {
		return bad("slashes that are merged or turned by some")
	}
	for i := range len(plain) {
		if c := plain[i]; c < ' ' || c == 0x7f {
			return bad("an escaped control character")
		}
	}
	return nil
}

func isToken(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}
