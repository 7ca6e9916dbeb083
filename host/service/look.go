package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/infinirouter/infinirouter/host/engine"
)

// lookBuffer is what metrics are read through.
const lookBuffer = 32 << 10

// httpLook asks over HTTP, on a connection that it keeps: it asks every second,
// and what a new request would meet is for checks to find out.
type httpLook struct {
	probe *httpProbe
	found string // where the metrics are, "" when not known
	buf   []byte
}

func newHTTPLook(base string, d *dialer) *httpLook {
	connect := func(ctx context.Context, _, _ string) (net.Conn, error) { return d.dial(ctx) }
	probe := newHTTPProbe(base, d)
	probe.client.Transport = &http.Transport{
		DialContext:            connect,
		DialTLSContext:         connect,
		DisableCompression:     true,
		MaxIdleConns:           1,
		IdleConnTimeout:        idleConn,
		MaxResponseHeaderBytes: maxProbeHeaders,
	}
	return &httpLook{probe: probe}
}

// look is a LookFunc. One goroutine at a time.
func (l *httpLook) look(ctx context.Context, t Target, path string) (engine.Figures, error) {
	paths := engine.Paths
	switch {
	case path != "":
		paths = []string{path}
	case l.found != "":
		paths = []string{l.found}
	}
	var reasons []string
	for _, p := range paths {
		f, err := l.read(ctx, t, p)
		if err == nil && !f.Known() {
			err = fmt.Errorf("GET %s: no metric of an engine that is known", p)
		}
		if err == nil {
			l.found = p
			return f, nil
		}
		reasons = append(reasons, err.Error())
	}
	l.found = ""
	return engine.Figures{}, errors.New(strings.Join(reasons, "; "))
}

func (l *httpLook) read(ctx context.Context, t Target, path string) (f engine.Figures, err error) {
	if l.buf == nil {
		l.buf = make([]byte, lookBuffer)
	}
	err = l.probe.ask(ctx, t, path, "text/plain", func(resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("status %d", resp.StatusCode)
		}
		var err error
		f, err = engine.Read(resp.Body, l.buf)
		return err
	})
	return f, err
}

// close lets go of the connection.
func (l *httpLook) close() { l.probe.client.CloseIdleConnections() }
