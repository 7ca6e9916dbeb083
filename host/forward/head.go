package forward

import (
	"bytes"
	"math"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/wire"
)

const (
	faultLineEnd    fault = "a line of the reply's head does not end with CRLF"
	faultStatusLine fault = "the reply's status line is malformed"
	faultStatus     fault = "the reply's status is not one of 100 to 599"
	faultUpgrade    fault = "the reply switches protocols, unasked"
	faultInterim    fault = "too many interim replies"
	faultField      fault = "a header field of the reply is malformed"
	faultFold       fault = "a header field of the reply is folded over lines"
	faultLength     fault = "the reply's Content-Length is not a number in range"
	faultLengths    fault = "the reply has two different Content-Lengths"
	faultBothFrames fault = "the reply has both Content-Length and Transfer-Encoding"
	faultEncoding   fault = "the reply's Transfer-Encoding is not chunked"
	faultHeadSize   fault = "the head of the reply is too large"
)

// maxInterim bounds the 1xx replies before the real one.
const maxInterim = 8

// replyHead is what a reply's head says about the connection and the body.
// Slices alias the head.
type replyHead struct {
	status    int
	reason    []byte
	fields    []byte // all field lines, each with its CRLF
	http10    bool
	length    int64 // -1: no Content-Length
	chunked   bool
	close     bool
	keepAlive bool
	named     [][]byte // fields named by Connection
}

// forget lets go of the head's bytes.
func (h *replyHead) forget() {
	clear(h.named)
	h.named = h.named[:0]
	h.reason, h.fields = nil, nil
}

// headEnd returns the length of the head at the start of b, its empty line
// included, or 0 when b ends before it. scan is where the search goes on when
// more has come; it starts at 0.
func headEnd(b []byte, scan *int) (int, error) {
	for {
		i := bytes.IndexByte(b[*scan:], '\n')
		if i < 0 {
			return 0, nil
		}
		if i == 0 || b[*scan+i-1] != '\r' {
			return 0, faultLineEnd
		}
		empty := i == 1
		*scan += i + 1
		if empty {
			return *scan, nil
		}
	}
}

// parse reads a complete head: status line, fields, empty line. What two
// readers could take in two ways is an error.
func (h *replyHead) parse(b []byte) error {
	*h = replyHead{length: -1, named: h.named[:0]}
	i := bytes.IndexByte(b, '\n')
	if err := h.statusLine(b[:i-1]); err != nil {
		return err
	}
	h.fields = b[i+1 : len(b)-2]
	for rest := h.fields; len(rest) > 0; {
		name, value, next, err := nextField(rest)
		if err != nil {
			return err
		}
		if err := h.field(name, value); err != nil {
			return err
		}
		rest = next
	}
	if h.chunked && h.length >= 0 {
		return faultBothFrames
	}
	if h.chunked && h.http10 {
		return faultEncoding
	}
	return nil
}

// statusLine reads "HTTP/1.x NNN[ reason]".
func (h *replyHead) statusLine(b []byte) error {
	const version = "HTTP/1."
	if len(b) < len(version)+5 || string(b[:len(version)]) != version || b[8] != ' ' {
		return faultStatusLine
	}
	switch b[7] {
	case '0':
		h.http10 = true
	case '1':
	default:
		return faultStatusLine
	}
	for _, c := range b[9:12] {
		if c < '0' || c > '9' {
			return faultStatusLine
		}
		h.status = 10*h.status + int(c-'0')
	}
	if h.status < 100 || h.status > 599 {
		return faultStatus
	}
	if len(b) > 12 {
		if b[12] != ' ' || !wire.IsValue(b[13:]) {
			return faultStatusLine
		}
		h.reason = b[13:]
	}
	return nil
}

// nextField cuts one field line off b, which ends with CRLF.
func nextField(b []byte) (name, value, rest []byte, err error) {
	i := bytes.IndexByte(b, '\n')
	line := b[:i-1]
	if line[0] == ' ' || line[0] == '\t' {
		return nil, nil, nil, faultFold
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 || !wire.IsName(line[:colon]) {
		return nil, nil, nil, faultField
	}
	value = wire.Trim(line[colon+1:])
	if !wire.IsValue(value) {
		return nil, nil, nil, faultField
	}
	return line[:colon], value, b[i+1:], nil
}

func (h *replyHead) field(name, value []byte) error {
	switch fieldOf(name) {
	case contentLength:
		return h.contentLength(value)
	case transferEncoding:
		if h.chunked || !wire.EqualFold(value, "chunked") {
			return faultEncoding
		}
		h.chunked = true
	case connectionField:
		for rest := value; len(rest) > 0; {
			var token []byte
			token, rest = nextElement(rest)
			h.close = h.close || wire.EqualFold(token, "close")
			h.keepAlive = h.keepAlive || wire.EqualFold(token, "keep-alive")
		}
		h.named = appendNamed(h.named, value)
	}
	return nil
}

// contentLength takes one value, or several equal ones, as RFC 9110 allows.
func (h *replyHead) contentLength(value []byte) error {
	if len(value) == 0 || value[len(value)-1] == ',' {
		return faultLength
	}
	for len(value) > 0 {
		var digits []byte
		digits, value = nextElement(value)
		n, ok := parseLength(digits)
		if !ok {
			return faultLength
		}
		if h.length >= 0 && h.length != n {
			return faultLengths
		}
		h.length = n
	}
	return nil
}

func parseLength(digits []byte) (n int64, ok bool) {
	if len(digits) == 0 {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' || n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// framing says how the body of this reply ends. head: the request's method
// was HEAD.
func (h *replyHead) framing(head bool) decoder {
	switch {
	case head || h.status == fasthttp.StatusNoContent || h.status == fasthttp.StatusNotModified:
		return decoder{framing: noBody}
	case h.chunked:
		return decoder{framing: byChunks}
	case h.length >= 0:
		return decoder{framing: byLength, left: h.length}
	}
	return decoder{framing: byClose}
}

// persistent reports whether the connection can carry another request once
// the body was read to its end. A 204 that announces a body is read in two
// ways by two readers, so its connection is not used again.
func (h *replyHead) persistent(d *decoder) bool {
	switch {
	case h.close, d.framing == byClose, h.http10 && !h.keepAlive:
		return false
	case h.status == fasthttp.StatusNoContent:
		return !h.chunked && h.length <= 0
	}
	return true
}

// fill copies the head into a fasthttp header, without what was meant for the
// service's connection alone. Date stays the server's: fasthttp writes one.
func (h *replyHead) fill(dst *fasthttp.ResponseHeader) {
	dst.Reset()
	dst.SetNoDefaultContentType(true)
	dst.SetStatusCode(h.status)
	if len(h.reason) > 0 {
		dst.SetStatusMessage(h.reason)
	}
	for rest := h.fields; len(rest) > 0; {
		name, value, next, _ := nextField(rest)
		rest = next
		switch fieldOf(name) {
		case hopByHop, connectionField, contentLength, transferEncoding:
			continue
		}
		if len(h.named) > 0 && isNamed(h.named, name) {
			continue
		}
		dst.AddBytesKV(name, value)
	}
	if h.length >= 0 {
		dst.SetContentLength(int(h.length))
	}
}
