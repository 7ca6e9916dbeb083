package service

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image/png"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
)

func start(t *testing.T, cfg Config) *Service {
	t.Helper()
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// client opens a connection per request: none of a service that went down is
// met again.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// post sends a body and returns the reply, whole.
func post(t *testing.T, url, body string, headers ...string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

const hello = `{"model":"Qwen3-32B","messages":[{"role":"user","content":"hello"}]}`

func TestChatIsAFunctionOfThePrompt(t *testing.T) {
	one, two := start(t, Config{}), start(t, Config{})
	text := func(s *Service, body string) string {
		status, reply, err := post(t, s.URL()+"/v1/chat/completions", body)
		if err != nil || status != 200 {
			t.Fatal(status, reply, err)
		}
		var r struct {
			Object  string
			Model   string
			Choices []struct {
				Message      struct{ Role, Content string }
				FinishReason string `json:"finish_reason"`
			}
			Usage struct {
				Prompt     int `json:"prompt_tokens"`
				Completion int `json:"completion_tokens"`
				Total      int `json:"total_tokens"`
			}
		}
		if err := json.Unmarshal([]byte(reply), &r); err != nil {
			t.Fatal(err)
		}
		if r.Object != "chat.completion" || r.Model != "Qwen3-32B" || r.Choices[0].Message.Role != "assistant" ||
			r.Choices[0].FinishReason != "stop" {
			t.Fatalf("reply %s", reply)
		}
		if r.Usage.Completion != 16 || r.Usage.Total != r.Usage.Prompt+16 {
			t.Fatalf("usage %+v", r.Usage)
		}
		return r.Choices[0].Message.Content
	}
	a, b := text(one, hello), text(two, hello)
	if a != b || a == "" {
		t.Errorf("the same prompt gave %q and %q", a, b)
	}
	if c := text(one, strings.Replace(hello, "hello", "goodbye", 1)); c == a {
		t.Errorf("another prompt gave the same text %q", c)
	}
}

func TestEndpoints(t *testing.T) {
	s := start(t, Config{Tokens: 4})
	chat := strings.TrimSuffix(hello, "}")
	for _, c := range []struct {
		name, path, body string
		status           int
		want             string // in the reply
	}{
		{"without /v1", "/chat/completions", hello, 200, `"chat.completion"`},
		{"max_tokens cuts", "/v1/chat/completions", chat + `,"max_tokens":2}`, 200, `"finish_reason":"length"`},
		{"ignore_eos lengthens", "/v1/chat/completions", chat + `,"max_tokens":9,"ignore_eos":true}`, 200, `"completion_tokens":9`},
		{"n", "/v1/chat/completions", chat + `,"n":2}`, 200, `"index":1`},
		{"first model", "/v1/completions", `{"prompt":"x"}`, 200, `"text_completion"`},
		{"token prompt", "/v1/completions", `{"prompt":[104,105]}`, 200, `"text_completion"`},
		{"embeddings", "/v1/embeddings", `{"input":["a","b"],"dimensions":2}`, 200, `"index":1`},
		{"embeddings base64", "/v1/embeddings", `{"input":"a","dimensions":1,"encoding_format":"base64"}`, 200, `"object":"embedding"`},
		{"responses", "/v1/responses", `{"input":"a"}`, 200, `"output_text"`},
		{"rerank", "/v1/rerank", `{"query":"a","documents":["b","a"],"top_n":1}`, 200, `"results":[{"index":1,"document":{"text":"a"},"relevance_score":1}]`},
		{"score", "/v1/score", `{"text_1":"a","text_2":["b","a"]}`, 200, `"score":1}`},
		{"tokenize", "/tokenize", `{"prompt":"hé"}`, 200, `"tokens":[104,233]`},
		{"detokenize", "/detokenize", `{"tokens":[104,233]}`, 200, `{"prompt":"hé"}`},
		{"moderations", "/v1/moderations", `{"input":"a"}`, 200, `"flagged":false`},
		{"speech", "/v1/audio/speech", `{"input":"abc"}`, 200, "RIFF"},
		{"messages", "/v1/messages", chat + `,"max_tokens":9}`, 200, `"end_turn"`},
		{"messages need max_tokens", "/v1/messages", hello, 422, `"param":"max_tokens"`},
		{"not JSON", "/v1/chat/completions", `{`, 400, `"BadRequestError"`},
		{"unknown model", "/v1/chat/completions", `{"model":"nope","messages":[]}`, 404, "The model `nope` does not exist."},
		{"out of range", "/v1/chat/completions", chat + `,"temperature":3}`, 422, `"param":"temperature"`},
		{"wrong type", "/v1/chat/completions", chat + `,"top_k":1.5}`, 422, `"param":"top_k"`},
		{"no tokens", "/v1/chat/completions", chat + `,"max_tokens":0}`, 422, `"param":"max_tokens"`},
		{"no messages", "/v1/chat/completions", `{}`, 422, `"param":"messages"`},
		{"unknown path", "/v1/nothing", `{}`, 404, `Not Found`},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, reply, err := post(t, s.URL()+c.path, c.body)
			if err != nil {
				t.Fatal(err)
			}
			if status != c.status || !strings.Contains(reply, c.want) {
				t.Errorf("got %d %s, want %d with %s", status, reply, c.status, c.want)
			}
		})
	}
}

