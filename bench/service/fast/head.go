package fast

import (
	"bytes"
	"errors"
	"strconv"
	"time"
)

// head is a request's head. Its slices are the connection's buffer.
type head struct {
	method, path []byte // without the query
	length       int    // of the body
	size         int    // of the head, the blank line included
	old          bool   // HTTP/1.0
	close        bool   // after the reply
	expect       bool   // wants to be told to go on
	asks         asks
}

// asks are the X-Fake headers of a request.
type asks struct {
	any                    bool
	first, interval, delay time.Duration // below 0: not given
	tokens, bytes, event   int           // 0: not given
	status, cut, hangAfter int           // 0: not given
	drop, hang             bool
}

var (
	errHead    = errors.New("not an HTTP/1 request that this service understands")
	errChunked = errors.New("a request body must have a Content-Length")
)

const (
	maxHead = 64 << 10
	maxBody = 256 << 20
)

// readHead reads a head. size is 0 while it is not complete.
func readHead(b []byte) (h head, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHead {
			return h, errHead
		}
		return h, nil
	}
	h.size = end + 4
	line, rest, _ := bytes.Cut(b[:end+2], []byte("\r\n"))
	method, line, _ := bytes.Cut(line, []byte(" "))
	path, version, _ := bytes.Cut(line, []byte(" "))
	if len(version) != 8 || string(version[:7]) != "HTTP/1." {
		return h, errHead
	}
	path, _, _ = bytes.Cut(path, []byte("?"))
	h.method, h.path = method, path
	h.old = version[7] == '0'
	h.close = h.old
	h.asks = asks{first: -1, interval: -1, delay: -1}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			return h, errHead
		}
		if err := h.header(name, bytes.TrimSpace(value)); err != nil {
			return h, err
		}
	}
	return h, nil
}

// is compares a header's name to one in lower case.
func is(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func (h *head) header(name, value []byte) error {
	switch {
	case is(name, "content-length"):
		n, err := strconv.Atoi(string(value))
		if err != nil || n < 0 || n > maxBody {
			return errHead
		}
		h.length = n
	case is(name, "transfer-encoding"):
		return errChunked
	case is(name, "connection"):
		h.close = is(value, "close") || h.old && !is(value, "keep-alive")
	case is(name, "expect"):
		h.expect = is(value, "100-continue")
	case len(name) > 7 && is(name[:7], "x-fake-"):
		return h.asks.header(name[7:], value)
	}
	return nil
}

// header reads what an X-Fake header asks for. Names that are not known ask for
// nothing, as in package service.
func (a *asks) header(name, value []byte) error {
	f, err := strconv.ParseFloat(string(value), 64)
	if err != nil || f < 0 || f > 1e9 {
		if is(name, "id") {
			return nil
		}
		return errors.New("header X-Fake-" + string(name) + ": not a number")
	}
	ms, n := time.Duration(f*float64(time.Millisecond)), int(f)
	switch {
	case is(name, "first-token"):
		a.first = ms
	case is(name, "interval"):
		a.interval = ms
	case is(name, "delay"):
		a.delay = ms
	case is(name, "tokens"):
		a.tokens = min(n, maxTokens)
	case is(name, "bytes"):
		a.bytes = min(n, maxReply)
	case is(name, "event-bytes"):
		a.event = min(n, maxEvent)
	case is(name, "status"):
		a.status = n
	case is(name, "cut"):
		a.cut = n
	case is(name, "hang-after"):
		a.hangAfter = n
	case is(name, "reset"):
		a.drop = n == 1
	case is(name, "hang"):
		a.hang = n == 1
	default:
		return nil
	}
	a.any = true
	return nil
}
