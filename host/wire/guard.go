package wire

import "bytes"

// Limits on what surrounds a body.
const (
	MaxHead      = 16 << 10 // bytes of a head, the empty lines before it included
	maxFields    = 128
	maxBlank     = 4 // empty lines before a request
	maxMethod    = 24
	maxChunkLine = 256
	maxTrailers  = 8 << 10
	usualSpill   = 128
)

// Guard follows the bytes of one client's connection. The zero Guard is at the
// start of a connection. One goroutine at a time uses it.
type Guard struct {
	state state
	fault *Fault
	left  int64  // of the body, or of the current chunk
	size  int    // bytes of the head, or of the trailers, so far
	spill []byte // the start of a line that earlier bytes did not end

	requests uint64 // that have ended
	chunks   int64  // bytes of the chunks that the current one has announced

	// Of the head that is being read.
	fields    int
	seen      known
	http10    bool
	authority []byte // of a target in absolute form
}

type state uint8

const (
	requestLine state = iota
	fieldLine
	fixedBody
	sizeLine
	chunkData
	chunkCR
	chunkLF
	trailerLine
)

// Fault says why the connection must be closed, nil while all is well.
func (g *Guard) Fault() *Fault { return g.fault }

// Inside reports whether the bytes so far end within a request.
func (g *Guard) Inside() bool { return g.state != requestLine || len(g.spill) > 0 }

// Chunks returns how many requests have ended, and what the one that has not
// says is in its chunks so far, the current one with all its bytes.
func (g *Guard) Chunks() (requests uint64, bytes int64) { return g.requests, g.chunks }

// Check looks at the next bytes of the connection and returns how many of them
// may be parsed. Fewer than len(p) means that there is a Fault; nothing more of
// the connection may be parsed then.
//
// What may be parsed never ends a head that is at fault. It has at least one
// byte of such a head, so that its parser knows that a request had begun, and
// is owed an answer: for that p may be changed.
func (g *Guard) Check(p []byte) int {
	for i := 0; i < len(p); {
		n, f := g.next(p[i:])
		if f == nil {
			i += n
			continue
		}
		g.fault = f
		if g.state <= fieldLine {
			p[i] = placeholder
			i++
		}
		g.spill = nil
		return i
	}
	return len(p)
}

// placeholder stands for a line that is held back.
const placeholder = 'x'

// next takes one step: a line, or as much of a body as there is in p.
func (g *Guard) next(p []byte) (int, *Fault) {
	switch g.state {
	case fixedBody, chunkData:
		n := int(min(g.left, int64(len(p))))
		if g.left -= int64(n); g.left == 0 {
			if g.state == fixedBody {
				g.restart()
			} else {
				g.state = chunkCR
			}
		}
		return n, nil
	case chunkCR, chunkLF:
		return g.chunkEnd(p[0])
	}
	n := bytes.IndexByte(p, '\n') + 1
	if n == 0 {
		return g.hold(p)
	}
	line := p[:n]
	if len(g.spill) > 0 {
		g.spill = append(g.spill, line...)
		line = g.spill
	}
	if f := g.line(line); f != nil {
		return 0, f
	}
	g.empty()
	return n, nil
}

// hold keeps the start of a line. It may be parsed all the same: without its
// end it means nothing.
func (g *Guard) hold(p []byte) (int, *Fault) {
	if i := bytes.IndexByte(p, '\r'); i >= 0 && i < len(p)-1 || len(g.spill) > 0 && g.spill[len(g.spill)-1] == '\r' {
		return 0, faultLineEnd
	}
	if f := g.fits(len(g.spill) + len(p)); f != nil {
		return 0, f
	}
	if g.spill == nil {
		g.spill = make([]byte, 0, usualSpill)
	}
	g.spill = append(g.spill, p...)
	return len(p), nil
}

// empty forgets a line, and keeps its memory if that is not much: fasthttp reads
// the first byte of each request for itself.
func (g *Guard) empty() {
	if cap(g.spill) > usualSpill {
		g.spill = nil
	}
	g.spill = g.spill[:0]
}

// fits reports whether a line of n bytes is within its limit.
func (g *Guard) fits(n int) *Fault {
	switch {
	case g.state == sizeLine && n > maxChunkLine:
		return faultChunkLine
	case g.state == trailerLine && g.size+n > maxTrailers:
		return faultTrailers
	case g.state <= fieldLine && g.size+n > MaxHead:
		return faultHeadSize
	}
	return nil
}

// line takes a whole line.
func (g *Guard) line(b []byte) *Fault {
	if len(b) < 2 || b[len(b)-2] != '\r' { // one elsewhere is no byte of anything
		return faultLineEnd
	}
	if f := g.fits(len(b)); f != nil {
		return f
	}
	g.size += len(b)
	b = b[:len(b)-2]
	switch g.state {
	case requestLine:
		return g.first(b)
	case fieldLine:
		if len(b) == 0 {
			return g.endHead()
		}
		return g.field(b)
	case sizeLine:
		return g.chunkSize(b)
	}
	return g.trailer(b)
}

// restart gets ready for the next request.
func (g *Guard) restart() {
	*g = Guard{spill: g.spill, requests: g.requests + 1}
	g.empty()
}