func TestModelsAndHealth(t *testing.T) {
	s := start(t, Config{Models: []string{"a", "b"}, APIKey: "secret", Health: true})
	get := func(path, key string) (int, string) {
		req, err := http.NewRequest(http.MethodGet, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if key != "" {
			req.Header.Set("Authorization", "Bearer "+key)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	for _, c := range []struct {
		path, key string
		status    int
		want      string
	}{
		{"/health", "", 200, ""},
		{"/v1/models", "", 401, "Unauthorized"},
		{"/v1/models", "secret", 200, `"id":"b"`},
		{"/models", "secret", 200, `"id":"a"`},
		{"/v1/models/b", "secret", 200, `"id":"b"`},
		{"/v1/models/c", "secret", 404, "does not exist"},
		{"/v1/chat/completions", "secret", 405, "Method Not Allowed"},
	} {
		if status, body := get(c.path, c.key); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("GET %s: %d %s, want %d with %q", c.path, status, body, c.status, c.want)
		}
	}
	s.SetFaults(Faults{HealthStatus: 503, ModelsStatus: 500})
	if status, _ := get("/health", ""); status != 503 {
		t.Errorf("health fault: %d", status)
	}
	if status, _ := get("/v1/models", "secret"); status != 500 {
		t.Errorf("models fault: %d", status)
	}
}

func TestMultipartAndImages(t *testing.T) {
	s := start(t, Config{})
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	_ = form.WriteField("model", "Qwen3-32B")
	part, _ := form.CreateFormFile("file", "a.wav")
	_, _ = part.Write([]byte("not really audio"))
	_ = form.Close()
	status, reply, err := post(t, s.URL()+"/v1/audio/transcriptions", body.String(), "Content-Type", form.FormDataContentType())
	if err != nil || status != 200 || !strings.Contains(reply, `"text":"`) {
		t.Errorf("transcription: %d %s %v", status, reply, err)
	}
	if got := s.Requests()[0]; got.Model != "Qwen3-32B" || !bytes.Equal(got.Body, body.Bytes()) {
		t.Errorf("seen model %q, %d body bytes", got.Model, len(got.Body))
	}
	status, reply, err = post(t, s.URL()+"/v1/images/generations", `{"prompt":"a cat"}`)
	if err != nil || status != 200 {
		t.Fatalf("images: %d %s %v", status, reply, err)
	}
	var images struct{ Data []struct{ B64_JSON string } }
	if err := json.Unmarshal([]byte(reply), &images); err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(images.Data[0].B64_JSON)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := png.Decode(bytes.NewReader(raw)); err != nil {
		t.Errorf("the image is no PNG: %v", err)
	}
}

// events splits a whole SSE body into the data of its events.
func events(t *testing.T, body string) []string {
	t.Helper()
	var out []string
	for _, block := range strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		lines := strings.Split(block, "\n")
		data, ok := strings.CutPrefix(lines[len(lines)-1], "data: ")
		if !ok {
			t.Fatalf("event without data: %q", block)
		}
		out = append(out, data)
	}
	return out
}

func TestStreamSaysWhatTheWholeReplySays(t *testing.T) {
	s := start(t, Config{})
	url := s.URL() + "/v1/chat/completions"
	_, whole, err := post(t, url, hello)
	if err != nil {
		t.Fatal(err)
	}
	_, streamed, err := post(t, url, strings.TrimSuffix(hello, "}")+`,"stream":true,"stream_options":{"include_usage":true}}`)
	if err != nil {
		t.Fatal(err)
	}
	list := events(t, streamed)
	if len(list) != 1+16+1+1+1 { // role, tokens, finish, usage, [DONE]
		t.Fatalf("%d events:\n%s", len(list), streamed)
	}
	if list[len(list)-1] != "[DONE]" || !strings.Contains(list[len(list)-2], `"choices":[],"usage":{"completion_tokens":16`) {
		t.Errorf("the stream ends with %s", list[len(list)-2:])
	}
	var text strings.Builder
	for _, e := range list[:len(list)-1] {
		var chunk struct {
			Object  string
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal([]byte(e), &chunk); err != nil {
			t.Fatalf("%v in %s", err, e)
		}
		if chunk.Object != "chat.completion.chunk" {
			t.Errorf("object %q", chunk.Object)
		}
		for _, c := range chunk.Choices {
			text.WriteString(c.Delta.Content)
		}
	}
	if !strings.Contains(whole, quote(text.String())) {
		t.Errorf("streamed %q, whole reply %s", text.String(), whole)
	}
}

func TestOtherStreamsAreWellFormed(t *testing.T) {
	s := start(t, Config{Tokens: 3})
	for _, c := range []struct {
		path, body string
		n          int
		last       string
	}{
		{"/v1/completions", `{"prompt":"a","stream":true}`, 3 + 1 + 1, "[DONE]"},
		{"/v1/completions", `{"prompt":"a","stream":true,"n":2}`, 2*(3+1) + 1, "[DONE]"},
		{"/v1/messages", strings.TrimSuffix(hello, "}") + `,"max_tokens":8,"stream":true}`, 2 + 3 + 3, `{"type":"message_stop"}`},
		{"/v1/responses", `{"input":"a","stream":true}`, 3 + 3 + 4, `"response.completed"`},
	} {
		status, body, err := post(t, s.URL()+c.path, c.body)
		if err != nil || status != 200 {
			t.Fatalf("%s: %d %s %v", c.path, status, body, err)
		}
		list := events(t, body)
		if len(list) != c.n || !strings.Contains(list[len(list)-1], c.last) {
			t.Errorf("%s: %d events, want %d, last %s, want %s", c.path, len(list), c.n, list[len(list)-1], c.last)
		}
		for _, e := range list {
			if e != "[DONE]" && !json.Valid([]byte(e)) {
				t.Errorf("%s: not JSON: %s", c.path, e)
			}
		}
	}
}

func TestStepHoldsEachEvent(t *testing.T) {
	s := start(t, Config{Tokens: 2})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/v1/chat/completions",
		strings.NewReader(strings.TrimSuffix(hello, "}")+`,"stream":true}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Fake-Step", "1")
	req.Header.Set("X-Fake-Id", "one")
	s.Step("one", 1) // a step may come first
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for i := range 5 { // role, two tokens, finish, [DONE]
		for lines.Scan() && lines.Text() == "" {
		}
		if !strings.HasPrefix(lines.Text(), "data: ") {
			t.Fatalf("event %d: %q", i, lines.Text())
		}
		if i < 4 {
			got, err := s.Wait(t.Context(), func(r Seen) bool { return r.ID == "one" && r.Waiting && r.Events == i+1 })
			if err != nil || got.Done {
				t.Fatalf("after event %d: %+v, %v", i, got, err)
			}
			s.Step("one", 1)
		}
	}
	if _, err := s.Wait(t.Context(), func(r Seen) bool { return r.Done && !r.Left }); err != nil {
		t.Fatal(err)
	}
}

func TestFaults(t *testing.T) {
	s := start(t, Config{Tokens: 4})
	url := s.URL() + "/v1/chat/completions"
	streamed := strings.TrimSuffix(hello, "}") + `,"stream":true}`
	t.Run("status", func(t *testing.T) {
		status, reply, err := post(t, url, hello, "X-Fake-Status", "429")
		if err != nil || status != 429 || !strings.Contains(reply, "RateLimitError") {
			t.Error(status, reply, err)
		}
	})
	t.Run("bad header", func(t *testing.T) {
		if status, _, _ := post(t, url, hello, "X-Fake-Status", "soon"); status != 400 {
			t.Error(status)
		}
	})
	t.Run("reset", func(t *testing.T) {
		if status, _, err := post(t, url, hello, "X-Fake-Reset", "1"); err == nil {
			t.Error("got a reply", status)
		}
	})
	t.Run("cut whole reply", func(t *testing.T) {
		if _, _, err := post(t, url, hello, "X-Fake-Cut", "1"); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err)
		}
	})
	t.Run("cut stream", func(t *testing.T) {
		_, body, err := post(t, url, streamed, "X-Fake-Cut", "2")
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(events(t, body)) != 3 || strings.Contains(body, "[DONE]") {
			t.Errorf("%v after %s", err, body)
		}
	})
	t.Run("set for all", func(t *testing.T) {
		s.SetFaults(Faults{Status: 500, RetryAfter: 3})
		defer s.SetFaults(Faults{})
		if status, _, _ := post(t, url, hello); status != 500 {
			t.Error(status)
		}
	})
	if err := s.WaitIdle(t.Context()); err != nil || s.OpenRequests() != 0 {
		t.Error(s.OpenRequests(), err)
	}
}

func TestLeavingIsSeen(t *testing.T) {
	s := start(t, Config{Tokens: 4})
	for _, c := range []struct{ id, header, value string }{
		{"hang", "X-Fake-Hang", "1"},
		{"mid", "X-Fake-Hang-After", "2"},
		{"gate", "X-Fake-Step", "1"},
		{"slow", "X-Fake-Delay", "3600000"},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL()+"/v1/chat/completions",
			strings.NewReader(strings.TrimSuffix(hello, "}")+`,"stream":true}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(c.header, c.value)
		req.Header.Set("X-Request-Id", c.id)
		done := make(chan struct{})
		go func() {
			defer close(done)
			resp, err := client.Do(req)
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
		}()
		if got, err := s.Wait(t.Context(), func(r Seen) bool { return r.ID == c.id }); err != nil || got.Left || got.Done {
			t.Fatalf("%s: %+v %v", c.id, got, err)
		}
		cancel()
		<-done
		if got, err := s.Wait(t.Context(), func(r Seen) bool { return r.ID == c.id && r.Left && r.Done }); err != nil || got.LeftAfter <= 0 {
			t.Errorf("%s: %+v %v", c.id, got, err)
		}
	}
	if got := s.Stats(); got != (Stats{Requests: 4, MaxOpen: 1, Cancelled: 4}) {
		t.Errorf("%+v", got)
	}
}

