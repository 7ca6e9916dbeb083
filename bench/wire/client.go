package wire

import (
	"errors"
	"net"
	"os"
	"strings"
	"time"
)

// Limits on waiting. idle is for routers of which nobody knows how many replies
// they will give; the others end what should never last so long.
const (
	longest = 20 * time.Second
	idle    = 400 * time.Millisecond
)

// client is a connection to a router.
type client struct {
	conn    net.Conn
	methods []string // of what is sent; the last one's also of all that follow
	got     string
	rest    string // of got, behind the replies in it
	ended   bool   // with a close
	err     error  // or otherwise
}

func dial(addr string, methods ...string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, methods: methods}, nil
}

func (c *client) close() { _ = c.conn.Close() }

// send writes text in pieces of at most n bytes and then does as then says. That
// the other side closes meanwhile is no error.
func (c *client) send(text string, n int, then Then) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(longest))
	for len(text) > 0 {
		piece := text[:min(n, len(text))]
		if _, err := c.conn.Write([]byte(piece)); err != nil {
			return
		}
		text = text[len(piece):]
	}
	switch tcp := c.conn.(*net.TCPConn); then {
	case Close:
		_ = tcp.CloseWrite()
	case Reset:
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
}

// receive reads until enough says so, the connection ends, or nothing has come
// for the given time. It reports whether it had not to wait in vain.
func (c *client) receive(wait time.Duration, enough func() bool) bool {
	buf := make([]byte, 64<<10)
	for !enough() {
		if c.ended || c.err != nil {
			return true
		}
		_ = c.conn.SetReadDeadline(time.Now().Add(wait))
		n, err := c.conn.Read(buf)
		c.got += string(buf[:n])
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return false
		case err.Error() == "EOF":
			c.ended = true
		default:
			c.err = err
		}
	}
	return true
}

// replies are what came so far. The error says what of it no client could read.
func (c *client) replies() (list []*Message, err error) {
	finals := 0
	for c.rest = c.got; c.rest != ""; {
		var m *Message
		m, c.rest, err = ReadReply(c.rest, c.methods[min(finals, len(c.methods)-1)], c.ended)
		if errors.Is(err, errMore) {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		list = append(list, m)
		if m.Status() >= 200 {
			finals++
		}
		if !m.Whole {
			break
		}
	}
	return list, nil
}

// finals counts the replies that are no interim ones, whole.
func (c *client) finals() (n int) {
	list, _ := c.replies()
	for _, m := range list {
		if m.Status() >= 200 && m.Whole {
			n++
		}
	}
	return n
}

func methodOf(request string) string {
	method, _, _ := strings.Cut(strings.TrimLeft(request, "\r\n"), " ")
	return method
}
