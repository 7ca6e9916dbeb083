package forward

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

const (
	h11   = "HTTP/1.1 200 OK\r\n"
	ctj   = "Content-Type: application/json\r\n"
	te    = "Transfer-Encoding: chunked\r\n"
	cl5   = "Content-Length: 5\r\n"
	blank = "\r\n"
)

// wireCase is one reply as bytes. It is either read exactly or an error.
type wireCase struct {
	name   string
	wire   string
	body   string // exact, when err is false
	err    bool
	status int  // 0: 200
	pooled bool // the connection can be used again
	head   bool // the method is HEAD
	hold   bool // the service keeps the connection open
}

var wireCases = []wireCase{
	// Proper replies.
	{name: "length", wire: h11 + cl5 + blank + "hello", body: "hello", hold: true, pooled: true},
	{name: "length zero", wire: h11 + "Content-Length: 0\r\n\r\n", hold: true, pooled: true},
	{name: "length with zeros", wire: h11 + "Content-Length: 0005\r\n\r\nhello", body: "hello", hold: true, pooled: true},
	{name: "equal lengths in two fields", wire: h11 + cl5 + cl5 + blank + "hello", body: "hello", hold: true, pooled: true},
	{name: "equal lengths in one field", wire: h11 + "Content-Length: 5, 5\r\n\r\nhello", body: "hello", hold: true, pooled: true},
	{name: "chunks", wire: h11 + te + blank + "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", body: "hello world", hold: true, pooled: true},
	{name: "chunks, capitals and zeros", wire: h11 + te + blank + "00A\r\n0123456789\r\n00\r\n\r\n", body: "0123456789", hold: true, pooled: true},
	{name: "chunks, extension", wire: h11 + te + blank + "5;a=\"b c\"\r\nhello\r\n0;x\r\n\r\n", body: "hello", hold: true, pooled: true},
	{name: "chunks, blanks after the size", wire: h11 + te + blank + "5 \t\r\nhello\r\n0 \r\n\r\n", body: "hello", hold: true, pooled: true},
	{name: "chunks, trailers", wire: h11 + te + blank + "5\r\nhello\r\n0\r\nX-A: b\r\nX-C:\r\n\r\n", body: "hello", hold: true, pooled: true},
	{name: "chunks, coding in capitals", wire: h11 + "transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n", hold: true, pooled: true},
	{name: "chunks, CRLF in the data", wire: h11 + te + blank + "4\r\n\r\n0\r\r\n0\r\n\r\n", body: "\r\n0\r", hold: true, pooled: true},
	{name: "until close", wire: h11 + blank + "hello", body: "hello"},
	{name: "until close, empty", wire: h11 + blank},
	{name: "HTTP/1.0 until close", wire: "HTTP/1.0 200 OK\r\n\r\nhello", body: "hello"},
	{name: "HTTP/1.0 length", wire: "HTTP/1.0 200 OK\r\n" + cl5 + blank + "hello", body: "hello", hold: true},
	{name: "HTTP/1.0 keep-alive", wire: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n" + cl5 + blank + "hello", body: "hello", hold: true, pooled: true},
	{name: "connection close", wire: h11 + "Connection: foo, Close\r\n" + cl5 + blank + "hello", body: "hello", hold: true},
	{name: "no reason", wire: "HTTP/1.1 200 \r\n" + cl5 + blank + "hello", body: "hello", hold: true, pooled: true},
	{name: "no blank after the status", wire: "HTTP/1.1 200\r\n" + cl5 + blank + "hello", body: "hello", hold: true, pooled: true},
	{name: "odd reason", wire: "HTTP/1.1 200 \xe9t\xe9 \t!\r\n" + cl5 + blank + "hello", body: "hello", hold: true, pooled: true},
	{name: "error status", wire: "HTTP/1.1 422 No\r\n" + cl5 + blank + "hello", body: "hello", status: 422, hold: true, pooled: true},
	{name: "unknown status", wire: "HTTP/1.1 599 No\r\n" + cl5 + blank + "hello", body: "hello", status: 599, hold: true, pooled: true},
	{name: "204", wire: "HTTP/1.1 204 No Content\r\n\r\n", status: 204, hold: true, pooled: true},
	{name: "204 with a length", wire: "HTTP/1.1 204 No Content\r\n" + cl5 + blank + "hello", status: 204, hold: true},
	{name: "204 with chunks", wire: "HTTP/1.1 204 No Content\r\n" + te + blank + "0\r\n\r\n", status: 204, hold: true},
	{name: "304 with a length", wire: "HTTP/1.1 304 Not Modified\r\n" + cl5 + blank, status: 304, hold: true, pooled: true},
	{name: "HEAD with a length", wire: h11 + cl5 + blank, head: true, hold: true, pooled: true},
	{name: "HEAD with chunks", wire: h11 + te + blank, head: true, hold: true, pooled: true},
	{name: "HEAD with a body", wire: h11 + cl5 + blank + "hello", head: true, hold: true},
	{name: "100 before", wire: "HTTP/1.1 100 Continue\r\n\r\n" + h11 + cl5 + blank + "hello", body: "hello", hold: true, pooled: true},
	{name: "103 twice", wire: strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", 2) + h11 + cl5 + blank + "hello", body: "hello", hold: true, pooled: true},
	{name: "blanks around values", wire: h11 + "Content-Length: \t5 \t\r\n\r\nhello", body: "hello", hold: true, pooled: true},
	{name: "no blank before the value", wire: h11 + "Content-Length:5\r\n\r\nhello", body: "hello", hold: true, pooled: true},
	{name: "empty value", wire: h11 + "X-A:\r\n" + cl5 + blank + "hello", body: "hello", hold: true, pooled: true},
	{name: "bytes after the end", wire: h11 + cl5 + blank + "helloHTTP/1.1 200 OK\r\n\r\n", body: "hello", hold: true},
	{name: "bytes after the chunks", wire: h11 + te + blank + "0\r\n\r\nX", hold: true},

	// Cut replies: the service closes the connection too early.
	{name: "nothing", wire: "", err: true},
	{name: "cut in the status line", wire: "HTTP/1.1 20", err: true},
	{name: "cut in a field", wire: h11 + "Content-Le", err: true},
	{name: "cut before the empty line", wire: h11 + cl5, err: true},
	{name: "cut in the empty line", wire: h11 + cl5 + "\r", err: true},
	{name: "cut after an interim head", wire: "HTTP/1.1 100 Continue\r\n\r\n", err: true},
	{name: "cut in the length", wire: h11 + cl5 + blank + "hell", err: true},
	{name: "cut before the body", wire: h11 + cl5 + blank, err: true},
	{name: "cut before the first chunk", wire: h11 + te + blank, err: true},
	{name: "cut in a chunk size", wire: h11 + te + blank + "5", err: true},
	{name: "cut after a chunk size's CR", wire: h11 + te + blank + "5\r", err: true},
	{name: "cut in a chunk", wire: h11 + te + blank + "5\r\nhel", err: true},
	{name: "cut after a chunk's data", wire: h11 + te + blank + "5\r\nhello", err: true},
	{name: "cut between chunks", wire: h11 + te + blank + "5\r\nhello\r\n", err: true},
	{name: "cut in the last chunk's size", wire: h11 + te + blank + "5\r\nhello\r\n0", err: true},
	{name: "cut after the last chunk's size", wire: h11 + te + blank + "5\r\nhello\r\n0\r\n", err: true},
	{name: "cut in the final CRLF", wire: h11 + te + blank + "5\r\nhello\r\n0\r\n\r", err: true},
	{name: "cut in a trailer", wire: h11 + te + blank + "5\r\nhello\r\n0\r\nX-A: b", err: true},
	{name: "cut after a trailer", wire: h11 + te + blank + "5\r\nhello\r\n0\r\nX-A: b\r\n", err: true},

	// Malformed status lines.
	{name: "no HTTP", wire: "ICY 200 OK\r\n\r\n", err: true, hold: true},
	{name: "empty line first", wire: "\r\n" + h11 + cl5 + blank + "hello", err: true, hold: true},
	{name: "small letters", wire: "http/1.1 200 OK\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "HTTP/2.0", wire: "HTTP/2.0 200 OK\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "HTTP/1.2", wire: "HTTP/1.2 200 OK\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "HTTP/1.10", wire: "HTTP/1.10 200 OK\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "two blanks", wire: "HTTP/1.1  200 OK\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "status of two digits", wire: "HTTP/1.1 20 OK\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "status of four digits", wire: "HTTP/1.1 2000 OK\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "status 099", wire: "HTTP/1.1 099 OK\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "status 600", wire: "HTTP/1.1 600 OK\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "status with a sign", wire: "HTTP/1.1 +20 OK\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "control byte in the reason", wire: "HTTP/1.1 200 O\x00K\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "status line without CR", wire: "HTTP/1.1 200 OK\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "101", wire: "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", err: true, hold: true},
	{name: "endless 100s", wire: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 20), err: true, hold: true},

	// Malformed fields.
	{name: "bare LF", wire: h11 + "Content-Length: 5\n\r\nhello", err: true, hold: true},
	{name: "bare LF at the end", wire: h11 + cl5 + "\nhello", err: true, hold: true},
	{name: "CR in a value", wire: h11 + "X-A: b\rc\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "NUL in a value", wire: h11 + "X-A: b\x00\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "DEL in a value", wire: h11 + "X-A: b\x7f\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "no colon", wire: h11 + "X-A\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "no name", wire: h11 + ": b\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "blank before the colon", wire: h11 + "Content-Length : 5\r\n\r\nhello", err: true, hold: true},
	{name: "blank in a name", wire: h11 + "X A: 5\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "high byte in a name", wire: h11 + "X\xe9: 5\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "folded", wire: h11 + "X-A: b\r\n c\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "folded length", wire: h11 + "Content-Length:\r\n 5\r\n\r\nhello", err: true, hold: true},
	{name: "blank line before fields", wire: h11 + " X-A: b\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "head without end", wire: h11 + "X-A: " + strings.Repeat("a", 9<<10), err: true, hold: true},
	{name: "fields without end", wire: h11 + strings.Repeat("X-A: b\r\n", 2<<10), err: true, hold: true},
	{name: "interim heads without end", wire: strings.Repeat("HTTP/1.1 103 E\r\nX-A: "+strings.Repeat("a", 3<<10)+"\r\n\r\n", 4) + h11 + cl5 + blank + "hello", err: true, hold: true},

	// Lengths and codings that two readers could take in two ways.
	{name: "two lengths", wire: h11 + cl5 + "Content-Length: 6\r\n\r\nhello!", err: true, hold: true},
	{name: "two lengths in one field", wire: h11 + "Content-Length: 5, 6\r\n\r\nhello!", err: true, hold: true},
	{name: "length with a sign", wire: h11 + "Content-Length: +5\r\n\r\nhello", err: true, hold: true},
	{name: "negative length", wire: h11 + "Content-Length: -1\r\n\r\nhello", err: true, hold: true},
	{name: "hexadecimal length", wire: h11 + "Content-Length: 0x5\r\n\r\nhello", err: true, hold: true},
	{name: "empty length", wire: h11 + "Content-Length:\r\n\r\nhello", err: true, hold: true},
	{name: "length with an empty element", wire: h11 + "Content-Length: 5,\r\n\r\nhello", err: true, hold: true},
	{name: "length with a blank", wire: h11 + "Content-Length: 5 5\r\n\r\nhello", err: true, hold: true},
	{name: "length that overflows", wire: h11 + "Content-Length: 18446744073709551621\r\n\r\nhello", err: true, hold: true},
	{name: "length beyond the limit", wire: h11 + ctj + "Content-Length: 9223372036854775807\r\n\r\nhello", err: true, hold: true},
	{name: "length and chunks", wire: h11 + cl5 + te + blank + "5\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "chunks and length", wire: h11 + te + cl5 + blank + "5\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "chunked twice", wire: h11 + te + te + blank + "5\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "chunked in a list", wire: h11 + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", err: true, hold: true},
	{name: "gzip, chunked", wire: h11 + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", err: true, hold: true},
	{name: "identity", wire: h11 + "Transfer-Encoding: identity\r\n\r\nhello", err: true, hold: true},
	{name: "unknown coding", wire: h11 + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", err: true, hold: true},
	{name: "empty coding", wire: h11 + "Transfer-Encoding:\r\n" + cl5 + blank + "hello", err: true, hold: true},
	{name: "vertical tab in the coding", wire: h11 + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n", err: true, hold: true},
	{name: "HTTP/1.0 with chunks", wire: "HTTP/1.0 200 OK\r\n" + te + blank + "0\r\n\r\n", err: true, hold: true},

	// Malformed chunks.
	{name: "empty size", wire: h11 + te + blank + "\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "size with 0x", wire: h11 + te + blank + "0x5\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "size with a sign", wire: h11 + te + blank + "+5\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "negative size", wire: h11 + te + blank + "-5\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "size with an underscore", wire: h11 + te + blank + "1_0\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "blank before the size", wire: h11 + te + blank + " 5\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "two sizes", wire: h11 + te + blank + "5 5\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "size that overflows", wire: h11 + te + blank + "10000000000000005\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "size of 16 digits", wire: h11 + te + blank + "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "size line without CR", wire: h11 + te + blank + "5\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "size line with CR only", wire: h11 + te + blank + "5\rhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "LF in an extension", wire: h11 + te + blank + "5;a\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "extension without end", wire: h11 + te + blank + "5;" + strings.Repeat("a", 5<<10) + "\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "chunk longer than its size", wire: h11 + te + blank + "4\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "chunk shorter than its size", wire: h11 + te + blank + "6\r\nhello\r\n0\r\n\r\n", err: true, hold: true},
	{name: "chunk without CRLF", wire: h11 + te + blank + "5\r\nhello0\r\n\r\n", err: true, hold: true},
	{name: "chunk with LF only", wire: h11 + te + blank + "5\r\nhello\n0\r\n\r\n", err: true, hold: true},
	{name: "final LF only", wire: h11 + te + blank + "0\r\n\n", err: true, hold: true},
	{name: "final CR and more", wire: h11 + te + blank + "0\r\n\rX", err: true, hold: true},
	{name: "trailer without colon", wire: h11 + te + blank + "0\r\nX-A\r\n\r\n", err: true, hold: true},
	{name: "trailer that is folded", wire: h11 + te + blank + "0\r\nX-A: b\r\n c\r\n\r\n", err: true, hold: true},
	{name: "trailer with NUL", wire: h11 + te + blank + "0\r\nX-A: \x00\r\n\r\n", err: true, hold: true},
	{name: "reply in a trailer", wire: h11 + te + blank + "0\r\nHTTP/1.1 200 OK\r\n\r\n", err: true, hold: true},
	{name: "trailers without end", wire: h11 + te + blank + "0\r\n" + strings.Repeat("X-A: b\r\n", 3<<10) + "\r\n", err: true, hold: true},
}

// TestWire sends each reply in one piece and byte by byte.
func TestWire(t *testing.T) {
	checkLeaks(t)
	for _, c := range wireCases {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int{1 << 20, 1} {
				c.run(t, piece)
			}
		})
	}
}

func (c *wireCase) run(t *testing.T, piece int) {
	if piece == 1 && len(c.wire) > 200 {
		piece = 97
	}
	s := newFake(t, func(p *peer) {
		if _, _, ok := p.request(); !ok {
			return
		}
		for rest := c.wire; len(rest) > 0; {
			n := min(piece, len(rest))
			p.say(rest[:n])
			rest = rest[n:]
		}
		if c.hold {
			p.closed()
		}
	})
	f := New(Options{MaxHeaderBytes: 8 << 10, RequestTimeout: 20 * time.Second})
	r := newRequest("{}")
	if c.head {
		r.Method, r.Body = []byte("HEAD"), nil
	}
	reply, err := f.Send(r, []Target{s}, 2, nil, nil)
	var body []byte
	if err == nil {
		body, err = reply.ReadAll(nil, 1<<20)
		if (err == nil) != (reply.t.err == io.EOF) {
			t.Errorf("ReadAll says %v, the reader %v", err, reply.t.err)
		}
		defer func() {
			reply.Close()
			if idle := s.hc.IdleConnsCount() == 1; piece > 1 && idle != c.pooled {
				t.Errorf("connection pooled: %v, want %v", idle, c.pooled)
			}
		}()
	}
	if c.err {
		e := wantKind(t, err, KindProtocol, 502)
		if e.Retryable {
			t.Error("a request that was sent must not be sent again")
		}
		if e.Public() == "" || strings.Contains(e.Public(), s.hc.Addr) {
			t.Errorf("Public() = %q", e.Public())
		}
		if !c.hold && c.wire != "" && strings.HasPrefix(c.name, "cut") && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v is not io.ErrUnexpectedEOF", err)
		}
		return
	}
	if err != nil {
		t.Fatalf("pieces of %d: %v", piece, err)
	}
	status := c.status
	if status == 0 {
		status = 200
	}
	if reply.Status() != status || string(body) != c.body {
		t.Errorf("pieces of %d: got %d %q, want %d %q", piece, reply.Status(), body, status, c.body)
	}
}
