package host

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/telemetry"
	"github.com/infinirouter/infinirouter/plugins"
)

// The tests of this file's neighbours run a Router over sockets from inside,
// where policies may be written in Go and counts may be looked at.

// goPolicies is a Loader of policies that are written in Go.
type goPolicies map[string]*fakePolicy

// Load implements plugins.Loader.
func (g goPolicies) Load(_ context.Context, spec plugins.Spec) (plugins.Policy, error) {
	p := g[spec.Name]
	if p == nil {
		return nil, fmt.Errorf("no policy %q", spec.Name)
	}
	return p, nil
}

// rig is a running Router.
type rig struct {
	*Router
	t       *testing.T
	url     string
	address string
	config  string
	log     *lockedBuffer
	served  chan error
	down    bool
}

// startRig serves router.toml until the test ends, and then holds it to having
// let go of everything.
func startRig(t *testing.T, toml string, policies goPolicies) *rig {
	t.Helper()
	dir := t.TempDir()
	g := &rig{t: t, config: filepath.Join(dir, "router.toml"), log: &lockedBuffer{}, served: make(chan error, 1)}
	for name := range policies {
		if err := os.MkdirAll(filepath.Join(dir, "policies"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "policies", name+".wasm"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		toml += fmt.Sprintf("[[policies]]\nname = %q\nplugin = %q\n", name, name+".wasm")
	}
	g.write(toml)
	cfg, err := config.Load(g.config)
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(g.log, nil))
	g.Router, err = New(context.Background(), cfg, Options{ConfigPath: g.config, Loader: policies, Metrics: telemetry.NewMetrics("test"), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.address = ln.Addr().String()
	g.url = "http://" + g.address
	go func() { g.served <- g.Serve(ln) }()
	t.Cleanup(func() {
		g.shutdown()
		if t.Failed() {
			t.Logf("the router's log:\n%.10000s", g.log.String())
		}
	})
	return g
}

func (g *rig) write(toml string) {
	g.t.Helper()
	if err := os.WriteFile(g.config, []byte(toml), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// shutdown drains and checks that nothing is left.
func (g *rig) shutdown() {
	g.t.Helper()
	if g.down {
		return
	}
	g.down = true
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	last := g.current.Load()
	if err := g.Shutdown(ctx); err != nil {
		g.t.Errorf("shutdown: %v", err)
	}
	if err := <-g.served; err != nil {
		g.t.Errorf("serve: %v", err)
	}
	if n := last.refs.Load(); n != 0 {
		g.t.Errorf("%d references to the generation are left", n)
	}
	g.idle()
}

// idle waits until the router has let go of all requests.
func (g *rig) idle() {
	g.t.Helper()
	soon(g.t, "no request in flight", func() bool { return g.inFlight.Load() == 0 })
	for _, s := range g.current.Load().services.All() {
		soon(g.t, "no slot taken at "+s.Name(), func() bool { return s.InFlight() == 0 })
	}
}

// metric returns the lines of /metrics that start so.
func (g *rig) metric(prefix string) string {
	page, _ := g.metrics.Exposition("")
	var out []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, prefix) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return strings.Join(out, "\n")
}

const quick = "[health]\ninterval = \"1s\"\n"

// withService is a router.toml with one service of the model m.
func withService(url string, more ...string) string {
	return quick + strings.Join(more, "\n") + fmt.Sprintf("\n[[services]]\nname = \"one\"\nurl = %q\nmodels = [\"m\"]\n", url)
}

// backend runs a service whose health is answered here.
func backend(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", handler)
	s := httptest.NewServer(mux)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

const askM = `{"model":"m","messages":[]}`

// ask sends a chat request on a connection of its own.
func (g *rig) ask(ctx context.Context, body string, headers ...string) (status int, header http.Header, text string, err error) {
	req, err := http.NewRequestWithContext(ctx, "POST", g.url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return 0, nil, "", err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := lonely.Do(req)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(got), err
}

// must is ask where nothing may go wrong.
func (g *rig) must(body string, headers ...string) (int, http.Header, string) {
	g.t.Helper()
	status, header, text, err := g.ask(context.Background(), body, headers...)
	if err != nil {
		g.t.Fatal(err)
	}
	return status, header, text
}

var lonely = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// soon waits for what happens soon but not at once.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// messageOf is the router's own error in a reply.
func messageOf(text string) string {
	var page struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal([]byte(text), &page)
	return page.Error
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
