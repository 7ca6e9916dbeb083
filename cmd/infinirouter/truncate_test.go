package main

import (
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/bench/wire"
)

// truncated are replies in every framing. untilClose marks those that a close
// behind the head ends properly, so that only a reset can cut them there.
var truncated = []struct {
	name       string
	head, body string
	untilClose bool
}{
	{"length", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n", `{"a":"0123456789ab"}`, false},
	{"length, stream", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 31\r\n\r\n", "data: 1\n\ndata: 2\n\ndata: [DONE]\n", false},
	{"length, long", "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: 70\r\n\r\n", strings.Repeat("0123456789", 7), false},
	{"chunks", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "6\r\n{\"a\":1\r\n1\r\n}\r\n0\r\n\r\n", false},
	{"chunks, trailer and extension", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", "2;a=b\r\n{}\r\n00;c\r\nX-A: b\r\n\r\n", false},
	{"chunks, stream", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", "9\r\ndata: 1\n\n\r\nE\r\ndata: [DONE]\n\n\r\n0\r\n\r\n", false},
	{"chunks, no type", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", false},
	{"interim, then length", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n", "{}", false},
	{"until close", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", `{"a":1}`, true},
	{"until close, stream", "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "data: 1\n\ndata: [DONE]\n\n", true},
	{"until close, HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n", "hello", true},
}

// TestTruncation lets a service close, and reset, its connection behind each
// byte of its reply. No client, of HTTP/1.1 or 1.0, may take what it gets for
// the whole.
func TestTruncation(t *testing.T) {
	for _, c := range truncated {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, addr := startWire(t)
			all := c.head + c.body
			whole := func(end int, then wire.Then, old bool) bool {
				v, err := wire.Reply(addr, s, &wire.Case{Send: all[:end], Then: then, Whole: true, Old: old})
				if err != nil || v.Err != nil || v.After != nil || v.Waiting {
					t.Errorf("HTTP/1.0: %v, %s behind byte %d of %q: %v, %+v", old, then, end, all, err, v)
				}
				return v.Whole && v.Status == 200
			}
			for end := range all {
				for _, then := range []wire.Then{wire.Close, wire.Reset} {
					ends := c.untilClose && then == wire.Close && end >= len(c.head)
					for _, old := range []bool{false, true} {
						if whole(end, then, old) && !ends {
							t.Errorf("HTTP/1.0: %v, %s behind byte %d of %q: taken for the whole reply", old, then, end, all)
						}
					}
				}
			}
			if !whole(len(all), wire.Close, false) || !whole(len(all), wire.Close, true) {
				t.Error("the whole reply is not taken for it")
			}
		})
	}
}
