package service

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
)

const list = `{"object":"list","data":[{"id":"m","object":"model","max_model_len":4096},{"id":"n"}]}`

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func cutShort(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, list)
}

func endless(w http.ResponseWriter, _ *http.Request) {
	chunk := strings.Repeat(" ", 64<<10)
	for {
		if _, err := io.WriteString(w, chunk); err != nil {
			return
		}
	}
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func manyModels(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, `{"data":[{"id":"m0"}`)
	for i := range 10_000 {
		_, _ = fmt.Fprintf(w, `,{"id":"m%d"}`, i+1)
	}
	_, _ = io.WriteString(w, `]}`)
}

func TestProbeOverHTTP(t *testing.T) {
	type paths map[string]http.HandlerFunc
	target := Target{HealthPath: "/health", Discover: true, Timeout: 10 * time.Second}
	fixed, noPath, hasty := target, target, target
	fixed.Discover = false
	noPath.HealthPath = ""
	hasty.Timeout = 2 * time.Second // for the answer that comes, too
	for name, c := range map[string]struct {
		target Target
		paths  paths // anything else is 404
		ok     bool
		models []string // nil: not discovered
		reason string   // part of it; "" is none at all
	}{
		"well":                       {target, paths{"/health": reply(200, ""), "/v1/models": reply(200, list)}, true, []string{"m", "n"}, ""},
		"204 is well":                {target, paths{"/health": reply(204, ""), "/v1/models": reply(200, list)}, true, []string{"m", "n"}, ""},
		"models without v1":          {target, paths{"/health": reply(200, ""), "/models": reply(200, list)}, true, []string{"m", "n"}, ""},
		"v1 first":                   {target, paths{"/health": reply(200, ""), "/v1/models": reply(200, `{"data":[]}`), "/models": reply(200, list)}, true, []string{}, ""},
		"v1 unreadable":              {target, paths{"/health": reply(200, ""), "/v1/models": reply(200, "<html>"), "/models": reply(200, list)}, true, []string{"m", "n"}, ""},
		"no models at all":           {target, paths{"/health": reply(200, "")}, true, nil, "GET /v1/models: status 404; GET /models: status 404"},
		"models refused":             {target, paths{"/health": reply(200, ""), "/v1/models": reply(401, "")}, true, nil, "GET /v1/models: status 401"},
		"models unreadable":          {target, paths{"/health": reply(200, ""), "/v1/models": reply(200, "<html>")}, true, nil, "GET /v1/models: "},
		"models cut short":           {target, paths{"/health": reply(200, ""), "/v1/models": cutShort}, true, nil, "GET /v1/models: unexpected EOF"},
		"models endless":             {target, paths{"/health": reply(200, ""), "/v1/models": endless}, true, nil, "GET /v1/models: the reply is over 4194304 bytes"},
		"too many models":            {target, paths{"/health": reply(200, ""), "/v1/models": manyModels}, true, nil, "more than 10000 entries"},
		"models hang":                {hasty, paths{"/health": reply(200, ""), "/v1/models": hang}, true, nil, `GET /v1/models: no answer within [health] timeout = "2s"`},
		"unwell":                     {target, paths{"/health": reply(503, ""), "/v1/models": reply(200, list)}, false, nil, "GET /health: status 503"},
		"health refused":             {target, paths{"/health": reply(401, ""), "/v1/models": reply(200, list)}, false, nil, "GET /health: status 401"},
		"health elsewhere":           {target, paths{"/health": http.RedirectHandler("/v1/models", http.StatusFound).ServeHTTP, "/v1/models": reply(200, list)}, false, nil, "GET /health: status 302"},
		"health hangs":               {hasty, paths{"/health": hang, "/v1/models": reply(200, list)}, false, nil, `GET /health: no answer within [health] timeout = "2s"`},
		"health body is not read":    {target, paths{"/health": endless, "/v1/models": reply(200, list)}, true, []string{"m", "n"}, ""},
		"no health path, 404":        {target, paths{"/v1/models": reply(200, list)}, true, []string{"m", "n"}, ""},
		"no health path, 405":        {target, paths{"/health": reply(405, ""), "/models": reply(200, list)}, true, []string{"m", "n"}, ""},
		"no health path, 501":        {target, paths{"/health": reply(501, ""), "/v1/models": reply(200, list)}, true, []string{"m", "n"}, ""},
		"no path at all":             {target, paths{}, false, nil, "GET /health: status 404; GET /v1/models: status 404; GET /models: status 404"},
		"models unwell":              {target, paths{"/v1/models": reply(500, "")}, false, nil, "GET /v1/models: status 500"},
		"none configured":            {noPath, paths{"/health": reply(503, ""), "/v1/models": reply(200, list)}, true, []string{"m", "n"}, ""},
		"fixed models, well":         {fixed, paths{"/health": reply(200, ""), "/v1/models": reply(200, list)}, true, nil, ""},
		"fixed models, by models":    {fixed, paths{"/v1/models": reply(200, list)}, true, nil, ""},
		"fixed models, nothing else": {fixed, paths{}, false, nil, "GET /models: status 404"},
		"configured path":            {Target{HealthPath: "/ready", Discover: true, Timeout: 10 * time.Second}, paths{"/ready": reply(200, ""), "/v1/models": reply(200, list)}, true, []string{"m", "n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				path, ok := strings.CutPrefix(r.URL.Path, "/prefix")
				h := c.paths[path]
				if !ok || h == nil {
					h = http.NotFound
				}
				h(w, r)
			}))
			defer server.Close()
			d := &dialer{address: server.Listener.Addr().String(), timeout: 10 * time.Second}
			got := newHTTPProbe(server.URL+"/prefix", d).check(t.Context(), c.target)
			if got.Healthy != c.ok || got.Discovered != (c.models != nil) {
				t.Errorf("got %+v", got)
			}
			if c.models != nil && !slices.Equal(ids(got.Models), c.models) {
				t.Errorf("models %v, want %v", ids(got.Models), c.models)
			}
			if !strings.Contains(got.Reason, c.reason) || (c.reason == "") != (got.Reason == "") {
				t.Errorf("reason %q, want %q in it", got.Reason, c.reason)
			}
		})
	}
}

