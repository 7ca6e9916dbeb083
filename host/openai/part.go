package openai

import (
	"bytes"
	"mime"
	"strconv"
	"strings"
)

// Limits of a form. A file may be as large as the body.
const (
	maxParts      = 1000
	maxPartHeader = 8 << 10
)

// part is one field of a multipart form.
type part struct {
	name   string
	file   bool // it has a filename
	coded  bool // its value is in some transfer encoding
	header int  // where its header begins in the body
	value  []byte
	at     int // where its value begins in the body
}

// boundary takes the boundary out of a Content-Type.
func boundary(contentType []byte) (string, error) {
	kind, params, err := mime.ParseMediaType(string(contentType))
	if err != nil || kind != "multipart/form-data" {
		return "", &SyntaxError{Reason: "Content-Type is not a valid multipart/form-data"}
	}
	b := params["boundary"]
	ok := b != "" && len(b) <= 70 && b[len(b)-1] != ' '
	for i := range len(b) {
		ch := b[i]
		letter := 'a' <= ch|0x20 && ch|0x20 <= 'z' || '0' <= ch && ch <= '9'
		ok = ok && (letter || strings.IndexByte("'()+_,-./:=? ", ch) >= 0)
	}
	if !ok {
		return "", &SyntaxError{Reason: "Content-Type has no valid boundary"}
	}
	return b, nil
}

var crlf = []byte("\r\n")

// eachPart calls visit for the parts of a form in order.
//
// There is one way to read what it accepts: the body begins with the boundary,
// a boundary at the start of a line is one whatever follows, lines end in
// CRLF, and nothing but a line end follows the last boundary. Other readers
// are laxer, each in its own way, and would find another model.
func eachPart(boundary string, body []byte, visit func(*part) error) error {
	delimiter := []byte("\r\n--" + boundary)
	if !bytes.HasPrefix(body, delimiter[2:]) {
		return &SyntaxError{Reason: "form does not begin with its boundary"}
	}
	i := len(delimiter) - 2
	for n := 0; ; n++ {
		switch rest := body[i:]; {
		case bytes.HasPrefix(rest, crlf):
			i += 2
		case string(rest) == "--", string(rest) == "--\r\n":
			return nil
		default:
			return &SyntaxError{Offset: i, Reason: "neither a line end nor the form's end after a boundary"}
		}
		if n == maxParts {
			return &SyntaxError{Offset: i, Reason: "form has more than " + strconv.Itoa(maxParts) + " fields"}
		}
		p := part{header: i}
		end, err := p.readHeader(body, i)
		if err != nil {
			return err
		}
		// The line end of an empty header line is also that of a boundary after it.
		length := bytes.Index(body[end-2:], delimiter)
		if length < 0 {
			return &SyntaxError{Offset: len(body), Reason: "form ends before its last boundary"}
		}
		if length -= 2; length < 0 {
			return &SyntaxError{Offset: end, Reason: "form field without a value"}
		}
		p.at, p.value = end, body[end:end+length]
		if err := visit(&p); err != nil {
			return err
		}
		i = end + length + len(delimiter)
	}
}

// readHeader reads the header that begins at body[i] and returns where the
// value does.
func (p *part) readHeader(body []byte, i int) (int, error) {
	disposed := false
	for start := i; ; {
		n := bytes.Index(body[i:], crlf)
		if n < 0 || i+n-start > maxPartHeader {
			return 0, &SyntaxError{Offset: i, Reason: "header of a form field does not end within " + strconv.Itoa(maxPartHeader) + " bytes"}
		}
		line, at := body[i:i+n], i
		if i += n + 2; n == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !isToken(name) || !isHeaderText(value) {
			return 0, &SyntaxError{Offset: at, Reason: "malformed header of a form field"}
		}
		switch strings.ToLower(string(name)) {
		case "content-disposition":
			if disposed || !p.dispose(string(value)) {
				return 0, &SyntaxError{Offset: at, Reason: "malformed Content-Disposition of a form field"}
			}
			disposed = true
		case "content-transfer-encoding":
			switch strings.ToLower(strings.TrimSpace(string(value))) {
			case "7bit", "8bit", "binary":
			default:
				p.coded = true
			}
		}
	}
	if !disposed {
		return 0, &SyntaxError{Offset: p.header, Reason: "form field without a Content-Disposition"}
	}
	return i, nil
}

// dispose reads a Content-Disposition: form-data, and name and filename at most
// once each.
func (p *part) dispose(value string) bool {
	kind, rest, _ := strings.Cut(value, ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "form-data") {
		return false
	}
	seen := map[string]bool{}
	for rest = strings.Trim(rest, " \t"); rest != ""; rest = strings.Trim(rest, " \t") {
		key, after, ok := strings.Cut(rest, "=")
		if !ok {
			return false
		}
		key = strings.ToLower(strings.TrimSpace(key))
		text, after, ok := parameterValue(after)
		if !ok || seen[key] {
			return false
		}
		seen[key] = true
		switch key {
		case "name":
			p.name = text
		case "filename", "filename*":
			p.file = true
		case "name*":
			return false // forms have no such thing, though mail does
		}
		if rest = strings.TrimLeft(after, " \t"); rest != "" && rest[0] != ';' {
			return false
		}
		rest = strings.TrimPrefix(rest, ";")
	}
	return seen["name"]
}

// parameterValue reads a token, or a quoted string in which only a quote and a
// backslash are escaped: browsers leave other backslashes alone.
func parameterValue(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		n := strings.IndexAny(s, "; \t")
		if n < 0 {
			n = len(s)
		}
		return s[:n], s[n:], isToken([]byte(s[:n]))
	}
	var text strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return text.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		text.WriteByte(s[i])
	}
	return "", "", false
}

func isToken(b []byte) bool {
	for _, ch := range b {
		if ch <= ' ' || ch >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, ch) >= 0 {
			return false
		}
	}
	return len(b) > 0
}

func isHeaderText(b []byte) bool {
	for _, ch := range b {
		if ch < ' ' && ch != '\t' || ch == 0x7f {
			return false
		}
	}
	return true
}
