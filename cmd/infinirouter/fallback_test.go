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

// fallbackRouter has one service for each of some models and a route that falls
// back from any to "b", then "c".
func fallbackRouter(t *testing.T, services map[string]string, more string) *testRouter {
	t.Helper()
	var toml strings.Builder
	toml.WriteString(more + "\n[health]\ninterval = \"1h\"\n")
	for _, model := range []string{"a", "b", "c"} {
		if url, ok := services[model]; ok {
			fmt.Fprintf(&toml, "[[services]]\nname = \"serves-%s\"\nurl = %q\nmodels = [%q]\n", model, url, model)
		}
	}
	toml.WriteString("[[routes]]\nname = \"r\"\nfallbacks = [\"b\", \"none\", \"c\"]\n[routes.retry]\nbackoff = \"1ms\"\nmax_backoff = \"1ms\"\n")
	return startRouter(t, toml.String())
}

// named answers with the model that it was asked for and its own name.
func named(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var request struct{ Model string }
		if json.Unmarshal(body, &request) != nil { // a form
			_, rest, _ := bytes.Cut(body, []byte("name=\"model\"\r\n\r\n"))
			request.Model = strings.SplitN(string(rest), "\r\n", 2)[0]
		}
		_, _ = fmt.Fprintf(w, "%s asked for %s", name, request.Model)
	}
}

func refusing(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, text, status) }
}

func TestFallback(t *testing.T) {
	good := startService(t, named("b"))
	goodC := startService(t, named("c"))
	busyA, busyB := startService(t, refusing(503, "a is busy")), startService(t, refusing(529, "b is busy"))
	wrong := startService(t, refusing(500, "a fails"))
	cut := startService(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	for name, c := range map[string]struct {
		services map[string]string
		status   int
		body     string
		fallback string
	}{
		"no service":                        {map[string]string{"b": good.URL}, 200, "b asked for b", "b"},
		"all refuse":                        {map[string]string{"a": busyA.URL, "b": good.URL}, 200, "b asked for b", "b"},
		"the first fallback refuses too":    {map[string]string{"a": busyA.URL, "b": busyB.URL, "c": goodC.URL}, 200, "c asked for c", "c"},
		"all refuse, fallbacks too":         {map[string]string{"a": busyA.URL, "b": busyB.URL}, 529, "b is busy\n", "b"},
		"not needed":                        {map[string]string{"a": startService(t, named("a")).URL, "b": good.URL}, 200, "a asked for a", ""},
		"an error that is an answer":        {map[string]string{"a": wrong.URL, "b": good.URL}, 500, "a fails\n", ""},
		"sent and broken: maybe done twice": {map[string]string{"a": cut.URL, "b": good.URL}, 502, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := fallbackRouter(t, c.services, "")
			resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", `{"model":"a","messages":[]}`)
			if resp.StatusCode != c.status || c.body != "" && string(got) != c.body || resp.Header.Get("X-Router-Fallback") != c.fallback {
				t.Errorf("%d %q, fallback %q", resp.StatusCode, got, resp.Header.Get("X-Router-Fallback"))
			}
			if c.fallback == "" {
				eventually(t, "the request is logged", func() bool { return strings.Contains(r.access.String(), `"status"`) })
				if strings.Contains(r.access.String(), "fallback") {
					t.Errorf("log: %s", r.access.String())
				}
				return
			}
			wantMetric(t, r, fmt.Sprintf(`infinirouter_fallbacks_total{model=%q,route="r"}`, c.fallback), "1")
			eventually(t, "the fallback is in the log", func() bool {
				return strings.Contains(r.access.String(), fmt.Sprintf(`"model_asked":"a","model":%q,"fallback":%q,"service":"serves-%s"`, c.fallback, c.fallback, c.fallback))
			})
		})
	}
}

// TestFallbackOfUnreachable: a model whose services are gone, while health does
// not know it yet.
func TestFallbackOfUnreachable(t *testing.T) {
	dead := startService(t, echo)
	good := startService(t, named("b"))
	r := fallbackRouter(t, map[string]string{"a": dead.URL, "b": good.URL}, "")
	dead.CloseClientConnections()
	dead.Close()
	for range 5 { // the service is taken out meanwhile: all the same
		resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", `{"model":"a"}`)
		if resp.StatusCode != 200 || string(got) != "b asked for b" || resp.Header.Get("X-Router-Fallback") != "b" {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
	}
}

// TestFallbackOfForm: a form is rewritten as a JSON body is.
func TestFallbackOfForm(t *testing.T) {
	good := startService(t, named("b"))
	r := fallbackRouter(t, map[string]string{"b": good.URL}, "")
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	_ = w.WriteField("model", "a")
	_ = w.WriteField("file", "sound")
	_ = w.Close()
	resp, got := fetch(t, "POST", r.url+"/v1/audio/transcriptions", form.String(), "Content-Type", w.FormDataContentType())
	if resp.StatusCode != 200 || string(got) != "b asked for b" {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}

// TestFallbackMeetsPolicies: on_route runs again for the fallback's candidates,
// and alias gives the client the name back that it asked with.
func TestFallbackMeetsPolicies(t *testing.T) {
	dir := builtPolicies(t)
	good := startService(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	busy := startService(t, refusing(503, "busy"))
	r := startRouter(t, fmt.Sprintf(`
[health]
interval = "1h"
[plugins]
dir = %q
[[services]]
name = "one"
url = %q
models = ["a"]
[[services]]
name = "two"
url = %q
models = ["b"]
labels = { tier = "gold" }
[[policies]]
name = "names"
plugin = "alias.wasm"
config = { "gpt" = "a", restore = true }
[[policies]]
name = "canary"
plugin = "canary.wasm"
[policies.config]
models = ["a", "b"]
key = "none"
arms = [{ name = "all", weight = 1, labels = { tier = "gold" } }]
[[routes]]
name = "r"
policies = ["names", "canary"]
fallbacks = ["b"]
[routes.retry]
backoff = "1ms"
`, dir, busy.URL, good.URL))
	resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", `{"model":"gpt","messages":[]}`)
	if resp.StatusCode != 200 || resp.Header.Get("X-Router-Fallback") != "b" || string(got) != `{"model":"gpt","messages":[]}` {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
}
