package host

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// page asks for a page and returns its status and text.
func (g *rig) page(path string) (status int, text string, closes bool) {
	g.t.Helper()
	resp, err := http.Get(g.url + path)
	if err != nil {
		g.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, string(body), resp.Close
}

func (g *rig) wantPage(path string, status int, text string) {
	g.t.Helper()
	if s, got, _ := g.page(path); s != status || got != text {
		g.t.Errorf("%s: %d %s, want %d %s", path, s, got, status, text)
	}
}

const (
	pageAlive    = `{"status":"alive"}`
	pageReadyYes = `{"status":"ready"}`
	pageDraining = `{"status":"draining"}`
	pageStarting = `{"status":"starting"}`
)

// TestReadyOnceServicesAreKnown: before the first check has ended nobody can say
// what there is; after it the router is ready, well or not.
func TestReadyOnceServicesAreKnown(t *testing.T) {
	asked := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-asked
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(s.Close)
	g := startRig(t, strings.Replace(withService(s.URL), quick, "[health]\ninterval = \"1s\"\ntimeout = \"10s\"\n[[api_keys]]\nid = \"a\"\nkey = \"k\"\n", 1), nil)
	g.wantPage("/readyz", 503, pageStarting)
	g.wantPage("/livez", 200, pageAlive)
	close(asked)
	soon(t, "ready", func() bool { s, _, _ := g.page("/readyz"); return s == 200 })
	if status, _, _ := g.page("/health"); status != 503 {
		t.Errorf("/health: %d", status)
	}
}

// TestDrainingIsSeenFirst: /readyz says no while requests are still taken, each
// the last one of its connection.
func TestDrainingIsSeenFirst(t *testing.T) {
	s := backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	g := startRig(t, withService(s.URL), nil)
	soon(t, "the service is healthy", func() bool { s, _, _ := g.must(askM); return s == 200 })
	g.wantPage("/readyz", 200, pageReadyYes)
	if got := g.metric("infinirouter_ready"); got != "infinirouter_ready 1" {
		t.Errorf("metric %q", got)
	}
	g.Drain()
	g.wantPage("/readyz", 503, pageDraining)
	g.wantPage("/livez", 200, pageAlive)
	resp, err := http.Post(g.url+"/v1/chat/completions", "", strings.NewReader(askM))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || !resp.Close {
		t.Errorf("a request: %d, closes %v", resp.StatusCode, resp.Close)
	}
	if _, _, closes := g.page("/stats"); !closes {
		t.Error("a page leaves its connection open")
	}
}

// TestHandOverWaitsForKeepAlive: once the listeners are closed, a client that
// kept its connection gets its next reply, and leaves with it.
func TestHandOverWaitsForKeepAlive(t *testing.T) {
	s := backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	g := startRig(t, withService(s.URL), nil)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ask := func() (int, bool) {
		resp, err := client.Post(g.url+"/v1/chat/completions", "", strings.NewReader(askM))
		if err != nil {
			t.Error(err)
			return 0, false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		return resp.StatusCode, resp.Close
	}
	soon(t, "the service is healthy", func() bool { s, _ := ask(); return s == 200 })
	over := make(chan struct{})
	go func() {
		defer close(over)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		g.HandOver(ctx)
	}()
	soon(t, "new connections are refused", func() bool {
		c, err := net.Dial("tcp", g.address)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	select {
	case <-over:
		t.Fatal("a client is left")
	default:
	}
	if status, closes := ask(); status != 200 || !closes {
		t.Errorf("%d, closes %v", status, closes)
	}
	<-over
}
