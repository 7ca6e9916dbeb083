package closed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// conn is a keep-alive HTTP/1.1 connection, as lean as it can be: the load
// generator shares the machine with what it measures.
type conn struct {
	net.Conn
	r    *bufio.Reader
	tail []byte // the last bytes of the body
}

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, r: bufio.NewReaderSize(c, 16<<10), tail: make([]byte, 0, 64)}, nil
}

// reply is what roundTrip saw.
type reply struct {
	status    int
	firstByte time.Duration // of the body, from the start of the request
	total     time.Duration
	body      int64
	close     bool // the server will close the connection
	sse       bool
}

// done is how a stream that is complete ends.
var done = []byte("data: [DONE]\n\n")

var errCut = errors.New("reply cut short")

// roundTrip sends one request and reads its reply to the end.
func (c *conn) roundTrip(request []byte, timeout time.Duration) (reply, error) {
	started := time.Now()
	if err := c.SetDeadline(started.Add(timeout)); err != nil {
		return reply{}, err
	}
	if _, err := c.Write(request); err != nil {
		return reply{}, err
	}
	p, length, chunked, err := c.head()
	if err != nil {
		return p, err
	}
	c.tail = c.tail[:0]
	if length != 0 || chunked {
		if _, err := c.r.Peek(1); err != nil {
			return p, cut(err)
		}
	}
	p.firstByte = time.Since(started)
	p.body, err = c.body(length, chunked)
	p.total = time.Since(started)
	return p, err
}

// body reads the body to its end and returns its length.
func (c *conn) body(length int64, chunked bool) (int64, error) {
	switch {
	case chunked:
		return c.chunks()
	case length >= 0:
		return length, c.take(length)
	default:
		return 0, errors.New("reply has neither Content-Length nor chunks")
	}
}

// head reads the status line and the headers. length is -1 if there is none.
func (c *conn) head() (p reply, length int64, chunked bool, err error) {
	length = -1
	line, err := c.line()
	if err != nil {
		return p, 0, false, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return p, 0, false, fmt.Errorf("status line %q", line)
	}
	if p.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return p, 0, false, fmt.Errorf("status line %q", line)
	}
	for {
		line, err := c.line()
		if err != nil {
			return p, 0, false, err
		}
		if len(line) == 0 {
			return p, length, chunked, nil
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil || length < 0 {
				return p, 0, false, fmt.Errorf("Content-Length %q", value)
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("connection")):
			p.close = bytes.EqualFold(value, []byte("close"))
		case bytes.EqualFold(name, []byte("content-type")):
			p.sse = bytes.HasPrefix(value, []byte("text/event-stream"))
		}
	}
}

// line reads one line without its end. It is valid until the next read.
func (c *conn) line() ([]byte, error) {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return nil, cut(err)
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

// chunks reads a chunked body and returns its length.
func (c *conn) chunks() (int64, error) {
	var total int64
	for {
		line, err := c.line()
		if err != nil {
			return total, err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseInt(string(bytes.TrimSpace(size)), 16, 63)
		if err != nil {
			return total, fmt.Errorf("chunk size %q", line)
		}
		if n == 0 {
			return total, c.trailers()
		}
		if err := c.take(n); err != nil {
			return total, err
		}
		total += n
		if line, err := c.line(); err != nil || len(line) != 0 {
			return total, errors.Join(errors.New("chunk without an end"), err)
		}
	}
}

func (c *conn) trailers() error {
	for {
		line, err := c.line()
		if err != nil || len(line) == 0 {
			return err
		}
	}
}

// take reads n bytes of the body and keeps the last ones.
func (c *conn) take(n int64) error {
	for n > 0 {
		b, err := c.r.Peek(int(min(n, int64(c.r.Size()), int64(max(c.r.Buffered(), 1)))))
		if err != nil {
			return cut(err)
		}
		c.tail = append(c.tail, b[max(0, len(b)-len(done)):]...)
		c.tail = append(c.tail[:0], c.tail[max(0, len(c.tail)-len(done)):]...)
		_, _ = c.r.Discard(len(b)) // it is buffered
		n -= int64(len(b))
	}
	return nil
}

func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return errCut
	}
	return err
}

// check says what is wrong with a reply.
func (c *conn) check(p reply, stream bool) error {
	switch {
	case p.status != 200:
		return fmt.Errorf("status %d", p.status)
	case p.body == 0:
		return errors.New("empty reply")
	case stream && !p.sse:
		return errors.New("no event stream")
	case stream && !bytes.HasSuffix(c.tail, done):
		return errors.New("stream without [DONE]")
	}
	return nil
}
