package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// The tests of this file each hold down one fault that the whole router once
// had.

// dialRouter opens a client's connection, on which nothing may take longer
// than a test ever should.
func dialRouter(t *testing.T, r *testRouter) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c, bufio.NewReader(c)
}

// chatRequest is a request as bytes; fields are header lines without line ends.
func chatRequest(body string, fields ...string) string {
	head := "POST /v1/chat/completions HTTP/1.1\r\nHost: router\r\n"
	for _, f := range fields {
		head += f + "\r\n"
	}
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

// serviceFigures are the first service's figures in /stats.
func serviceFigures(t *testing.T, r *testRouter, headers ...string) map[string]any {
	t.Helper()
	_, page := fetchJSON(t, "GET", r.url+"/stats", "", headers...)
	return page["services"].([]any)[0].(map[string]any)
}

// accessLine waits for the access log to say something.
func accessLine(t *testing.T, r *testRouter, want string) {
	t.Helper()
	eventually(t, want+" in the access log", func() bool { return strings.Contains(r.access.String(), want) })
}

// sendEvents streams text as an event stream of unknown length.
func sendEvents(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, text)
		w.(http.Flusher).Flush()
	}
}

// guestHook assembles a plugin with one hook: it calls reply with status 200
// if replies, and returns result, or traps when that is negative.
func guestHook(hook abi.Hook, replies bool, result int) []byte {
	const i32, unreachable, call, drop, constant = byte(abi.I32), 0, 0x10, 0x1a, 0x41
	vec := func(b []byte) []byte { return append([]byte{byte(len(b))}, b...) }
	section := func(id byte, content []byte) []byte { return append([]byte{id}, vec(content)...) }
	body := []byte{0} // no locals
	if replies {
		body = append(body, constant, 0xc8, 1, constant, 0, constant, 0, constant, 0, constant, 0, call, 0, drop)
	}
	if result < 0 {
		body = append(body, unreachable)
	} else {
		body = append(body, constant, byte(result))
	}
	body = append(body, 0x0b)
	imported := append(append(vec([]byte(abi.ImportModule)), vec([]byte("reply"))...), 0, 1)
	exports := append(append([]byte{2}, vec([]byte(hook.String()))...), 0, 1)
	exports = append(append(exports, vec([]byte("memory"))...), 2, 0)
	return bytes.Join([][]byte{
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, []byte{2, 0x60, 0, 1, i32, 0x60, 5, i32, i32, i32, i32, i32, 1, i32}),
		section(2, append([]byte{1}, imported...)),
		section(3, []byte{1, 0}),
		section(5, []byte{1, 0, 1}),
		section(7, exports),
		section(10, append([]byte{1}, vec(body)...)),
	}, nil)
}

// withGuest is a policy whose plugin is guest.
func withGuest(t *testing.T, guest []byte, more string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "guest.wasm"), string(guest))
	return pluginsIn(dir) + withPolicy("guest", "guest.wasm", "{}") + more + "\n"
}

// TestCutStreamOfKnownLength: the error event must not fill up what the
// service announced and did not send.
func TestCutStreamOfKnownLength(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Content-Length", "60")
		_, _ = io.WriteString(w, "data: {\"n\":1}\n\ndata: ")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	r := startRouter(t, oneService(s.URL))
	resp, err := post(context.Background(), r.url+"/v1/chat/completions", streamChat)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got, err := io.ReadAll(resp.Body); err == nil || !strings.Contains(string(got), `data: {"error":`) {
		t.Errorf("the cut reply ended well, or says nothing: %q %v", got, err)
	}
	accessLine(t, r, `"outcome":"cut"`)
}

// TestLongReplyIsAccounted: a reply over max_reply_body passes straight
// through, and is as good as any other.
func TestLongReplyIsAccounted(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(long)))
		_, _ = io.WriteString(w, long)
	})
	r := startRouter(t, oneService(s.URL, "[server]\nmax_reply_body = \"1KiB\""))
	resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat)
	if resp.StatusCode != 200 || string(got) != long || resp.ContentLength != int64(len(long)) {
		t.Errorf("%d, %d bytes, length %d", resp.StatusCode, len(got), resp.ContentLength)
	}
	accessLine(t, r, `"outcome":"ok"`)
}

