package host

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// talk is a client's connection as bytes.
type talk struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (g *rig) dial() *talk {
	g.t.Helper()
	c, err := net.Dial("tcp", g.address)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	g.t.Cleanup(func() { _ = c.Close() })
	return &talk{Conn: c, t: g.t, in: bufio.NewReader(c)}
}

// send writes a request: its first line's middle, and a body that may be "".
func (c *talk) send(what, body string, fields ...string) {
	c.t.Helper()
	text := what + " HTTP/1.1\r\nHost: router\r\n"
	for _, f := range fields {
		text += f + "\r\n"
	}
	if body != "" {
		text += "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	if _, err := io.WriteString(c, text+"\r\n"+body); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads a reply.
func (c *talk) hear() (*http.Response, string) {
	c.t.Helper()
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp, string(body)
}

// ended reports whether the router has closed the connection.
func (c *talk) ended() bool {
	_, err := c.in.ReadByte()
	return err != nil && !isTimeoutError(err)
}

func isTimeoutError(err error) bool {
	t, ok := err.(net.Error)
	return ok && t.Timeout()
}

const chatPath = "POST /v1/chat/completions"

// TestConnectionLimits: above a limit pages are answered and requests are not.
func TestConnectionLimits(t *testing.T) {
	s := backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") })
	for _, c := range []struct {
		toml, knob string
		status     int
	}{
		{"max_connections = 2", "server.max_connections", 503},
		{"max_connections_per_client = 2", "server.max_connections_per_client", 429},
	} {
		t.Run(c.knob, func(t *testing.T) {
			g := startRig(t, withService(s.URL, "[server]\n"+c.toml), nil)
			soon(t, "the service is healthy", func() bool { s, _, _ := g.must(askM); return s == 200 })
			soon(t, "nobody is here", func() bool { return g.conns.open.Load() == 0 })
			idle := []*talk{g.dial(), g.dial()}
			soon(t, "two are here", func() bool { return g.conns.open.Load() == 2 })
			third := g.dial()
			for _, page := range []string{"/health", "/readyz", "/metrics"} {
				third.send("GET "+page, "")
				if resp, body := third.hear(); resp.StatusCode != 200 || !resp.Close {
					t.Errorf("%s: %d %s, closes %v", page, resp.StatusCode, body, resp.Close)
				}
				if !third.ended() {
					t.Error("it stays open")
				}
				third = g.dial()
			}
			third.send(chatPath, askM)
			resp, body := third.hear()
			if resp.StatusCode != c.status || messageOf(body) != "over the limit "+c.knob+" = 2" || resp.Header.Get("Retry-After") != "1" || !resp.Close {
				t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
			}
			if !third.ended() {
				t.Error("it stays open")
			}
			if got := g.metric("infinirouter_shed_total"); !strings.HasPrefix(got, `infinirouter_shed_total{knob="`+c.knob+`"}`) {
				t.Errorf("metric %q", got)
			}
			_ = idle[0].Close()
			soon(t, "one has left", func() bool { return g.conns.open.Load() == 1 })
			if status, _, text := g.must(askM); status != 200 {
				t.Errorf("below the limit: %d %s", status, text)
			}
			idle[1].send(chatPath, askM)
			if resp, body := idle[1].hear(); resp.StatusCode != 200 || resp.Close {
				t.Errorf("the one that was here: %d %s", resp.StatusCode, body)
			}
		})
	}
}

// TestConnectionsTurnedAway: what is far above the limit is told so at once.
func TestConnectionsTurnedAway(t *testing.T) {
	g := startRig(t, quick+"[server]\nmax_connections = 1\n", nil)
	for range 1 + pageConnections {
		g.dial()
	}
	soon(t, "all are here", func() bool { return g.conns.open.Load() == 1+pageConnections })
	away := g.dial()
	resp, body := away.hear()
	if resp.StatusCode != 503 || messageOf(body) != "over the limit server.max_connections = 1" || resp.Header.Get("Retry-After") != "1" || !resp.Close {
		t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	if !away.ended() {
		t.Error("it stays open")
	}
	soon(t, "it is gone", func() bool { return g.conns.open.Load() == 1+pageConnections })
	// A reload lifts the limit for those to come.
	g.write(quick + "[server]\nmax_connections = 1000\n")
	if _, err := g.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	next := g.dial()
	next.send("GET /stats", "")
	if resp, _ := next.hear(); resp.StatusCode != 200 || resp.Close {
		t.Errorf("under the new limit: %d, closes %v", resp.StatusCode, resp.Close)
	}
}

func TestConnectionsThatDescriptorsAllow(t *testing.T) {
	for descriptors, want := range map[uint64]int64{0: 1, 64: 28, 1024: 448, 1 << 20: 524224, ^uint64(0): (1<<30 - 128) / 2} {
		if got := allowed(descriptors); got != want {
			t.Errorf("%d descriptors: %d connections, want %d", descriptors, got, want)
		}
	}
}
