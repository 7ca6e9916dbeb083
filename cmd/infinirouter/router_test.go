package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/infinirouter/infinirouter/cmd/infinirouter/build"
)

// The tests of this file and its neighbours run the whole router, as serve
// does, over sockets: real listeners, real services, real plugins.

// testRouter is a running router.
type testRouter struct {
	url    string
	config string // path of its router.toml
	log    *syncBuffer
	access *syncBuffer
	stop   func() error
}

// startRouter serves the given router.toml, to which it adds a listener of its
// own choice, until the test ends.
func startRouter(t testing.TB, toml string) *testRouter {
	t.Helper()
	path := filepath.Join(t.TempDir(), "router.toml")
	writeFile(t, path, toml)
	r := &testRouter{config: path, log: &syncBuffer{}, access: &syncBuffer{}}
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- runServe(ctx, path, r.access, r.log, serveOptions{Listen: "127.0.0.1:0", Ready: func(addr string) { ready <- addr }})
	}()
	select {
	case addr := <-ready:
		r.url = "http://" + addr
	case err := <-done:
		cancel()
		t.Fatalf("serve: %v", err)
	}
	stopped := false
	r.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
		if t.Failed() {
			t.Logf("the router's log:\n%s", r.log.String())
		}
	})
	return r
}

// reload asks for a reload and returns the answer's page.
func (r *testRouter) reload(t *testing.T) map[string]any {
	t.Helper()
	_, page := fetchJSON(t, http.MethodPost, r.url+"/admin/reload", "")
	return page
}

// quickHealth is a [health] section that tests need not wait for.
const quickHealth = "[health]\ninterval = \"1s\"\ntimeout = \"5s\"\n"

// oneService is a router.toml with one service.
func oneService(url string, more ...string) string {
	return quickHealth + strings.Join(more, "\n") + fmt.Sprintf("\n[[services]]\nname = \"one\"\nurl = %q\n", url)
}

// startService runs a service of the test's own making: handler answers the
// inference endpoints, models and health are answered here.
func startService(t testing.TB, handler http.HandlerFunc, models ...string) *httptest.Server {
	t.Helper()
	if len(models) == 0 {
		models = []string{"m"}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/v1/models", func(w http.ResponseWriter, _ *http.Request) {
		list := []map[string]any{}
		for _, m := range models {
			list = append(list, map[string]any{"id": m, "object": "model", "created": 1705312200, "owned_by": "test"})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"object": "list", "data": list})
	})
	mux.HandleFunc("/", handler)
	s := httptest.NewServer(mux)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// echo answers a chat request with the body that it got.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func fetch(t *testing.T, method, url, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, got
}

func fetchJSON(t *testing.T, method, url, body string, headers ...string) (int, map[string]any) {
	t.Helper()
	resp, got := fetch(t, method, url, body, headers...)
	var page map[string]any
	if err := json.Unmarshal(got, &page); err != nil {
		t.Fatalf("%s %s answered %d with no JSON object: %q", method, url, resp.StatusCode, got)
	}
	return resp.StatusCode, page
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for something that happens soon but not at once.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// readEvent reads one SSE event, without its blank line.
func readEvent(r *bufio.Reader) (string, error) {
	var event strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return event.String() + line, err
		}
		if line == "\n" || line == "\r\n" {
			return event.String(), nil
		}
		event.WriteString(line)
	}
}

// syncBuffer is a bytes.Buffer that several goroutines may use.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Len()
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// builtPolicies returns a folder with every shipped policy, built once.
func builtPolicies(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		built.dir, built.err = buildShipped()
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

var built struct {
	once sync.Once
	dir  string
	err  error
}

func buildShipped() (string, error) {
	dir, err := os.MkdirTemp("", "infinirouter-policies-")
	if err != nil {
		return "", err
	}
	targets, err := build.Find(filepath.Join("..", "..", "policies"))
	if err != nil {
		return "", err
	}
	for i := range targets {
		targets[i].Out = filepath.Join(dir, targets[i].Name+".wasm")
	}
	_, err = build.Run(context.Background(), targets, build.Options{CacheDir: filepath.Join(dir, "stamps")})
	return dir, err
}

// TestMain makes this binary the program itself for the scripts of
// TestScripts, and clears up after the tests.
func TestMain(m *testing.M) {
	testscript.Main(clearing{m}, map[string]func(){"infinirouter": main})
}

type clearing struct{ *testing.M }

func (c clearing) Run() int {
	code := c.M.Run()
	for _, dir := range []string{built.dir, builtProgram.dir} {
		if dir != "" {
			_ = os.RemoveAll(dir)
		}
	}
	return code
}