// TestPolicyFailureIsNotTheServices: a stream that a policy breaks is cut, and
// no mark against the service that sent it.
func TestPolicyFailureIsNotTheServices(t *testing.T) {
	s := startService(t, sendEvents("data: {\"n\":1}\n\ndata: [DONE]\n\n"))
	r := startRouter(t, oneService(s.URL, withGuest(t, guestHook(abi.OnEvent, false, -1), "")))
	for range 4 {
		resp, err := post(context.Background(), r.url+"/v1/chat/completions", streamChat)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil || !strings.Contains(string(got), "policy guest failed") {
			t.Errorf("%d %q %v", resp.StatusCode, got, err)
		}
	}
	eventually(t, "all four are accounted", func() bool { return strings.Count(r.access.String(), `"outcome":"cut"`) == 4 })
	if s := serviceFigures(t, r); s["error_count"] != 0.0 || s["healthy"] != true || s["in_flight"] != 0.0 {
		t.Errorf("%v", s)
	}
}

// TestPolicyEndsStream: End is a clean end, Drop leaves a whole stream.
func TestPolicyEndsStream(t *testing.T) {
	for name, action := range map[string]abi.Action{"end": abi.End, "drop": abi.Drop} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, sendEvents("data: 1\n\n: alive\n\ndata: [DONE]\n\n"))
			r := startRouter(t, oneService(s.URL, withGuest(t, guestHook(abi.OnEvent, false, int(action)), "")))
			resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", streamChat)
			if resp.StatusCode != 200 || bytes.Contains(got, []byte("data")) {
				t.Errorf("%d %q", resp.StatusCode, got)
			}
			accessLine(t, r, `"outcome":"ok"`)
			if s := serviceFigures(t, r); s["error_count"] != 0.0 || s["in_flight"] != 0.0 {
				t.Errorf("%v", s)
			}
		})
	}
}

// TestReplyNotTaken: a hook that calls reply and returns 0 replaces nothing.
func TestReplyNotTaken(t *testing.T) {
	s := startService(t, sendEvents("data: 1\n\n"))
	r := startRouter(t, oneService(s.URL, withGuest(t, guestHook(abi.OnResponse, true, int(abi.Continue)), "")))
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", streamChat); resp.StatusCode != 200 || string(got) != "data: 1\n\n" {
		t.Errorf("%d %q", resp.StatusCode, got)
	}
}

