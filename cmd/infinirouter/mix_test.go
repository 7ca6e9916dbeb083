package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// TestExchangesDoNotMix sends requests of every kind at once, some of which
// are left early, while the router reloads. Each carries a word of its own
// where a client's words can be: nobody may ever meet another's, in a reply,
// at the service or in the access log.
func TestExchangesDoNotMix(t *testing.T) {
	s := startService(t, mirror)
	config := func(n int) string {
		return oneService(s.URL, pluginsIn(builtPolicies(t))) + fmt.Sprintf("weight = %d\n", 1+n%3) +
			withPolicy("names", "alias.wasm", `{ "word-*" = "m", restore = true }`) +
			"[[api_keys]]\nid = \"key-even\"\nkey = \"secret-even\"\n[[api_keys]]\nid = \"key-odd\"\nkey = \"secret-odd\"\n"
	}
	r := startRouter(t, config(0))
	const workers, each = 6, 150
	var all sync.WaitGroup
	for w := range workers {
		m := &mixer{t: t, url: r.url, random: rand.New(rand.NewPCG(7, uint64(w))), worker: w}
		all.Go(func() {
			for m.n = range each {
				m.once()
			}
		})
	}
	for n := range 20 {
		writeFile(t, r.config, config(n+1))
		if page := r.reload(t); page["ok"] != true {
			t.Errorf("%v", page)
		}
	}
	all.Wait()
	eventually(t, "all are accounted", func() bool { return strings.Count(r.access.String(), "\n") >= workers*each })
	for line := range strings.Lines(r.access.String()) {
		checkMixedLine(t, line)
	}
	if s := serviceFigures(t, r, "Authorization", "Bearer secret-odd"); s["in_flight"] != 0.0 || s["error_count"] != 0.0 {
		t.Errorf("%v", s)
	}
	if strings.Contains(r.access.String()+r.log.String(), "secret-") {
		t.Error("a key is in the logs")
	}
}

// mirror answers with what it got, as JSON or as events.
func mirror(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	text, _ := json.Marshal(map[string]any{"model": "m", "body": string(body), "word": r.Header.Get("X-Word"), "key": r.Header.Get("Authorization")})
	w.Header().Set("X-Reply-Word", r.Header.Get("X-Word"))
	if !strings.Contains(string(body), `"stream":true`) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for range 3 {
		_, _ = fmt.Fprintf(w, "data: %s\n\n", text)
		w.(http.Flusher).Flush()
	}
}

// mixer is one client with requests of all kinds.
type mixer struct {
	t      *testing.T
	url    string
	random *rand.Rand
	worker int
	n      int
}

// once sends a request and checks that its answer is about nothing else.
func (m *mixer) once() {
	word := fmt.Sprintf("word-%d-%d-%s", m.worker, m.n, strings.Repeat("y", m.random.IntN(40)))
	kind, body, want := m.random.IntN(7), fmt.Sprintf(`{"model":%q,"pad":%q}`, word, strings.Repeat("z", m.random.IntN(9000))), 200
	switch kind {
	case 0:
		body, want = `{"pad":"`+word+`"}`, 200 // no model: the only one there is
	case 1:
		body, want = `{"model":"`+word+`",`, 400
	case 2:
		body, want = `{"model":"other-`+word+`"}`, 503
	case 3, 4:
		body = fmt.Sprintf(`{"model":%q,"stream":true}`, word)
	}
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, m.url+"/v1/chat/completions", strings.NewReader(body))
	req.Header.Set("X-Request-Id", word)
	req.Header.Set("X-Word", word)
	key := [...]string{"even", "odd"}[m.n%2]
	req.Header.Set("Authorization", "Bearer secret-"+key)
	if kind == 5 {
		want = 401
		req.Header.Del("Authorization")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		m.t.Errorf("%s: %v", word, err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != want || resp.Header.Get("X-Request-Id") != word || want == 200 && resp.Header.Get("X-Reply-Word") != word {
		m.t.Errorf("%s: %d, want %d, %v", word, resp.StatusCode, want, resp.Header)
	}
	if kind == 4 { // leaves after the first event
		_, _ = readEvent(bufio.NewReader(resp.Body))
		leave()
		return
	}
	got, err := io.ReadAll(resp.Body)
	text := string(got)
	if err != nil || strings.Contains(text, "secret-") || strings.Count(text, "word-") != strings.Count(text, word) {
		m.t.Errorf("%s got %.500s %v", word, text, err)
	}
	if restored := strings.Count(text, fmt.Sprintf(`"model":%q`, word)); kind == 3 && restored != 3 || kind == 6 && restored != 1 {
		m.t.Errorf("%s: the model is restored %d times: %.500s", word, restored, text)
	}
}

// checkMixedLine holds the fields of an access log line against its id.
func checkMixedLine(t *testing.T, line string) {
	t.Helper()
	var record map[string]any
	if err := json.Unmarshal([]byte(line), &record); err != nil {
		t.Errorf("%v: %s", err, line)
		return
	}
	id, _ := record["id"].(string)
	var worker, n int
	if _, err := fmt.Sscanf(id, "word-%d-%d-", &worker, &n); err != nil {
		t.Errorf("%v: %s", err, line)
	}
	if asked, ok := record["model_asked"].(string); ok && asked != id && asked != "other-"+id {
		t.Errorf("another's model: %s", line)
	}
	if key, ok := record["key"].(string); ok && key != [...]string{"key-even", "key-odd"}[n%2] {
		t.Errorf("another's key: %s", line)
	}
	switch outcome := record["outcome"]; outcome {
	case "ok", "rejected", "client_gone":
	default:
		t.Errorf("outcome %v: %s", outcome, line)
	}
}
