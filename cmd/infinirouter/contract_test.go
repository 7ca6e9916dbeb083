package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

const chat = `{"model":"m","messages":[{"role":"user","content":"hello"}]}`

func TestStatusPages(t *testing.T) {
	a := startService(t, echo, "Qwen3-32B", "m")
	b := startService(t, echo, "9g_8b_thinking", "m")
	r := startRouter(t, quickHealth+fmt.Sprintf("[[services]]\nname = \"b\"\nurl = %q\nlabels = { tier = \"gold\" }\n[[services]]\nname = \"a\"\nurl = %q\n", b.URL, a.URL))
	fetch(t, "POST", r.url+"/v1/chat/completions", chat)

	status, page := fetchJSON(t, "GET", r.url+"/health", "")
	if status != 200 || page["status"] != "healthy" || page["router"] != "running" || page["healthy_services"] != "2/2" || len(page["timestamp"].(string)) != len("2024-01-15T10:30:00") {
		t.Errorf("/health: %d %v", status, page)
	}
	for _, path := range []string{"/models", "/v1/models"} {
		_, page = fetchJSON(t, "GET", r.url+path, "")
		var ids []string
		for _, m := range page["data"].([]any) {
			m := m.(map[string]any)
			ids = append(ids, m["id"].(string))
			if m["object"] != "model" || m["created"] != 1705312200.0 || m["owned_by"] != "test" {
				t.Errorf("%s: %v is not the service's own object", path, m)
			}
		}
		if page["object"] != "list" || strings.Join(ids, " ") != "9g_8b_thinking Qwen3-32B m" {
			t.Errorf("%s: %v", path, page)
		}
	}
	status, page = fetchJSON(t, "GET", r.url+"/v1/models/Qwen3-32B", "")
	if status != 200 || page["id"] != "Qwen3-32B" {
		t.Errorf("/v1/models/Qwen3-32B: %d %v", status, page)
	}
	if status, page = fetchJSON(t, "GET", r.url+"/v1/models/none", ""); status != 404 {
		t.Errorf("/v1/models/none: %d %v", status, page)
	}
	_, page = fetchJSON(t, "GET", r.url+"/services", "")
	first := page["services"].([]any)[0].(map[string]any)
	if page["total"] != 2.0 || first["name"] != "b" || first["url"] != b.URL || first["healthy"] != true || fmt.Sprint(first["models"]) != "[9g_8b_thinking m]" {
		t.Errorf("/services: %v", page)
	}
	_, page = fetchJSON(t, "GET", r.url+"/stats", "")
	var requests, seconds float64
	for _, s := range page["services"].([]any) {
		s := s.(map[string]any)
		requests += s["request_count"].(float64)
		seconds += s["response_time"].(float64)
		if s["error_count"] != 0.0 || s["healthy"] != true {
			t.Errorf("/stats: %v", s)
		}
	}
	if page["total_services"] != 2.0 || page["healthy_services"] != 2.0 || requests != 1 || seconds <= 0 {
		t.Errorf("/stats: %v", page)
	}
}

func TestEveryEndpointReachesAService(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.String()) })
	r := startRouter(t, oneService(s.URL+"/base", "[server]\nexpose_service = true")+"models = [\"m\"]\n")
	for _, name := range []string{
		"chat/completions", "completions", "embeddings", "responses", "moderations", "rerank", "score", "audio/speech",
		"images/generations", "messages",
	} {
		for _, prefix := range []string{"/", "/v1/"} {
			resp, got := fetch(t, "POST", r.url+prefix+name+"?a=b%20c", chat)
			if resp.StatusCode != 200 || string(got) != "/base/v1/"+name+"?a=b%20c" || resp.Header.Get("X-Router-Service") != "one" {
				t.Errorf("%s%s: %d %s", prefix, name, resp.StatusCode, got)
			}
		}
	}
	for _, name := range []string{"tokenize", "detokenize"} {
		for _, prefix := range []string{"/", "/v1/"} {
			if _, got := fetch(t, "POST", r.url+prefix+name, chat); string(got) != "/base/"+name {
				t.Errorf("%s%s: %s", prefix, name, got)
			}
		}
	}
}