// TestLastEventWithoutBlankLine: what clients read line by line, a policy sees.
func TestLastEventWithoutBlankLine(t *testing.T) {
	for name, c := range map[string]struct{ sent, want string }{
		"one line end":  {"data: {\"model\":\"m\",\"n\":1}\n\ndata: {\"model\":\"m\"}\n", "data: {\"model\":\"gpt\",\"n\":1}\n\ndata: {\"model\":\"gpt\"}\n"},
		"CRLF":          {"data: {\"model\":\"m\"}\r\n\r\ndata: {\"model\":\"m\"}\r\n", "data: {\"model\":\"gpt\"}\r\n\r\ndata: {\"model\":\"gpt\"}\r\n"},
		"only the done": {"data: [DONE]", "data: [DONE]"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startService(t, sendEvents(c.sent))
			r := startRouter(t, oneService(s.URL, pluginsIn(builtPolicies(t)))+withPolicy("names", "alias.wasm", `{ gpt = "m", restore = true }`))
			if _, got := fetch(t, "POST", r.url+"/v1/chat/completions", `{"model":"gpt","stream":true}`); string(got) != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestOversizedEvent: an event that is too long for a policy to see must not
// pass by it.
func TestOversizedEvent(t *testing.T) {
	long := "data: {\"model\":\"m\",\"x\":\"" + strings.Repeat("x", 3<<20) + "\"}\n\n"
	s := startService(t, sendEvents("data: 1\n\n"+long+"data: [DONE]\n\n"))
	t.Run("with a policy", func(t *testing.T) {
		r := startRouter(t, oneService(s.URL, pluginsIn(builtPolicies(t)))+withPolicy("names", "alias.wasm", `{ gpt = "m", restore = true }`))
		resp, err := post(context.Background(), r.url+"/v1/chat/completions", `{"model":"gpt","stream":true}`)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		got, err := io.ReadAll(resp.Body)
		if err == nil || strings.Contains(string(got), `"model":"m"`) || !strings.HasPrefix(string(got), "data: 1\n\ndata: {\"error\":") {
			t.Errorf("%.200q %v", got, err)
		}
	})
	t.Run("without", func(t *testing.T) {
		r := startRouter(t, oneService(s.URL))
		if _, got := fetch(t, "POST", r.url+"/v1/chat/completions", streamChat); string(got) != "data: 1\n\n"+long+"data: [DONE]\n\n" {
			t.Errorf("%d bytes", len(got))
		}
	})
}

// TestCompressedStream: bytes that are not to be looked into are not held
// until they look like an event, and a policy that must look gets no stream
// that it cannot read.
func TestCompressedStream(t *testing.T) {
	goOn := make(chan struct{})
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "data: {\"model\":\"m\"}\n\n")
		_ = z.Flush()
		w.(http.Flusher).Flush()
		select {
		case <-goOn:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(z, "data: [DONE]\n\n")
		_ = z.Close()
	})
	r := startRouter(t, oneService(s.URL))
	c, in := dialRouter(t, r)
	_, _ = io.WriteString(c, chatRequest(streamChat, "Accept-Encoding: gzip"))
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	plain := bufio.NewReader(z)
	if got, err := readEvent(plain); err != nil || got != "data: {\"model\":\"m\"}\n" {
		t.Fatalf("first event: %q %v", got, err)
	}
	close(goOn)
	if rest, err := io.ReadAll(plain); err != nil || string(rest) != "data: [DONE]\n\n" {
		t.Errorf("%q %v", rest, err)
	}
	p := startRouter(t, oneService(s.URL, pluginsIn(builtPolicies(t)))+withPolicy("names", "alias.wasm", `{ gpt = "m", restore = true }`))
	if resp, got := fetch(t, "POST", p.url+"/v1/chat/completions", `{"model":"gpt","stream":true}`); resp.StatusCode != 502 || errorMessage("plain", got) == "" {
		t.Errorf("%d %q", resp.StatusCode, got)
	}
}

// TestTrailingSlash: a path that no route and no endpoint names must not be
// served as if it were one that does.
func TestTrailingSlash(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL, withGuest(t, guestHook(abi.OnRequest, true, int(abi.Replied)), ""))+
		"[[routes]]\nname = \"guarded\"\npath = \"/chat/completions\"\npolicies = [\"guest\"]\n[[routes]]\nname = \"rest\"\npolicies = []\n")
	for _, path := range []string{"/v1/chat/completions/", "/chat/completions/", "/v1/chat/completions%2f", "/v1/chat/completions/."} {
		if resp, got := fetch(t, "POST", r.url+path, chat); resp.StatusCode != 404 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, got)
		}
	}
	for _, path := range []string{"/v1/chat/completions", "//v1//chat/completions", "/x/../chat/completions", "/v1/chat%2fcompletions"} {
		if resp, got := fetch(t, "POST", r.url+path, chat); resp.StatusCode != 200 || len(got) != 0 {
			t.Errorf("%s is not guarded: %d %s", path, resp.StatusCode, got)
		}
	}
}

