//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestDescriptorsRunOut: a router that has no file descriptor left waits with
// accepting, says why it cannot reach a service, does not blame the service, and
// is as before once descriptors are there.
func TestDescriptorsRunOut(t *testing.T) {
	s := startService(t, echo)
	toml := oneService(s.URL, "unhealthy_after = 1\n[server]\nlisten = \"127.0.0.1:0\"\nconnect_timeout = \"400ms\"\nmax_connections = 1000")
	p := startProcessAs(t, toml, func(p *process) {
		p.cmd.Args = append([]string{"/bin/sh", "-c", `ulimit -n 64; exec "$@"`, "sh"}, p.cmd.Args...)
		p.cmd.Path = "/bin/sh"
	})
	address := strings.TrimPrefix(p.url, "http://")
	dial := func() net.Conn {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(60 * time.Second))
		return c
	}
	first := dial()
	defer func() { _ = first.Close() }()
	in := bufio.NewReader(first)
	ask := func() (int, string) {
		t.Helper()
		if _, err := io.WriteString(first, chatRequest(chat)); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	healthyHere := func() bool {
		if _, err := io.WriteString(first, "GET /health HTTP/1.1\r\nHost: r\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.StatusCode == 200
	}
	eventually(t, "the service is healthy", healthyHere)
	var crowd []net.Conn
	for range 80 { // more than there can be, and what waits takes each that gets free
		crowd = append(crowd, dial())
	}
	eventually(t, "no descriptor is left", func() bool { return strings.Contains(p.log.String(), "too many open files") })
	status, body := ask()
	if status != 503 || !strings.Contains(body, "the router has no file descriptor left to reach service") {
		t.Errorf("without descriptors: %d %s", status, body)
	}
	eventually(t, "a check that cannot be made", func() bool { return strings.Contains(p.log.String(), "service cannot be checked") })
	if !healthyHere() {
		t.Error("the service is blamed")
	}
	for _, c := range crowd {
		_ = c.Close()
	}
	eventually(t, "requests pass again", func() bool { status, _ := ask(); return status == 200 })
	eventually(t, "new connections too", func() bool { return healthy(p.url) })
	if strings.Contains(p.log.String(), "service is unhealthy") {
		t.Error("the service was blamed")
	}
	p.end(t)
}
