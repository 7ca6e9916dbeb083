package forward

import (
	"io"
	"sync"

	"github.com/infinirouter/infinirouter/host/wire"
)

// inputSize is the size of a read buffer: heads and events of most replies fit.
const inputSize = 4 << 10

var inputPool = sync.Pool{New: func() any { return new([inputSize]byte) }}

// input holds what was read from the connection and not used yet: b[r:w].
type input struct {
	b     []byte
	r, w  int
	fixed *[inputSize]byte // where b came from; b is another once it grew
}

func (in *input) bytes() []byte { return in.b[in.r:in.w] }

// used takes n bytes off the front.
func (in *input) used(n int) {
	if in.r += n; in.r == in.w {
		in.clear()
	}
}

func (in *input) clear() { in.r, in.w = 0, 0 }

// room returns where more can be read to; it is never empty.
func (in *input) room() []byte {
	switch {
	case in.b == nil:
		in.fixed = inputPool.Get().(*[inputSize]byte)
		in.b = in.fixed[:]
	case in.w < len(in.b):
	case in.r > 0:
		in.w = copy(in.b, in.bytes())
		in.r = 0
	default:
		grown := make([]byte, 2*len(in.b))
		copy(grown, in.b)
		in.b = grown
	}
	return in.b[in.w:]
}

func (in *input) release() {
	if in.fixed != nil {
		inputPool.Put(in.fixed)
	}
	*in = input{}
}

// fill reads from the connection to p, at least one byte or an error. A reply
// that is not there at once gets its Watch here. Timeouts are *timeoutError.
func (t *trip) fill(p []byte) (int, error) {
	for {
		t.setReadDeadline()
		n, err := t.conn.Read(p)
		switch {
		case n > 0:
			t.silent = false
			return n, nil
		case err == nil:
			return 0, io.ErrNoProgress
		case !isTimeout(err) || t.client.Gone():
			return 0, err
		case t.hasty:
			t.hasty = false
			t.client.arm()
		case t.idle:
			return 0, &timeoutError{t.silence, true}
		default:
			return 0, t.late()
		}
	}
}

// setReadDeadline moves the connection's read deadline where needed. An idle
// deadline is set an eighth too far, so that not every read has to move it.
func (t *trip) setReadDeadline() {
	switch {
	case t.hasty: // set with the request
	case !t.idle:
		if t.waitUntil.IsZero() {
			t.waitUntil = t.until()
			_ = t.conn.SetReadDeadline(t.waitUntil)
		}
	case !t.silent: // else it counts already
		t.silent = true
		now, idle := t.looped.Now(), t.silence.after
		if t.waitUntil.Sub(now) < idle {
			t.waitUntil = now.Add(idle + idle/8)
			_ = t.conn.SetReadDeadline(t.waitUntil)
		}
	}
}

// fillInput reads more into t.in.
func (t *trip) fillInput() error {
	n, err := t.fill(t.in.room())
	t.in.w += n
	return err
}

// readHead reads heads until one is not interim, and gets ready for the body.
func (t *trip) readHead() error {
	left := t.f.o.MaxHeaderBytes
	for interim := 0; ; interim++ {
		n, err := t.nextHead(left)
		if err != nil {
			return err
		}
		if err := t.head.parse(t.in.bytes()[:n]); err != nil {
			return err
		}
		if t.head.status >= 200 {
			t.begin()
			t.in.used(n)
			return nil
		}
		if t.head.status == 101 {
			return faultUpgrade
		}
		if interim == maxInterim {
			return faultInterim
		}
		t.in.used(n)
		left -= n
	}
}

// nextHead reads until t.in starts with a complete head, of at most limit
// bytes, and returns its length.
func (t *trip) nextHead(limit int) (int, error) {
	scan := 0
	for {
		n, err := headEnd(t.in.bytes(), &scan)
		if err != nil {
			return 0, err
		}
		if n > limit || n == 0 && len(t.in.bytes()) >= limit {
			return 0, faultHeadSize
		}
		if n > 0 {
			return n, nil
		}
		err = t.fillInput()
		if err == io.EOF {
			if len(t.in.bytes()) == 0 {
				return 0, faultNoReply
			}
			return 0, faultCutHead
		}
		if err != nil {
			return 0, err
		}
	}
}

// begin takes over from the parsed head whatever the body's reader needs.
func (t *trip) begin() {
	t.body = t.head.framing(string(t.req.Method) == "HEAD")
	t.length = t.head.length
	t.reusable = t.head.persistent(&t.body)
	t.head.fill(&t.header)
	t.streaming = t.streams()
	if !t.streaming {
		t.answered()
	}
	t.head.forget()
}

// streams decides whether the reply is passed on as it comes.
func (t *trip) streams() bool {
	kind := t.header.ContentType()
	switch {
	case t.body.framing == noBody:
		return false
	case isType(kind, "text/event-stream"):
		return true
	case t.body.framing == byLength:
		return t.body.left > t.f.o.MaxReplyBody
	}
	return !isJSON(kind)
}

// mediaType is a Content-Type without its parameters.
func mediaType(contentType []byte) []byte {
	for i, c := range contentType {
		if c == ';' {
			return wire.Trim(contentType[:i])
		}
	}
	return wire.Trim(contentType)
}

func isType(contentType []byte, lower string) bool {
	return wire.EqualFold(mediaType(contentType), lower)
}

func isJSON(contentType []byte) bool {
	m := mediaType(contentType)
	const suffix = "+json"
	return wire.EqualFold(m, "application/json") ||
		len(m) > len(suffix) && wire.EqualFold(m[len(m)-len(suffix):], suffix)
}