func TestMultipartReachesAServiceUnchanged(t *testing.T) {
	var got []byte
	s := startService(t, func(w http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) }, "whisper", "other")
	r := startRouter(t, oneService(s.URL))
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	file, _ := w.CreateFormFile("file", "a.wav")
	_, _ = file.Write([]byte{0, 1, 2, '\r', '\n', 0xff})
	_ = w.WriteField("model", "whisper")
	_ = w.Close()
	sent := form.String()
	resp, err := http.Post(r.url+"/v1/audio/transcriptions", w.FormDataContentType(), &form)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || string(got) != sent {
		t.Errorf("%d, the service got %q for %q", resp.StatusCode, got, sent)
	}
}

func TestErrors(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(422)
		_, _ = io.WriteString(w, `{"detail":"no"}`)
	}, "m", "n")
	for format, unknown := range map[string]int{"plain": 503, "openai": 404} {
		r := startRouter(t, oneService(s.URL, "[server]\nmax_body = \"1KiB\"\nerror_format = \""+format+"\""))
		for _, c := range []struct {
			name, method, path, body string
			status                   int
			says                     string
		}{
			{"invalid JSON", "POST", "/v1/chat/completions", `{"model":`, 400, "byte 9"},
			{"not an object", "POST", "/v1/chat/completions", `[1]`, 400, "object"},
			{"a key twice", "POST", "/v1/chat/completions", `{"model":"m","mod\u0065l":"n"}`, 400, "model"},
			{"model is no string", "POST", "/v1/chat/completions", `{"model":1}`, 400, "model"},
			{"no model of several", "POST", "/v1/chat/completions", `{}`, 400, "model"},
			{"empty body", "POST", "/v1/chat/completions", ``, 400, ""},
			{"unknown model", "POST", "/v1/chat/completions", `{"model":"none"}`, unknown, "none"},
			{"too large", "POST", "/v1/chat/completions", `{"model":"m","x":"` + strings.Repeat("x", 2000) + `"}`, 413, "max_body"},
			{"unknown endpoint", "POST", "/v1/load_lora_adapter", chat, 404, "load_lora_adapter"},
			{"wrong method", "GET", "/v1/chat/completions", "", 405, "POST"},
			{"a page's wrong method", "POST", "/v1/models", "", 405, "takes GET, not POST"},
			{"a model's wrong method", "DELETE", "/models/m", "", 405, "takes GET, not DELETE"},
			{"an operator's page's wrong method", "GET", "/admin/reload", "", 405, "takes POST, not GET"},
		} {
			resp, got := fetch(t, c.method, r.url+c.path, c.body)
			if resp.StatusCode != c.status || resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s, %s: %d %s %s", format, c.name, resp.StatusCode, resp.Header.Get("Content-Type"), got)
			}
			if message := errorMessage(format, got); message == "" || !strings.Contains(message, c.says) {
				t.Errorf("%s, %s: %s", format, c.name, got)
			}
		}
		resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat)
		if resp.StatusCode != 422 || string(got) != `{"detail":"no"}` {
			t.Errorf("a service's own error: %d %s", resp.StatusCode, got)
		}
	}
}

// errorMessage returns the message of the router's own error, "" when the body
// has not exactly the format's shape.
func errorMessage(format string, body []byte) string {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if format == "plain" {
		var e struct{ Error string }
		if d.Decode(&e) != nil {
			return ""
		}
		return e.Error
	}
	var e struct {
		Error struct {
			Message, Type string
			Param, Code   *string
		}
	}
	if d.Decode(&e) != nil || e.Error.Type == "" {
		return ""
	}
	return e.Error.Message
}

func TestServiceThatIsNotThere(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL, `
[[services]]
name = "two"
url = "http://127.0.0.1:1"
models = ["m", "gone"]
`))
	for range 20 {
		if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 200 || string(got) != chat {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
	}
	resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", `{"model":"gone"}`)
	if resp.StatusCode != 503 || !strings.Contains(string(got), "no healthy service") {
		t.Errorf("a known model without a healthy service: %d %s", resp.StatusCode, got)
	}
}