// TestForwardedForOnLines: the proxy in front may add a line of its own behind
// the client's.
func TestForwardedForOnLines(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL, "[server]\ntrust_forwarded = true"))
	c, in := dialRouter(t, r)
	_, _ = io.WriteString(c, chatRequest(chat, "X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 10.1.2.3"))
	if _, err := http.ReadResponse(in, nil); err != nil {
		t.Fatal(err)
	}
	accessLine(t, r, "10.1.2.3")
	if strings.Contains(r.access.String(), "6.6.6.6") {
		t.Errorf("%s", r.access)
	}
}

// TestEveryAnswerHasARequestID covers answers beside those of requests.
func TestEveryAnswerHasARequestID(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL))
	for _, path := range []string{"/health", "/v1/models", "/v1/models/none", "/stats", "/metrics", "/policies", "/none"} {
		if resp, _ := fetch(t, "GET", r.url+path, "", "X-Request-Id", "mine"); resp.Header.Get("X-Request-Id") != "mine" {
			t.Errorf("%s: %q", path, resp.Header.Get("X-Request-Id"))
		}
		if resp, _ := fetch(t, "GET", r.url+path, ""); resp.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: none", path)
		}
	}
}

// TestProtocolErrorRepeatsNothing: what the client sent is not in the answer
// to a request that cannot be read, where a key or a prompt could be.
func TestProtocolErrorRepeatsNothing(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL))
	for _, bad := range []string{
		"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-secret\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
		"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Api-Key: sk-secret\x00\r\nContent-Length: 2\r\n\r\n{}",
		"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nsk-secret\r\n\r\n",
		"POST /sk-secret\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		c, in := dialRouter(t, r)
		_, _ = io.WriteString(c, bad)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%q: %v", bad, err)
		}
		got, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 400 || errorMessage("plain", got) == "" || strings.Contains(string(got), "secret") || resp.Header.Get("X-Request-Id") == "" {
			t.Errorf("%q: %d %s %v", bad, resp.StatusCode, got, resp.Header)
		}
	}
}

// TestPipelinedReplyIsNotHeld: a reply reaches the client although the next
// request, behind it on the connection, is not answered yet.
func TestPipelinedReplyIsNotHeld(t *testing.T) {
	goOn := make(chan struct{})
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case bytes.Contains(body, []byte("wait")):
			select {
			case <-goOn:
			case <-r.Context().Done():
			}
		case bytes.Contains(body, []byte("stream")):
			w.Header().Set("Content-Type", "text/event-stream")
		}
		_, _ = w.Write(body)
	})
	r := startRouter(t, oneService(s.URL))
	wait := `{"model":"m","wait":1}`
	for _, first := range []string{chat, streamChat} {
		c, in := dialRouter(t, r)
		_, _ = io.WriteString(c, chatRequest(first)+chatRequest(wait))
		for _, want := range []string{first, wait} {
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(resp.Body); err != nil || string(got) != want {
				t.Errorf("%q %v", got, err)
			}
			if want == first {
				goOn <- struct{}{}
			}
		}
	}
}

// TestTooLargeBodyIsAnswered: a client that is still sending must be able to
// read why it need not.
func TestTooLargeBodyIsAnswered(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL, "[server]\nmax_body = \"64KiB\""))
	c, in := dialRouter(t, r)
	_, _ = fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 8<<20)
	for range 8 {
		if _, err := c.Write(make([]byte, 1<<20)); err != nil {
			t.Fatalf("the connection broke before all was sent: %v", err)
		}
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 413 || !strings.Contains(string(got), "max_body") {
		t.Errorf("%d %s %v", resp.StatusCode, got, err)
	}
}

