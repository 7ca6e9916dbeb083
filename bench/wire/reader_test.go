package wire

import (
	"errors"
	"strings"
	"testing"
)

const get = "GET /a HTTP/1.1\r\nHost: a\r\n"

// TestReadRequest: what has one reading is read, and nothing else.
func TestReadRequest(t *testing.T) {
	for _, c := range []struct {
		src, body, rest string
	}{
		{get + "\r\n", "", ""},
		{get + "Content-Length: 2\r\n\r\n{}x", "{}", "x"},
		{get + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nA\r\n0123456789\r\n0\r\n\r\nx", "{}0123456789", "x"},
		{get + "Transfer-Encoding: Chunked\r\n\r\n0\r\nA: b\r\n\r\n", "", ""},
		{"GET /a%20b?c HTTP/1.0\r\n\r\n", "", ""},
		{"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n", "", ""},
	} {
		m, rest, err := ReadRequest(c.src)
		if err != nil || m.Body != c.body || rest != c.rest {
			t.Errorf("%q: %v %q %v", c.src, m, rest, err)
		}
		for end := range len(c.src) - len(c.rest) {
			if _, _, err := ReadRequest(c.src[:end]); !errors.Is(err, errMore) {
				t.Errorf("%q: %v", c.src[:end], err)
			}
		}
	}
	for _, src := range []string{
		"GET /a HTTP/1.1\nHost: a\n\n", "GET  /a HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a HTTP/1.2\r\nHost: a\r\n\r\n", "GET /a HTTP/1.1\r\n\r\n",
		get + "Host: a\r\n\r\n", get + "A : b\r\n\r\n", get + "A: b\r\n c\r\n\r\n", get + "A: b\x00\r\n\r\n", get + "A: b\rc\r\n\r\n",
		get + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", get + "Content-Length: +2\r\n\r\n{}", get + "Content_Length: 2\r\n\r\n",
		get + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", get + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		get + "Transfer-Encoding: chunked\r\n\r\n0x2\r\n", get + "Transfer-Encoding: chunked\r\n\r\n2;a\r\n", get + "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n",
		get + "Transfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n", get + "Transfer-Encoding: chunked\r\n\r\n0\r\nA : b\r\n\r\n",
		"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", "GET //b HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a%2fb HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		if m, _, err := ReadRequest(src); err == nil || errors.Is(err, errMore) {
			t.Errorf("%q: %v, %v", src, m, err)
		}
	}
}

// TestReadReply: a reply is whole where HTTP says so, and nowhere else.
func TestReadReply(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		src    string
		method string
		ended  bool
		whole  bool
	}{
		{ok + "Content-Length: 2\r\n\r\n{}", "POST", false, true},
		{ok + "Content-Length: 2\r\n\r\n{", "POST", true, false},
		{ok + "Content-Length: 2\r\n\r\n", "HEAD", false, true},
		{ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "POST", true, false},
		{ok + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "POST", false, true},
		{ok + "\r\n{}", "POST", true, true},
		{ok + "\r\n{}", "POST", false, false},
		{"HTTP/1.1 204 No\r\n\r\n", "POST", false, true},
	} {
		m, _, err := ReadReply(c.src, c.method, c.ended)
		if err != nil || m.Whole != c.whole {
			t.Errorf("%q: %+v, %v", c.src, m, err)
		}
	}
	if _, _, err := ReadReply("HTTP/1.1 200 OK\nA: b\n\n", "POST", true); err == nil {
		t.Error("bare LFs are taken")
	}
}

func TestCorpusIsRead(t *testing.T) {
	got, err := parseCases("About.\n\n== a\nWhy\nit is.\n> A\\x00 \\{2 bc}\n>| d\n= close 400 closed\n< POST /x\n< A: b\n<| {}\n")
	if err != nil {
		t.Fatal(err)
	}
	c := got[0]
	if c.Name != "a" || c.Why != "Why it is." || c.Send != "A\x00 bcbc\r\nd" || c.Then != Close || !c.Closed || c.Reached[0] != "POST /x\nA: b\n{}" {
		t.Errorf("%+v", c)
	}
	for _, bad := range []string{"== a\nwhy\n> A\n", "== a\n= 200\n", "== a\nwhy\n> \\q\n= 200\n", "== a\nwhy\n= OK\n"} {
		if _, err := parseCases(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestSummaryNamesWhatIsMissing(t *testing.T) {
	s := Summary([]Result{
		{Name: "one", Requests: []Verdict{{Passed, "200"}, {Unclear, "x"}}, Replies: []Verdict{{Right, ""}}},
		{Name: "two", Missing: "two is not installed"},
	})
	for _, want := range []string{"two was not measured: two is not installed.", "| 2 requests | one |", "| TWO READINGS | 1 |", "| CUT, SEEN WHOLE | 0 |"} {
		if !strings.Contains(s, want) {
			t.Errorf("no %q in\n%s", want, s)
		}
	}
	if Passed.Bad() || !Mixed.Bad() {
		t.Error("capitals are what is bad")
	}
}
