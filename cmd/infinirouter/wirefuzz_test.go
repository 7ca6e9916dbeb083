package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/bench/wire"
)

// readAll is what net/http, which is more lenient than the router, takes for
// the complete requests at the start of src.
func readAll(src []byte) (requests []*http.Request, bodies []string) {
	r := bufio.NewReaderSize(bytes.NewReader(src), 64<<10)
	for {
		for { // empty lines before a request, which net/http does not skip
			b, _ := r.Peek(2)
			if string(b) != "\r\n" {
				break
			}
			_, _ = r.Discard(2)
		}
		req, err := http.ReadRequest(r)
		if err != nil {
			return requests, bodies
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return requests, bodies
		}
		requests, bodies = append(requests, req), append(bodies, string(body))
	}
}

// sameToBoth compares what a service received as this package's strict reader
// and as net/http reads it.
func sameToBoth(r *wire.Received) error {
	if r.Err != nil {
		return fmt.Errorf("it can be read in two ways: %w", r.Err)
	}
	if len(r.Message.Trailers) > 0 || !strings.HasSuffix(r.Message.First, " HTTP/1.1") || !strings.HasPrefix(r.Message.First, "POST /") {
		return fmt.Errorf("it is not in the one form: %q, trailers %q", r.Message.First, r.Message.Trailers)
	}
	requests, bodies := readAll([]byte(r.Raw))
	if len(requests) != 1 {
		return fmt.Errorf("net/http reads %d requests", len(requests))
	}
	fields := map[string][]string{}
	for _, f := range r.Message.Fields {
		name := http.CanonicalHeaderKey(f.Name)
		fields[name] = append(fields[name], f.Value)
	}
	req := requests[0]
	first := req.Method + " " + req.RequestURI + " " + req.Proto
	if hosts := fields["Host"]; len(hosts) != 1 || hosts[0] != req.Host {
		return fmt.Errorf("hosts %q, net/http reads %q", hosts, req.Host)
	}
	delete(fields, "Host")
	if first != r.Message.First || bodies[0] != r.Message.Body || !maps.EqualFunc(fields, req.Header, slices.Equal[[]string]) {
		return fmt.Errorf("it is %q, %q, %q; net/http reads %q, %q, %q", r.Message.First, fields, r.Message.Body, first, req.Header, bodies[0])
	}
	return nil
}

// FuzzWireRequests sends any bytes to a running router. Whatever reaches the
// service must have one meaning, and be, in order, among the requests that the
// client sent; the client must get replies, and its connection must end.
func FuzzWireRequests(f *testing.F) {
	cases, err := wire.Requests()
	if err != nil {
		f.Fatal(err)
	}
	for i := range cases {
		if i%4 == 0 && len(cases[i].Send) < 2<<10 { // all of them run in TestWireRequests
			f.Add([]byte(cases[i].Send))
		}
	}
	s, addr := startWire(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 8<<10 {
			return
		}
		s.Follow(nil)
		requests, bodies := readAll(src)
		var methods []string
		for _, r := range requests {
			methods = append(methods, r.Method)
		}
		replies, err := wire.Raw(addr, string(src), methods)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range replies {
			if status := m.Status(); status >= 500 && i < len(requests) && isKnownModel(bodies[i]) {
				t.Fatalf("the service, which answers everything, is said to have failed: %q %q", m.First, m.Body)
			} else if closes := slices.Contains(m.Values("Connection"), "close"); closes && i < len(replies)-1 {
				t.Fatalf("a reply behind one that closes: %q", replies[i+1].First)
			}
		}
		sent := 0
		for _, r := range s.Log() {
			if err := sameToBoth(&r); err != nil {
				t.Fatalf("the service received %q: %v", r.Raw, err)
			}
			for sent < len(requests) && (requests[sent].Method != "POST" || bodies[sent] != r.Message.Body) {
				sent++
			}
			if sent++; sent > len(requests) {
				t.Fatalf("the service received what no client sent: %q", r.Raw)
			}
		}
	})
}

func isKnownModel(body string) bool { return body == wire.OwnReply }

// FuzzWireReplies lets a service answer with any bytes and then end or break
// its connection. The client must get a reply, or see that it was cut; a whole
// one must be the one that the service sent, and the next request must get its
// own.
func FuzzWireReplies(f *testing.F) {
	cases, err := wire.Replies()
	if err != nil {
		f.Fatal(err)
	}
	for i := range cases {
		if c := &cases[i]; i%2 == 0 && len(c.Send) < 2<<10 {
			f.Add([]byte(c.Send), c.Then == wire.Reset)
		}
	}
	s, addr := startWire(f)
	f.Fuzz(func(t *testing.T, src []byte, reset bool) {
		if len(src) > 8<<10 {
			return
		}
		c := &wire.Case{Send: string(src), Then: wire.Close, Whole: true}
		if reset {
			c.Then = wire.Reset
		}
		v, err := wire.Reply(addr, s, c)
		switch {
		case err != nil:
			t.Fatal(err)
		case v.Err != nil:
			t.Fatalf("the client got what is no reply: %v", v.Err)
		case v.Waiting:
			t.Fatal("the client was left waiting")
		case v.After != nil:
			t.Fatalf("the next request: %v", v.After)
		case !v.Whole, v.Status == 502 && strings.HasPrefix(v.Body, `{"error":"service \"one\"`):
			return
		}
		if status, body, err := reference(src, reset); err != nil || status != v.Status || body != v.Body {
			t.Fatalf("the client got %d %q as a whole reply; it was %d %q, %v", v.Status, v.Body, status, body, err)
		}
	})
}

// reference is what a service's bytes are to readers that are known: the strict
// one, or net/http where there is more than that takes. The error says why they
// are no whole reply.
func reference(src []byte, reset bool) (status int, body string, err error) {
	for rest := string(src); ; {
		m, after, err := wire.ReadReply(rest, "POST", !reset)
		if err != nil {
			break
		}
		if m.Status() >= 200 {
			if !m.Whole {
				break
			}
			return m.Status(), m.Body, nil
		}
		rest = after
	}
	r := bufio.NewReaderSize(bytes.NewReader(src), 64<<10)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return 0, "", err
		}
		if resp.StatusCode < 200 {
			continue
		}
		if reset && resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 {
			return 0, "", fmt.Errorf("a reply until close was reset")
		}
		b, err := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b), err
	}
}