// TestUnreadRequestIsAccounted: what is refused before it was read has its line
// in the access log and its count, like any other request.
func TestUnreadRequestIsAccounted(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL, "[server]\nmax_body = \"64KiB\""))
	for _, bad := range []struct{ request, line string }{
		{"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", `"path":"/v1/embeddings","status":413,.*max_body`},
		{"GET /" + strings.Repeat("x", 20<<10) + " HTTP/1.1\r\n\r\n", `"status":431,.*16 KiB`},
		{"POST /v1/score HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{", `"status":400,.*ended before it was complete`},
	} {
		c, in := dialRouter(t, r)
		_, _ = io.WriteString(c, bad.request)
		_ = c.(*net.TCPConn).CloseWrite()
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%q: %v", bad.line, err)
		}
		_ = resp.Body.Close()
		line := regexp.MustCompile(`"id":"` + resp.Header.Get("X-Request-Id") + `","client":"127.0.0.1",.*` + bad.line)
		eventually(t, bad.line, func() bool { return line.MatchString(r.access.String()) })
	}
	_, got := fetch(t, "GET", r.url+"/metrics", "")
	if want := `infinirouter_requests_total{model="",route="",service="",status="4xx"} 3`; !strings.Contains(string(got), want) {
		t.Errorf("/metrics has no %s", want)
	}
}

// TestClientThatStopsReading is let go after client_write_timeout, wherever in
// the reply it stopped.
func TestClientThatStopsReading(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, "data: "+strings.Repeat("x", 4<<10)+"\n\n")
		}
	})
	r := startRouter(t, oneService(s.URL, "[server]\nclient_write_timeout = \"200ms\""))
	c, _ := dialRouter(t, r)
	_, _ = io.WriteString(c, chatRequest(streamChat))
	accessLine(t, r, "client_gone")
	if s := serviceFigures(t, r); s["error_count"] != 0.0 || s["in_flight"] != 0.0 {
		t.Errorf("%v", s)
	}
}

// TestHangupWhileDraining: SIGHUP asks for a reload, and must not kill a
// process that lets its last streams finish.
func TestHangupWhileDraining(t *testing.T) {
	finish := make(chan struct{})
	s := startService(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-finish
	})
	r := startRouter(t, oneService(s.URL))
	resp, err := post(context.Background(), r.url+"/v1/chat/completions", streamChat)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	eventually(t, "it drains", func() bool { return strings.Contains(r.log.String(), "draining") })
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	close(finish)
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "data: 1\n\n" {
		t.Errorf("%q %v", got, err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestEmptyFileIsRefused: a file that an editor has cut to nothing, and not
// written yet, must not take all services away.
func TestEmptyFileIsRefused(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL))
	writeFile(t, r.config, "")
	if page := r.reload(t); page["ok"] != false || page["generation"] != 1.0 {
		t.Errorf("%v", page)
	}
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

// TestOldGenerationServesItsStream: a stream goes on, and through its policy,
// although service and policy are gone from router.toml; the next request
// meets neither.
func TestOldGenerationServesItsStream(t *testing.T) {
	next := make(chan string)
	one := startService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		for {
			select {
			case event, ok := <-next:
				if !ok {
					return
				}
				_, _ = io.WriteString(w, event)
				w.(http.Flusher).Flush()
			case <-r.Context().Done():
				return
			}
		}
	})
	two := startService(t, echo, "gpt")
	r := startRouter(t, oneService(one.URL, pluginsIn(builtPolicies(t)))+withPolicy("names", "alias.wasm", `{ gpt = "m", restore = true }`))
	resp, err := post(context.Background(), r.url+"/v1/chat/completions", `{"model":"gpt","stream":true}`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	events := bufio.NewReader(resp.Body)
	want := "data: {\"model\":\"gpt\"}\n"
	step := func() {
		t.Helper()
		next <- "data: {\"model\":\"m\"}\n\n"
		if got, err := readEvent(events); err != nil || got != want {
			t.Fatalf("%q %v", got, err)
		}
	}
	step()
	writeFile(t, r.config, strings.ReplaceAll(oneService(two.URL), `"one"`, `"two"`))
	if page := r.reload(t); page["ok"] != true {
		t.Fatalf("%v", page)
	}
	step()
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", `{"model":"gpt"}`); resp.StatusCode != 200 || string(got) != `{"model":"gpt"}` {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
	step()
	close(next)
	if rest, err := io.ReadAll(events); err != nil || len(rest) != 0 {
		t.Errorf("%q %v", rest, err)
	}
	accessLine(t, r, `"service":"one"`)
}