func TestProbeOfNobody(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	_ = listener.Close()
	d := &dialer{address: address, timeout: 10 * time.Second}
	got := newHTTPProbe("http://"+address, d).check(t.Context(), Target{HealthPath: "/health", Discover: true, Timeout: 10 * time.Second})
	if got.Healthy || got.Discovered || !strings.Contains(got.Reason, "GET /health: dial tcp "+address) {
		t.Errorf("got %+v", got)
	}
}

// TestProbingARealService goes through Set from end to end.
func TestProbingARealService(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	inHealth := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Connection"))
		n := len(seen)
		mu.Unlock()
		switch {
		case n > 2:
			close(inHealth)
			hang(w, r)
		case r.URL.Path == "/p/v1/models":
			_, _ = io.WriteString(w, list)
		}
	}))
	defer server.Close()
	cfg := named("a")
	cfg.URL, cfg.APIKey = server.URL+"/p", "sk-1"
	h := testHealth
	h.Interval, h.Timeout = time.Millisecond, time.Hour
	s, err := NewSet([]config.Service{cfg}, h, 10*time.Second, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Start(t.Context())
	if !s.WaitReady(t.Context(), time.Minute) || !s.All()[0].Healthy() {
		t.Fatal("not healthy")
	}
	if got := string(s.Models()[0].Raw); got != `{"id":"m","object":"model","max_model_len":4096}` {
		t.Errorf("the model's object came as %s", got)
	}
	<-inHealth // the second round hangs in its first request
	s.Release()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-s.All()[0].stopped:
	case <-ctx.Done():
		t.Fatal("the prober did not end")
	}
	want := []string{"GET /p/health Bearer sk-1 close", "GET /p/v1/models Bearer sk-1 close", "GET /p/health Bearer sk-1 close"}
	if !slices.Equal(seen, want) {
		t.Errorf("the service saw %q", seen)
	}
}