func TestBodiesArriveByteForByte(t *testing.T) {
	s := startService(t, echo, "m", "Qwen3-32B")
	r := startRouter(t, oneService(s.URL))
	odd := "{ \"model\" :\t\"m\", \"a\\u0041\": 1e5,\n\"messages\":[{\"content\":\"\\ud83d\\ude00 " + strings.Repeat("é ", 500_000) + "\"}] , \"z\":null }"
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", odd); resp.StatusCode != 200 || string(got) != odd {
		t.Errorf("%d, %d bytes for %d", resp.StatusCode, len(got), len(odd))
	}
}

func TestAPIKeys(t *testing.T) {
	var seen string
	s := startService(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Get("Authorization") })
	r := startRouter(t, oneService(s.URL, "[[api_keys]]\nid = \"team\"\nkey = \"s3cret-key\"\n"))
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 401 {
		t.Errorf("no key: %d %s", resp.StatusCode, got)
	}
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat, "Authorization", "Bearer wrong"); resp.StatusCode != 401 || strings.Contains(string(got), "wrong") {
		t.Errorf("wrong key: %d %s", resp.StatusCode, got)
	}
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat, "Authorization", "Bearer s3cret-key"); resp.StatusCode != 200 || seen != "" {
		t.Errorf("right key: %d %s, the service saw %q", resp.StatusCode, got, seen)
	}
	for path, open := range map[string]bool{"/health": true, "/models": false, "/v1/models": false, "/v1/models/m": false, "/services": false, "/stats": false} {
		without, _ := fetch(t, "GET", r.url+path, "")
		with, _ := fetch(t, "GET", r.url+path, "", "Authorization", "Bearer s3cret-key")
		if open != (without.StatusCode == 200) || with.StatusCode != 200 {
			t.Errorf("%s: %d without a key, %d with one", path, without.StatusCode, with.StatusCode)
		}
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if out := r.log.String() + r.access.String(); strings.Contains(out, "s3cret") || !strings.Contains(out, "team") {
		t.Errorf("logs: %s", out)
	}
}

func TestRequestID(t *testing.T) {
	var seen string
	s := startService(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Get("X-Request-Id") })
	r := startRouter(t, oneService(s.URL))
	resp, _ := fetch(t, "POST", r.url+"/v1/chat/completions", chat, "X-Request-Id", "abc-1")
	if resp.Header.Get("X-Request-Id") != "abc-1" || seen != "abc-1" {
		t.Errorf("reply %q, service %q", resp.Header.Get("X-Request-Id"), seen)
	}
	resp, _ = fetch(t, "POST", r.url+"/v1/chat/completions", chat)
	if id := resp.Header.Get("X-Request-Id"); len(id) < 16 || id != seen {
		t.Errorf("made %q, the service got %q", id, seen)
	}
	resp, _ = fetch(t, "POST", r.url+"/v1/nope", chat)
	if resp.Header.Get("X-Request-Id") == "" {
		t.Error("an error without an id")
	}
}

// TestServiceThatDies: requests that meet a dead service are answered by
// another, each is counted once, and a run of them takes the dead one out.
func TestServiceThatDies(t *testing.T) {
	a, b := startService(t, echo), startService(t, echo)
	r := startRouter(t, fmt.Sprintf("[health]\ninterval = \"1h\"\nunhealthy_after = 3\n[[services]]\nname = \"a\"\nurl = %q\n[[services]]\nname = \"b\"\nurl = %q\n", a.URL, b.URL))
	a.CloseClientConnections()
	a.Close()
	const requests = 40
	for range requests {
		if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 200 || string(got) != chat {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
	}
	_, page := fetchJSON(t, "GET", r.url+"/stats", "")
	dead, alive := page["services"].([]any)[0].(map[string]any), page["services"].([]any)[1].(map[string]any)
	if dead["healthy"] != false || dead["error_count"] != 3.0 || dead["request_count"] != 3.0 || alive["request_count"] != float64(requests) || alive["error_count"] != 0.0 {
		t.Errorf("%v", page)
	}
}
