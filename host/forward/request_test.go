package forward

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// headOf is the head that a request has for a target.
func headOf(r *Request, f *fake) string {
	var o origin
	return string(r.appendHead(nil, f, &o))
}

// source makes a client's header from "Name: value" lines, as the server
// would parse it.
func source(t *testing.T, lines ...string) *fasthttp.RequestHeader {
	t.Helper()
	h := &fasthttp.RequestHeader{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("no header field: %q", line)
		}
		h.Add(name, value)
	}
	return h
}

func TestRequestHead(t *testing.T) {
	const own = "Via: 1.1 infinirouter\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: router.test\r\nX-Request-Id: r1\r\nContent-Length: 2\r\n\r\n"
	const line = "POST /v1/chat/completions HTTP/1.1\r\nHost: service.test\r\n"
	for _, c := range []struct {
		name   string
		source []string
		edit   func(r *Request, f *fake)
		want   string
	}{
		{name: "nothing", want: line + own},
		{
			name:   "end to end",
			source: []string{"Content-Type: application/json", "User-Agent: c/1", "Accept: */*", "X-A: 1", "X-A: 2", "Cookie: a=b", "Authorization: Bearer c", "Accept-Encoding: gzip"},
			want: line + "Content-Type: application/json\r\nUser-Agent: c/1\r\nCookie: a=b\r\nAccept: */*\r\nX-A: 1\r\nX-A: 2\r\n" +
				"Authorization: Bearer c\r\nAccept-Encoding: gzip\r\n" + own,
		},
		{
			name: "hop by hop",
			source: []string{
				"Connection: Keep-Alive, X-Drop, x-other", "Keep-Alive: timeout=5", "X-Drop: 1", "X-OTHER: 2", "X-Keep: 3", "TE: trailers",
				"Trailer: X-T", "Upgrade: h2c", "HTTP2-Settings: x", "Proxy-Connection: close", "Proxy-Authorization: x", "Expect: 100-continue",
			},
			want: line + "X-Keep: 3\r\n" + own,
		},
		{
			name:   "Connection names what it must not",
			source: []string{"Connection: close, Content-Length, Host, X-Request-Id, X-Forwarded-For", "X-Keep: 3"},
			want:   line + "X-Keep: 3\r\n" + own,
		},
		{
			name:   "what the client says of framing, host and id",
			source: []string{"Host: router.test", "Content-Length: 99", "X-Request-Id: mine"},
			want:   line + own,
		},
		{
			name: "forwarded, not trusted",
			source: []string{
				"X-Forwarded-For: 10.9.9.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.test", "X-Forwarded-Port: 1",
				"X-Real-IP: 10.9.9.9", "Forwarded: for=10.9.9.9", "Via: 1.0 edge",
			},
			want: line + strings.Replace(own, "Via: ", "Via: 1.0 edge, ", 1),
		},
		{
			name: "forwarded, trusted",
			source: []string{
				"X-Forwarded-For: 10.9.9.9", "X-Forwarded-For: 10.8.8.8", "X-Forwarded-Proto: https", "X-Forwarded-Host: public.test", "X-Forwarded-Port: 443",
			},
			edit: func(r *Request, _ *fake) { r.TrustForwarded = true },
			want: line + "X-Forwarded-Proto: https\r\nX-Forwarded-Host: public.test\r\nX-Forwarded-Port: 443\r\nVia: 1.1 infinirouter\r\n" +
				"X-Forwarded-For: 10.9.9.9, 10.8.8.8, 192.0.2.7\r\nX-Request-Id: r1\r\nContent-Length: 2\r\n\r\n",
		},
		{
			name:   "the service's key",
			source: []string{"Authorization: Bearer client"},
			edit:   func(_ *Request, f *fake) { f.cfg.APIKey = "secret" },
			want:   line + "Authorization: Bearer secret\r\n" + own,
		},
		{
			name:   "the client's key, kept back",
			source: []string{"Authorization: Bearer client"},
			edit:   func(_ *Request, f *fake) { f.cfg.PassAuthorization = false },
			want:   line + own,
		},
		{
			name:   "uncompressed",
			source: []string{"Accept-Encoding: gzip", "Accept: */*"},
			edit:   func(r *Request, _ *fake) { r.DropAcceptEncoding = true },
			want:   line + "Accept: */*\r\n" + own,
		},
		{
			name: "nothing known of the client",
			edit: func(r *Request, _ *fake) {
				r.ClientAddress, r.Scheme, r.OriginalHost, r.RequestID, r.Body = "", "", nil, nil, nil
			},
			want: line + "Via: 1.1 infinirouter\r\nContent-Length: 0\r\n\r\n",
		},
		{
			name: "GET with a query",
			edit: func(r *Request, _ *fake) {
				r.Method, r.Body, r.Query = []byte("GET"), nil, []byte("a=b&c=%20?/ x#y")
			},
			want: "GET /v1/chat/completions?a=b&c=%20?/%20x%23y HTTP/1.1\r\nHost: service.test\r\n" + strings.Replace(own, "Content-Length: 2\r\n", "", 1),
		},
		{
			name: "lines where there must be none",
			edit: func(r *Request, f *fake) {
				r.ClientAddress, r.RequestID, r.Path = "1\r\nX-Evil: 1", []byte("r\n1"), []byte("/v1/a HTTP/1.1\r\nX-Evil: 1")
				f.cfg.APIKey = "a\r\nb"
			},
			want: "POST /v1/a%20HTTP/1.1%0D%0AX-Evil:%201 HTTP/1.1\r\nHost: service.test\r\nAuthorization: Bearer a  b\r\nVia: 1.1 infinirouter\r\n" +
				"X-Forwarded-For: 1  X-Evil: 1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: router.test\r\nX-Request-Id: r 1\r\nContent-Length: 2\r\n\r\n",
		},
	} {
		r, f := newRequest("{}"), &fake{}
		f.cfg.V1, f.cfg.PassAuthorization = true, true
		r.Source = source(t, c.source...)
		if c.edit != nil {
			c.edit(r, f)
		}
		if got := headOf(r, f); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestPath(t *testing.T) {
	for _, c := range []struct {
		prefix, path string
		version      Version
		want         string
	}{
		{"", "/chat/completions", AddV1, "/v1/chat/completions"},
		{"", "/v1/chat/completions", AddV1, "/v1/chat/completions"},
		{"", "/chat/completions", KeepV1, "/chat/completions"},
		{"", "/v1/chat/completions", KeepV1, "/v1/chat/completions"},
		{"/api", "/chat/completions", AddV1, "/api/v1/chat/completions"},
		{"/api", "/v1/chat/completions", KeepV1, "/api/v1/chat/completions"},
		{"/api/v1", "/chat/completions", AddV1, "/api/v1/chat/completions"},
		{"/api/v1", "/v1/chat/completions", AddV1, "/api/v1/chat/completions"},
		{"/v1", "/v1", AddV1, "/v1"},
		{"/v1", "/v10/a", AddV1, "/v1/v10/a"},
		{"", "/v2/rerank", AddV1, "/v2/rerank"},
		{"/v1", "/v2/rerank", AddV1, "/v1/v2/rerank"},
		{"", "/v1beta/x", AddV1, "/v1/v1beta/x"},
		{"", "/v/x", AddV1, "/v1/v/x"},
		{"", "/", AddV1, "/v1/"},
		{"", "", KeepV1, "/"},
		{"", "", AddV1, "/v1"},
		{"", "models", KeepV1, "/models"},
		{"", "/a%2Fb%20c/../d//e", KeepV1, "/a%2Fb%20c/../d//e"},
		{"", "/a?b#c d\x7f", KeepV1, "/a%3Fb%23c%20d%7F"},
		{"", "/tokenize", DropV1, "/tokenize"},
		{"", "/v1/tokenize", DropV1, "/tokenize"},
		{"/api", "/v1/tokenize", DropV1, "/api/tokenize"},
		{"/api/v1", "/tokenize", DropV1, "/api/tokenize"},
		{"/v1", "/v1/tokenize", DropV1, "/tokenize"},
		{"/v1", "/v10/tokenize", DropV1, "/v10/tokenize"},
	} {
		if got := string(appendPath(nil, c.prefix, []byte(c.path), c.version)); got != c.want {
			t.Errorf("%q + %q, version %v: got %q, want %q", c.prefix, c.path, c.version, got, c.want)
		}
	}
	r, f := newRequest("{}"), &fake{}
	f.cfg.V1 = true
	r.Path, r.Version = []byte("/v1/tokenize"), DropV1
	if got := headOf(r, f); !strings.HasPrefix(got, "POST /tokenize HTTP/1.1\r\n") {
		t.Errorf("DropV1: got %q", got)
	}
}

func TestStripHopByHop(t *testing.T) {
	h := source(t, "Connection: X-Drop, close, Host, Content-Length", "Keep-Alive: 5", "X-Drop: 1", "X-Keep: 2", "Host: a", "Content-Length: 3", "TE: trailers")
	StripHopByHop(h)
	h.Set("X-Drop", "a policy's")
	r, f := newRequest("{}"), &fake{}
	r.Source = h
	got := headOf(r, f)
	if !strings.Contains(got, "X-Drop: a policy's\r\n") || !strings.Contains(got, "X-Keep: 2\r\n") {
		t.Errorf("got\n%s", got)
	}
	for _, name := range []string{"Connection", "Keep-Alive", "TE"} {
		if v := h.Peek(name); len(v) != 0 {
			t.Errorf("%s: %q is left", name, v)
		}
	}
	if string(h.Host()) != "a" || h.ContentLength() != 3 {
		t.Errorf("host %q, length %d", h.Host(), h.ContentLength())
	}
}

func TestReplyHeader(t *testing.T) {
	checkLeaks(t)
	s := newFake(t, answering("HTTP/1.1 201 Made It\r\nContent-Type: application/json\r\nConnection: keep-alive, X-Hop, x-HOP2\r\nKeep-Alive: timeout=5\r\n"+
		"X-Hop: 1\r\nx-hop2: 2\r\nTrailer: X-T\r\nUpgrade: h2c\r\nProxy-Authenticate: x\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-A: 1\r\nX-A: 2\r\n"+
		"Server: vllm\r\nContent-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-T: 1\r\n\r\n"))
	reply, err := New(Options{}).Send(newRequest("{}"), []Target{s}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reply.Close()
	h := reply.Header()
	for _, name := range []string{"Connection", "Keep-Alive", "X-Hop", "X-Hop2", "Trailer", "Upgrade", "Proxy-Authenticate", "Transfer-Encoding", "Content-Length", "X-T"} {
		if v := h.Peek(name); len(v) != 0 {
			t.Errorf("%s: %q came through", name, v)
		}
	}
	for name, want := range map[string]string{"X-A": "1", "Server": "vllm", "Content-Encoding": "br", "Content-Type": "application/json"} {
		if v := string(h.Peek(name)); v != want {
			t.Errorf("%s: got %q, want %q", name, v, want)
		}
	}
	cookies := 0
	for range h.Cookies() {
		cookies++
	}
	if cookies != 2 || len(h.PeekAll("X-A")) != 2 || h.StatusCode() != 201 || string(h.StatusMessage()) != "Made It" || h.ConnectionClose() {
		t.Errorf("got %s", h)
	}
	bare := newFake(t, answering(h11+cl5+blank+"hello"))
	plain, err := New(Options{}).Send(newRequest("{}"), []Target{bare}, 0, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if ct := plain.Header().ContentType(); len(ct) != 0 || plain.Header().ContentLength() != 5 {
		t.Errorf("invented a type %q, length %d", ct, plain.Header().ContentLength())
	}
}
