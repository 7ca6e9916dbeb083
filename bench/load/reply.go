//go:build unix

package load

import (
	"bytes"
	"strconv"
)

// reader reads one HTTP reply as it arrives, in pieces of any size, and checks
// it. It keeps only what a piece left incomplete.
type reader struct {
	at     place
	part   []byte // a line of the framing that is not complete
	rest   []byte // an event that is not
	left   int64  // of the body or the chunk
	status int
	close  bool // the connection ends with this reply
	sse    bool
	json   bool
	chunks bool
	length int64 // -1: not given
	body   int64 // bytes of it so far
	fault  string
	check
}

// place is where in a reply a reader is.
type place uint8

const (
	inHead place = iota
	inBody       // of a known length
	inRest       // of a body that ends with the connection
	inSize       // the line before a chunk
	inChunk
	behindChunk
	inTrailer
	atEnd
)

// maxLine bounds a line of a head, and an event.
const (
	maxLine  = 64 << 10
	maxEvent = 4 << 20
)

// start gets the reader ready for the reply to a request.
func (r *reader) start(stream bool, name [16]byte, r2 *recorder) {
	seen := r.seen[:0]
	*r = reader{part: r.part[:0], rest: r.rest[:0], length: -1, check: check{stream: stream, name: name, to: r2, seen: seen}}
}

// feed takes bytes that arrived at now and returns how many belong to this
// reply; fewer than all only at its end. r.fault says what is wrong, "" for nothing.
func (r *reader) feed(b []byte, now int64) int {
	total := len(b)
	for r.fault == "" && r.at != atEnd && len(b) > 0 {
		switch r.at {
		case inHead, inSize, behindChunk, inTrailer:
			line, n := r.line(b)
			b = b[n:]
			if line != nil {
				r.take(line)
				r.part = r.part[:0]
			}
		default:
			n := len(b)
			if r.at != inRest {
				n = int(min(r.left, int64(n)))
			}
			r.content(b[:n], now)
			b = b[n:]
		}
	}
	return total - len(b)
}

// line returns the next line without its end, nil if it is not complete, and
// how much of b it took. The line is valid until part changes.
func (r *reader) line(b []byte) ([]byte, int) {
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		r.part = append(r.part, b...)
		if len(r.part) > maxLine {
			r.fault = ErrHTTP
		}
		return nil, len(b)
	}
	line := b[:end]
	if len(r.part) > 0 {
		r.part = append(r.part, line...)
		line = r.part
	}
	if len(line) > 0 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	if line == nil {
		line = []byte{}
	}
	return line, end + 1
}

// take handles a line of the framing.
func (r *reader) take(line []byte) {
	switch r.at {
	case inHead:
		switch {
		case r.status == 0:
			r.statusLine(line)
		case len(line) > 0:
			r.header(line)
		case r.status < 200: // 100 Continue and the like: the real one follows
			r.status = 0
		default:
			r.frame()
		}
	case inSize:
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 63)
		switch {
		case err != nil || n < 0:
			r.fault = ErrHTTP
		case n == 0:
			r.at = inTrailer
		default:
			r.at, r.left = inChunk, n
		}
	case behindChunk:
		if r.at = inSize; len(line) > 0 {
			r.fault = ErrHTTP
		}
	case inTrailer:
		if len(line) == 0 {
			r.end()
		}
	}
}

func (r *reader) statusLine(line []byte) {
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) {
		r.fault = ErrHTTP
		return
	}
	n, err := strconv.Atoi(string(line[9:12]))
	if err != nil || n < 100 || n > 999 {
		r.fault = ErrHTTP
		return
	}
	r.status, r.close = n, line[7] == '0'
}

func (r *reader) header(line []byte) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok {
		r.fault = ErrHTTP
		return
	}
	value = bytes.TrimSpace(value)
	switch len(name) {
	case len("content-length"):
		if bytes.EqualFold(name, []byte("content-length")) {
			n, err := strconv.ParseInt(string(value), 10, 64)
			if err != nil || n < 0 {
				r.fault = ErrHTTP
			}
			r.length = n
		}
	case len("transfer-encoding"):
		if bytes.EqualFold(name, []byte("transfer-encoding")) {
			r.chunks = bytes.EqualFold(value, []byte("chunked"))
		}
	case len("connection"):
		if bytes.EqualFold(name, []byte("connection")) {
			r.close = bytes.EqualFold(value, []byte("close")) || r.close && !bytes.EqualFold(value, []byte("keep-alive"))
		}
	case len("content-type"):
		if bytes.EqualFold(name, []byte("content-type")) {
			r.sse = bytes.HasPrefix(value, []byte("text/event-stream"))
			r.json = bytes.HasPrefix(value, []byte("application/json"))
		}
	}
}

// frame decides how the body ends.
func (r *reader) frame() {
	switch {
	case r.chunks:
		r.at = inSize
	case r.length > 0:
		r.at, r.left = inBody, r.length
	case r.length == 0 || r.status == 204 || r.status == 304:
		r.end()
	default:
		r.at, r.close = inRest, true
	}
}

// content takes bytes of the body.
func (r *reader) content(b []byte, now int64) {
	r.body += int64(len(b))
	r.left -= int64(len(b))
	if r.status == 200 {
		if r.stream && r.sse {
			r.split(b, now)
		} else {
			r.whole(b, now)
		}
	}
	if r.left > 0 || r.at == inRest {
		return
	}
	if r.at == inChunk {
		r.at = behindChunk
		return
	}
	r.end()
}

// end is where the framing says that the reply is complete.
func (r *reader) end() {
	r.at = atEnd
	switch {
	case r.status != 200:
		r.fault = "status " + strconv.Itoa(r.status)
	case r.stream && !r.sse, !r.stream && !r.json:
		r.fault = ErrReply
	default:
		r.fault = r.verdict()
	}
}

// cut is the connection's end, which may be the reply's.
func (r *reader) cut() {
	switch {
	case r.at == inRest:
		r.end()
	case r.at == inHead:
		r.fault = ErrReset
	default:
		r.fault = ErrCut
	}
}

// split cuts the bytes of a stream into events; a rest is kept.
func (r *reader) split(b []byte, now int64) {
	if len(r.rest) > 0 {
		r.rest = append(r.rest, b...)
		b = r.rest
	}
	used := 0
	for {
		size, end := eventEnd(b[used:])
		if end == 0 {
			break
		}
		r.event(b[used:used+size], now)
		used += end
	}
	switch {
	case used == len(b):
		r.rest = r.rest[:0]
	case len(r.rest) > 0:
		r.rest = r.rest[:copy(r.rest, b[used:])]
	default:
		r.rest = append(r.rest, b[used:]...)
	}
	if len(r.rest) > maxEvent {
		r.fault = ErrReply
	}
}

// eventEnd finds the blank line that ends an event: size is the event's length
// without it, end the length with it, 0 if it is not there.
func eventEnd(b []byte) (size, end int) {
	for at := 0; ; {
		k := bytes.IndexByte(b[at:], '\n')
		if k < 0 {
			return 0, 0
		}
		at += k + 1
		if at < len(b) && b[at] == '\n' {
			return at - 1, at + 1
		}
		if at+1 < len(b) && b[at] == '\r' && b[at+1] == '\n' {
			return at - 1, at + 2
		}
	}
}