func TestDownRefusesAndUpComesBack(t *testing.T) {
	s := start(t, Config{})
	for range 2 {
		if err := s.Down(); err != nil {
			t.Fatal(err)
		}
		if c, err := net.Dial("tcp", s.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Fatalf("while down: %v, %v", c, err)
		}
		if err := s.Up(); err != nil {
			t.Fatal(err)
		}
		if status, _, err := post(t, s.URL()+"/v1/chat/completions", hello); err != nil || status != 200 {
			t.Fatal(status, err)
		}
	}
	if err := s.Up(); err == nil {
		t.Error("Up of a service that is up")
	}
}

func TestReserve(t *testing.T) {
	addr, release, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if c, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatalf("before a service is there: %v, %v", c, err)
	}
	s := start(t, Config{Addr: addr})
	if status, _, err := post(t, s.URL()+"/v1/chat/completions", hello); err != nil || status != 200 {
		t.Fatal(status, err)
	}
}

func TestRecordIsBounded(t *testing.T) {
	few, none := start(t, Config{Record: 2}), start(t, Config{Record: -1})
	for range 5 {
		_, _, _ = post(t, few.URL()+"/v1/chat/completions", hello)
		_, _, _ = post(t, none.URL()+"/v1/chat/completions", hello)
	}
	if n := len(few.Requests()); n != 2 || few.Total() != 5 {
		t.Errorf("kept %d of %d", n, few.Total())
	}
	if n := len(none.Requests()); n != 0 || none.Total() != 5 {
		t.Errorf("kept %d of %d", n, none.Total())
	}
	few.Forget()
	if n := len(few.Requests()); n != 0 {
		t.Errorf("kept %d after Forget", n)
	}
}

