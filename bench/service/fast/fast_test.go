//go:build unix

package fast

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// call sends one request on a connection of its own.
func call(t *testing.T, s *Server, method, path, body string, headers ...string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequest(method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

const chatPath = "/v1/chat/completions"

// chunkReply is what an event or a whole reply says.
type chunkReply struct {
	ID                string
	Object            string
	Model             string
	SystemFingerprint string `json:"system_fingerprint"`
	Choices           []struct {
		Text         *string
		Delta        *struct{ Role, Content string }
		Message      *struct{ Role, Content string }
		FinishReason string `json:"finish_reason"`
	}
	Usage *struct {
		Completion int `json:"completion_tokens"`
	}
}

func decode(t *testing.T, text string) (c chunkReply) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return c
}

func TestWholeReplies(t *testing.T) {
	s := start(t, Config{})
	for _, c := range []struct{ path, object string }{{chatPath, "chat.completion"}, {"/completions", "text_completion"}} {
		status, body, err := call(t, s, "POST", c.path, `{"model":"a \"b\"","user":"0123456789abcdef","max_tokens":3}`)
		if err != nil || status != 200 {
			t.Fatal(status, body, err)
		}
		got := decode(t, body)
		text := got.Choices[0].Text
		if m := got.Choices[0].Message; m != nil {
			text = &m.Content
		}
		if got.Object != c.object || got.Model != `a "b"` || !strings.HasSuffix(got.ID, "-0123456789abcdef") || *text != " 000000 000001 000002" ||
			got.Usage.Completion != 3 || got.SystemFingerprint != "fake-000003" {
			t.Errorf("%s: %s", c.path, body)
		}
	}
}

func TestStreams(t *testing.T) {
	s := start(t, Config{Behaviour: Behaviour{EventBytes: 1000}})
	for _, path := range []string{"/chat/completions", "/v1/completions"} {
		status, body, err := call(t, s, "POST", path, `{"model":"m","stream":true,"stream_options":{"include_usage":true},"max_tokens":5}`)
		if err != nil || status != 200 {
			t.Fatal(status, body, err)
		}
		events := strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n")
		if len(events) != 5+3 || events[7] != "data: [DONE]" {
			t.Fatalf("%d events: %s", len(events), body)
		}
		for i, e := range events[:7] {
			got := decode(t, strings.TrimPrefix(e, "data: "))
			switch {
			case i < 5:
				text := got.Choices[0].Text
				if d := got.Choices[0].Delta; d != nil {
					text = &d.Content
				}
				if !strings.HasPrefix(*text, fmt.Sprintf(" %06d", i)) || len(e) < 998 {
					t.Errorf("event %d of %d bytes: %s", i, len(e), e)
				}
			case i == 5 && got.Choices[0].FinishReason != "length", i == 6 && got.Usage.Completion != 5:
				t.Errorf("event %d: %s", i, e)
			}
		}
	}
	if got := s.Stats(); got.Streams != 2 || got.Events != 10 || got.Answered != 2 || got.Open != 0 {
		t.Errorf("%+v", got)
	}
}

func TestRequestsChooseTheirBehaviour(t *testing.T) {
	s := start(t, Config{})
	const plain, stream = `{"model":"m"}`, `{"model":"m","stream":true}`
	if status, body, _ := call(t, s, "POST", chatPath, plain, "X-Fake-Status", "429"); status != 429 || !strings.Contains(body, "told to") {
		t.Error(status, body)
	}
	if _, body, _ := call(t, s, "POST", chatPath, plain, "X-Fake-Bytes", "100000"); len(body) != 100000 {
		t.Errorf("%d bytes", len(body))
	}
	if _, body, _ := call(t, s, "POST", chatPath, stream, "X-Fake-Tokens", "40"); strings.Count(body, "data: ") != 42 {
		t.Errorf("%d events", strings.Count(body, "data: "))
	}
	if _, body, err := call(t, s, "POST", chatPath, stream, "X-Fake-Cut", "2"); err != io.ErrUnexpectedEOF || strings.Count(body, "data: ") != 2 {
		t.Error(body, err)
	}
	if _, _, err := call(t, s, "POST", chatPath, plain, "X-Fake-Cut", "2"); err != io.ErrUnexpectedEOF {
		t.Error(err)
	}
	if _, _, err := call(t, s, "POST", chatPath, plain, "X-Fake-Reset", "1"); err == nil {
		t.Error("a reply")
	}
	if status, _, _ := call(t, s, "POST", chatPath, plain, "X-Fake-Delay", "soon"); status != 400 {
		t.Error(status)
	}
	began := time.Now()
	if status, _, _ := call(t, s, "POST", chatPath, plain, "X-Fake-Delay", "5", "X-Fake-First-Token", "5", "X-Fake-Interval", "2", "X-Fake-Tokens", "6"); status != 200 || time.Since(began) < 20*time.Millisecond {
		t.Error(status, time.Since(began))
	}
	if got := s.Stats(); got.Requests != 7 || got.Cut != 2 || got.Dropped != 1 || got.Failed != 2 || got.Answered != 3 || got.Open != 0 {
		t.Errorf("%+v", got)
	}
}

func TestHangingIsEndedByTheClient(t *testing.T) {
	s := start(t, Config{})
	for _, head := range []string{"X-Fake-Hang: 1", "X-Fake-Hang-After: 2", "X-Fake-First-Token: 1000000000", "X-Fake-Delay: 1000000000"} {
		c := dial(t, s)
		body := `{"model":"m","stream":true}`
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\n%s\r\nContent-Length: %d\r\n\r\n%s", chatPath, head, len(body), body)
		for s.Stats().Open == 0 {
			time.Sleep(time.Millisecond)
		}
		_ = c.Close()
		for s.Stats().Open > 0 {
			time.Sleep(time.Millisecond)
		}
	}
	if got := s.Stats(); got.Cancelled != 4 || got.Answered != 0 {
		t.Errorf("%+v", got)
	}
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestTheWire sends what a client library would not.
func TestTheWire(t *testing.T) {
	s := start(t, Config{})
	post := func(body string, headers ...string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", chatPath, strings.Join(append(headers, ""), "\r\n"), len(body), body)
	}
	big := `{"model":"m","messages":["` + strings.Repeat(`a\"`, 200_000) + `"],"max_tokens":2}`
	for _, c := range []struct {
		name, text string
		piece      int
		want       []string // status lines
	}{
		{"byte by byte", post(`{"model":"m"}`), 1, []string{"200"}},
		{"three at once", strings.Repeat(post(`{"model":"m"}`), 3), 1 << 20, []string{"200", "200", "200"}},
		{"stream, then another", post(`{"stream":true,"max_tokens":3}`, "X-Fake-Interval: 1") + post(`{"model":"m"}`), 1 << 20, []string{"200", "200"}},
		{"large, in pieces", post(big) + post(big), 1000, []string{"200", "200"}},
		{"100 Continue", post(big, "Expect: 100-continue"), 10_000, []string{"100", "200"}},
		{"close", post(`{"model":"m"}`, "X-Fake-Status: 503", "Connection: close"), 1 << 20, []string{"503"}},
		{"no JSON", post(`[1]`), 1 << 20, []string{"400"}},
		{"chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 1 << 20, []string{"400"}},
		{"no HTTP", "SSH-2.0-x\r\n\r\n", 1 << 20, []string{"400"}},
		{"length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 1 << 20, []string{"400"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := dial(t, s)
			go func() {
				for at := 0; at < len(c.text); at += c.piece {
					_, _ = io.WriteString(conn, c.text[at:min(len(c.text), at+c.piece)])
				}
			}()
			r := bufio.NewReader(conn)
			for i, want := range c.want {
				resp, err := http.ReadResponse(r, &http.Request{Method: "POST"})
				if err != nil {
					t.Fatalf("reply %d: %v", i, err)
				}
				body, err := io.ReadAll(resp.Body)
				if !strings.HasPrefix(resp.Status, want) || err != nil {
					t.Errorf("reply %d: %s %s, %v", i, resp.Status, body, err)
				}
			}
		})
	}
}

func TestOldClientsAreReadToTheEnd(t *testing.T) {
	s := start(t, Config{})
	conn := dial(t, s)
	body := `{"stream":true,"max_tokens":3}`
	fmt.Fprintf(conn, "POST %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", chatPath, len(body), body)
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.HasSuffix(got, []byte("\n\ndata: [DONE]\n\n")) || bytes.Contains(got, []byte("chunked")) || bytes.Count(got, []byte("data: {")) != 4 {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestAClientThatDoesNotRead holds up its own stream and nobody else's, and
// loses nothing.
func TestAClientThatDoesNotRead(t *testing.T) {
	s := start(t, Config{})
	conn := dial(t, s)
	body := `{"stream":true,"max_tokens":20000}`
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nX-Fake-Event-Bytes: 2000\r\nContent-Length: %d\r\n\r\n%s", chatPath, len(body), body)
	for s.Stats().Events == 0 {
		time.Sleep(time.Millisecond)
	}
	if status, _, err := call(t, s, "POST", chatPath, `{}`); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	if got := s.Stats(); got.Events == 20000 || got.Open != 1 {
		t.Fatalf("40 MB fit into a socket: %+v", got)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(resp.Body)
	events := strings.Split(string(all), "\n\n")
	if err != nil || len(events) != 20000+3 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for i, e := range events[:20000] {
		if !strings.Contains(e, fmt.Sprintf(`"content":" %06d `, i)) {
			t.Fatalf("event %d: %s", i, e)
		}
	}
}

func TestControls(t *testing.T) {
	s := start(t, Config{Models: []string{"a", "b"}})
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/health", "", 200, "{}"},
		{"GET", "/v1/models", "", 200, `"id":"b"`},
		{"GET", "/fake/stats", "", 200, `"requests":0`},
		{"PUT", "/fake/behaviour", `{"error_rate":2}`, 400, "error_rate is 2"},
		{"PUT", "/fake/behaviour", `{`, 400, "error"},
		{"PUT", "/fake/behaviour", `{"error_rate":1,"error_status":418}`, 200, `"error_status":418`},
		{"POST", chatPath, `{}`, 418, "told"},
		{"GET", "/fake/behaviour", "", 200, `"error_rate":1`},
		{"POST", "/fake/reset", "", 200, `"requests":1`},
		{"GET", "/fake/stats", "", 200, `"requests":0`},
		{"GET", chatPath, "", 404, "there is no"},
	} {
		if status, body, err := call(t, s, c.method, c.path, c.body); status != c.status || !strings.Contains(body, c.want) || err != nil {
			t.Errorf("%s %s: %d %s %v", c.method, c.path, status, body, err)
		}
	}
	if err := s.SetBehaviour(Behaviour{}); err != nil {
		t.Fatal(err)
	}
	if status, _, _ := call(t, s, "POST", chatPath, `{}`); status != 200 {
		t.Errorf("status %d after the behaviour was reset", status)
	}
	s.ResetStats()
	s.Close()
	if got := s.Stats(); got.Requests != 0 {
		t.Errorf("%+v", got)
	}
	if _, err := Start(Config{Behaviour: Behaviour{CutRate: -1}}); err == nil {
		t.Error("nonsense is fine")
	}
	if _, err := Start(Config{Addr: "127.0.0.1"}); err == nil {
		t.Error("an address without a port is fine")
	}
}

func TestSharesAreExact(t *testing.T) {
	for _, c := range []struct {
		rate float64
		n    int
	}{{0, 0}, {0.001, 1}, {0.1, 100}, {1. / 3, 333}, {0.5, 500}, {1, 1000}} {
		var s share
		n := 0
		for range 1000 {
			if s.take(c.rate) {
				n++
			}
		}
		if n != c.n {
			t.Errorf("%g of 1000: %d", c.rate, n)
		}
	}
}

// FuzzReadBody holds the scanner to encoding/json: what that takes, it takes, and
// finds the same.
func FuzzReadBody(f *testing.F) {
	f.Add(`{"model":"m","stream":true,"max_tokens":5,"messages":[{"a":"\\\""}],"stream_options":{"include_usage": true}}`)
	f.Add(`{"user":"x","model":"\u0041"} `)
	f.Add(`{"a":{"model":"n"},"b":[1,{"c":"}"}],"stream":false}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readBody([]byte(text))
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &want) != nil || want == nil {
			return // whatever it finds: it must only not fall
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		if strings.Count(text, `"stream"`) != 1 || strings.Contains(text, `\u`) {
			return // keys that are written otherwise, or twice
		}
		if stream := string(want["stream"]) == "true"; want["stream"] != nil && got.stream != stream {
			t.Errorf("stream is %v", got.stream)
		}
	})
}

// FuzzReadHead must not fall, and never see more head than there is.
func FuzzReadHead(f *testing.F) {
	f.Add("POST /v1/chat/completions?x=y HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX-Fake-Cut: 1\r\n\r\nhello")
	f.Add("GET / HTTP/1.0\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := readHead([]byte(text))
		if err == nil && (h.size > len(text) || h.length < 0 || h.length > maxBody || h.size > 0 && !strings.HasSuffix(text[:h.size], "\r\n\r\n")) {
			t.Errorf("%+v of %q", h, text)
		}
	})
}
