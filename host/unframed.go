package host

import (
	"io"
	"net"
)

// unframed makes the stream the reply of an HTTP/1.0 request. Such a client
// reads no chunks: the end of the connection is the end of the reply. fasthttp
// cannot write that, so the connection is taken over from it.
func (s *stream) unframed() {
	ctx := s.x.ctx
	h := &ctx.Response.Header
	h.Del("Content-Length") // the service's, if its stream had one, which the next line would leave
	h.SetContentLength(-2)  // "until the connection closes"
	h.SetConnectionClose()
	head := h.AppendBytes(nil)
	s.reply.Unbind()
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(net.Conn) {
		conn := ctx.Conn()
		if c, ok := conn.(*clientConn); ok && c.looped != nil {
			c.looped.TakeOver()
		}
		whole := false
		defer func() {
			if p := recover(); p != nil { // as fasthttp does where it writes a stream
				s.err = s.router.caught(inStream, s.x.id, p)
			}
			if !whole {
				reset(conn)
			}
			_ = s.Close()
		}()
		whole = s.writeTo(conn, head) == nil
	})
}

// writeTo writes head and then what the stream gives, as it comes. Its error
// is nil only after a proper end.
func (s *stream) writeTo(conn net.Conn, head []byte) error {
	limitWrite(s.x.ctx, s.x.gen)
	if _, err := conn.Write(head); err != nil {
		return err
	}
	buf := make([]byte, streamBuffer)
	for {
		n, err := s.Read(buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := conn.Write(buf[:n]); err != nil {
			return err
		}
	}
}

// reset lets a connection end with a reset in place of a close: to this
// client, a close would say that the reply is complete.
func reset(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(sec int) error }); ok {
		_ = c.SetLinger(0)
	}
}