func TestControls(t *testing.T) {
	s := start(t, Config{})
	call := func(method, path, body string) (int, string) {
		req, err := http.NewRequest(method, s.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	_, _, _ = post(t, s.URL()+"/v1/chat/completions", hello, "X-Fake-Id", "a")
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"GET", "/fake/wait?id=a&state=done", "", 200, `"model":"Qwen3-32B"`},
		{"GET", "/fake/wait?id=b&state=done&seconds=0.001", "", 408, "no request b"},
		{"GET", "/fake/wait?id=a&state=x", "", 400, "state must be"},
		{"GET", "/fake/requests", "", 200, `"id":"a"`},
		{"GET", "/fake/requests", "", 200, `"body":"{\"model\":`},
		{"GET", "/fake/wait?id=a&state=arrived&events=1&seconds=0.001", "", 408, "no request a"},
		{"POST", "/fake/step?id=a&n=2", "", 200, `{"stepped":2}`},
		{"PUT", "/fake/faults", `{"Status":503}`, 200, `"Status":503`},
		{"PUT", "/fake/faults", `[`, 400, "error"},
		{"GET", "/fake/stats", "", 200, `{"requests":1,"open":0,"max_open":1,"cancelled":0}`},
		{"GET", "/fake/nothing", "", 404, "no such control"},
	} {
		if status, body := call(c.method, c.path, c.body); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
	if status, _, _ := post(t, s.URL()+"/v1/chat/completions", hello); status != 503 {
		t.Errorf("fault set over HTTP: %d", status)
	}
	if s.Total() != 2 {
		t.Errorf("controls count as requests: %d", s.Total())
	}
}
