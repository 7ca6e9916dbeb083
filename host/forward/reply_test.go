package forward

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

func readSome(t *testing.T, r *Reply) string {
	t.Helper()
	p := make([]byte, 4096)
	n, err := r.Read(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(p[:n])
}

func TestReplyKinds(t *testing.T) {
	checkLeaks(t)
	for _, c := range []struct {
		name, head string
		method     string
		stream     bool
		length     int
	}{
		{"JSON with a length", ctj + cl5, "POST", false, 5},
		{"JSON in chunks", ctj + te, "POST", false, -1},
		{"problem JSON in chunks", "Content-Type: application/problem+json; a=b\r\n" + te, "POST", false, -1},
		{"JSON until close", ctj, "POST", false, -1},
		{"events in chunks", "Content-Type: Text/Event-Stream;charset=utf-8\r\n" + te, "POST", true, -1},
		{"events with a length", "Content-Type: text/event-stream\r\n" + cl5, "POST", true, 5},
		{"events until close", "Content-Type: text/event-stream\r\n", "POST", true, -1},
		{"JSON lines", "Content-Type: application/x-ndjson\r\n" + te, "POST", true, -1},
		{"no type in chunks", te, "POST", true, -1},
		{"no type with a length", cl5, "POST", false, 5},
		{"long", ctj + "Content-Length: 1001\r\n", "POST", true, 1001},
		{"just not long", ctj + "Content-Length: 1000\r\n", "POST", false, 1000},
		{"HEAD of events", "Content-Type: text/event-stream\r\n" + te, "HEAD", false, 0},
	} {
		s := newFake(t, func(p *peer) { p.request(); p.say(h11 + c.head + blank); p.closed() })
		r := newRequest("")
		r.Method = []byte(c.method)
		reply, err := New(Options{MaxReplyBody: 1000}).Send(r, []Target{s}, 0, nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if reply.Streaming() != c.stream || reply.ContentLength() != c.length {
			t.Errorf("%s: streaming %v, length %d", c.name, reply.Streaming(), reply.ContentLength())
		}
		reply.Close()
	}
}

func TestReadAllLimit(t *testing.T) {
	checkLeaks(t)
	for _, wire := range []string{
		h11 + ctj + "Content-Length: 11\r\n\r\n0123456789a",
		h11 + ctj + te + blank + chunked("0123456789", "a", ""),
	} {
		s := newFake(t, answering(wire))
		f := New(Options{})
		for _, limit := range []int64{11, 10} {
			reply, err := f.Send(newRequest("{}"), []Target{s}, 0, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := reply.ReadAll([]byte("<"), limit)
			reply.Close()
			if limit == 11 {
				if err != nil || string(body) != "<0123456789a" {
					t.Errorf("got %q, %v", body, err)
				}
				continue
			}
			if e := wantKind(t, err, KindTooLarge, 502); !strings.Contains(e.Public(), "max_reply_body") {
				t.Errorf("Public() = %q", e.Public())
			}
		}
	}
}

// TestReadGivesWhatIsThere: an event is not held for the next one, bytes that
// came together are given together, and Buffered knows which it is.
func TestReadGivesWhatIsThere(t *testing.T) {
	checkLeaks(t)
	next := make(chan struct{})
	s := newFake(t, func(p *peer) {
		p.request()
		p.say(h11 + te + blank + "3\r\none")
		<-next
		p.say("\r\n3\r\ntwo\r\n5\r\nthree\r\n4\r")
		<-next
		p.say("\nfour\r\n0\r\n\r\n")
		p.closed()
	})
	reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	if got := readSome(t, reply); got != "one" || reply.Buffered() {
		t.Fatalf("got %q, buffered %v", got, reply.Buffered())
	}
	next <- struct{}{}
	if got := readSome(t, reply); got != "twothree" || reply.Buffered() {
		t.Fatalf("got %q, buffered %v", got, reply.Buffered())
	}
	next <- struct{}{}
	if got := readSome(t, reply); got != "four" || !reply.Buffered() {
		t.Fatalf("got %q, the end buffered %v", got, reply.Buffered())
	}
	if n, err := reply.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("got %d, %v", n, err)
	}
	reply.Close()
	if _, err := reply.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Errorf("a closed reply reads %v", err)
	}
	if s.hc.IdleConnsCount() != 1 {
		t.Error("the connection did not go back to the pool")
	}
}

// TestLargeReplies reads bodies beyond every buffer, through both readers.
func TestLargeReplies(t *testing.T) {
	checkLeaks(t)
	body := strings.Repeat("0123456789abcdef", 20<<10)
	var parts []string
	for i, rest := 0, body; len(rest) > 0; i++ {
		n := min(1+i*i*37, len(rest))
		parts, rest = append(parts, rest[:n]), rest[n:]
	}
	for name, wire := range map[string]string{
		"length": fmt.Sprintf(h11+ctj+"Content-Length: %d\r\n\r\n%s", len(body), body),
		"chunks": h11 + ctj + te + blank + chunked(append(parts, "")...),
		"close":  h11 + ctj + blank + body,
	} {
		s := newFake(t, func(p *peer) {
			for {
				if _, _, ok := p.request(); !ok {
					return
				}
				p.say(wire)
				if name == "close" {
					return
				}
			}
		})
		f := New(Options{})
		if _, got, err := ask(f, newRequest("{}"), s); err != nil || got != body {
			t.Errorf("%s, whole: %d bytes, %v", name, len(got), err)
		}
		for _, size := range []int{1, 1000, inputSize, 100 << 10} {
			reply, err := f.Send(newRequest("{}"), []Target{s}, 0, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []byte
			p := make([]byte, size)
			for err == nil {
				var n int
				n, err = reply.Read(p)
				got = append(got, p[:n]...)
			}
			if err != io.EOF || string(got) != body {
				t.Errorf("%s, in %d: %d bytes, %v", name, size, len(got), err)
			}
			reply.Close()
		}
	}
}

// TestResetIsNoEnd: a body until close ends with a close, not with a reset.
func TestResetIsNoEnd(t *testing.T) {
	checkLeaks(t)
	read := make(chan struct{})
	s := newFake(t, func(p *peer) {
		p.request()
		p.say(h11 + blank + "hello")
		<-read
		_ = p.Conn.(*net.TCPConn).SetLinger(0)
	})
	reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	got := readSome(t, reply)
	close(read)
	n, err := reply.Read(make([]byte, 10))
	wantKind(t, err, KindProtocol, 502)
	if got != "hello" || n != 0 {
		t.Errorf("got %q and %d more", got, n)
	}
}

// TestCloseBeforeTheEnd: the service sees it, and nobody else gets the rest.
func TestCloseBeforeTheEnd(t *testing.T) {
	checkLeaks(t)
	seen := make(chan struct{})
	s := newFake(t, func(p *peer) {
		p.request()
		p.say(h11 + te + blank + chunked("one"))
		p.closed()
		close(seen)
	})
	reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	readSome(t, reply)
	reply.Close()
	<-seen
	if s.hc.ConnsCount() != 0 {
		t.Error("the connection is still there")
	}
}
