package host

import (
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// streamBuf is memory that a stream holds while it has bytes in it.
type streamBuf struct {
	b    []byte
	pool *[]byte // where b came from
}

var streamPool = sync.Pool{New: func() any { b := make([]byte, 0, streamBuffer+512); return &b }}

// room makes place for n bytes more.
func (f *streamBuf) room(n int) {
	if f.pool == nil {
		f.pool = streamPool.Get().(*[]byte)
		f.b = (*f.pool)[:0]
	}
	if cap(f.b)-len(f.b) < n {
		f.b = append(make([]byte, 0, 2*cap(f.b)+n), f.b...)
	}
}

// release gives the memory back; one that has grown goes to the collector.
func (f *streamBuf) release() {
	if f.pool != nil {
		streamPool.Put(f.pool)
		f.pool, f.b = nil, nil
	}
}

// chunkHead is the room for the head of a chunk: a size of up to eight digits.
const chunkHead = len("ffffffff\r\n")

var lastChunk = []byte("0\r\n\r\n")

// begin puts the reply's head into out. Without chunks, or a length, the end of
// the connection is the end of the reply.
func (s *stream) begin() {
	s.x.begun = true
	h := &s.x.ctx.Response.Header
	asked := &s.x.ctx.Request.Header
	switch {
	case s.size >= 0:
		h.SetContentLength(s.size)
	case asked.IsHTTP11():
		s.framed = true
		h.SetContentLength(-1)
	default:
		h.Del("Content-Length") // the service's, if its stream had one, which the next line would leave
		h.SetContentLength(-2)
	}
	if s.x.last || !asked.IsHTTP11() {
		h.SetConnectionClose()
	}
	s.last = h.ConnectionClose()
	s.out.room(streamBuffer)
	s.out.b = h.AppendBytes(s.out.b)
	s.head = len(s.out.b)
}

// open returns out to append to, with room for the chunk's head in front.
func (s *stream) open() []byte {
	s.out.room(chunkHead)
	if s.framed && len(s.out.b) == s.head {
		return s.out.b[:s.head+chunkHead]
	}
	return s.out.b
}

// flush writes what is in out, as one chunk, and the end after it.
func (s *stream) flush() {
	b, from := s.out.b, 0
	switch n := len(b) - s.head; {
	case !s.framed:
		s.x.outcome.replyBytes += int64(n)
	case n > chunkHead:
		s.x.outcome.replyBytes += int64(n - chunkHead)
		b = append(b, '\r', '\n')
		from = s.frame(b, n-chunkHead)
	default:
		b = b[:s.head]
	}
	if s.framed && s.err == io.EOF {
		b = append(b, lastChunk...)
	}
	s.head = 0
	if b = b[from:]; len(b) > 0 {
		s.gave = s.conn.looped.Now()
		_ = s.conn.SetWriteDeadline(s.gave.Add(s.x.gen.config.Server.ClientWriteTimeout))
		_, s.lost = s.conn.Write(b)
	}
	s.out.release()
}

// frame writes the head of a chunk of n bytes before it, and what stands before
// that close up to it. It returns where all this begins in b.
func (s *stream) frame(b []byte, n int) (from int) {
	var room [8]byte
	digits := strconv.AppendUint(room[:0], uint64(n), 16)
	from = chunkHead - len("\r\n") - len(digits)
	copy(b[s.head+from:], digits)
	copy(b[s.head+from+len(digits):], "\r\n")
	copy(b[from:], b[:s.head])
	return from
}

// abort sees to it that the client does not take what it got for a whole reply.
func (s *stream) abort() {
	s.x.ctx.Response.SetConnectionClose()
	if s.size < 0 && !s.framed { // a close would say that it is complete
		_ = s.conn.SetLinger(0)
	}
}

// answered makes fasthttp's own reply a formality: head and body are with the
// client, and only whether the connection stays open is left to say.
func answered(ctx *fasthttp.RequestCtx) {
	stays := !ctx.Response.ConnectionClose()
	ctx.Response.Reset()
	if !stays {
		ctx.Response.SetConnectionClose()
	}
	ctx.Conn().(*clientConn).answered = true
}

// limitWrite bounds how long a client may leave unread what is written next.
// Set through ctx, the limit holds until the last byte of the reply is written,
// which fasthttp then does without waiting for a next request.
func limitWrite(ctx *fasthttp.RequestCtx, g *generation) {
	_ = ctx.SetWriteDeadline(time.Now().Add(g.config.Server.ClientWriteTimeout))
}
