package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/bench/wire"
)

// The tests of this file send the corpus of bench/wire through the router.

// startWire runs a router in front of a service that writes down what it
// receives.
func startWire(t testing.TB) (*wire.Service, string) {
	t.Helper()
	s, err := wire.StartService()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	r := startRouter(t, fmt.Sprintf(`[server]
max_body = "64KiB"
max_reply_body = "64KiB"
access_log = false
[health]
unhealthy_after = 1_000_000
[[services]]
name = "one"
url = "http://%s"
models = [%q]
`, s.Addr(), wire.Model))
	return s, strings.TrimPrefix(r.url, "http://")
}

// TestWireRequests sends each request of the corpus in one piece, and most of
// them byte by byte.
func TestWireRequests(t *testing.T) {
	cases, err := wire.Requests()
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 150 {
		t.Errorf("only %d cases", len(cases))
	}
	s, addr := startWire(t)
	for i := range cases {
		c := &cases[i]
		t.Run(c.File+"/"+c.Name, func(t *testing.T) {
			for _, piece := range []int{1 << 20, 1} {
				if piece == 1 && len(c.Send) > 500 {
					piece = 997
				}
				o, err := wire.Request(addr, s, c, piece, true)
				if err == nil {
					err = c.Judge(o)
				}
				if err != nil {
					t.Errorf("in pieces of %d: %v\n%s", piece, err, c.Why)
				}
			}
		})
	}
}

// TestWireReplies lets a service answer with each reply of the corpus.
func TestWireReplies(t *testing.T) {
	cases, err := wire.Replies()
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 40 {
		t.Errorf("only %d cases", len(cases))
	}
	s, addr := startWire(t)
	for i := range cases {
		c := &cases[i]
		t.Run(c.File+"/"+c.Name, func(t *testing.T) {
			v, err := wire.Reply(addr, s, c)
			if err == nil {
				err = c.JudgeReply(v)
			}
			if err != nil {
				t.Errorf("%v\n%s", err, c.Why)
			}
		})
	}
}
