package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/host/openai"
)

// Limits of what a service may say to a probe; openai.ParseModels has more.
const (
	maxModelsReply  = 4 << 20 // bytes of a list of models
	maxProbeHeaders = 64 << 10
)

// modelsPaths are asked in this order, behind the prefix of the service's URL.
var modelsPaths = []string{"/v1/models", "/models"}

// httpProbe asks over HTTP. Every request has a connection of its own, so that
// a probe takes the way that a new request would take, and leaves nothing open.
type httpProbe struct {
	base   string // the service's URL
	client *http.Client
}

func newHTTPProbe(base string, d *dialer) *httpProbe {
	connect := func(ctx context.Context, _, _ string) (net.Conn, error) { return d.dial(ctx) }
	return &httpProbe{base: strings.TrimRight(base, "/"), client: &http.Client{
		Transport: &http.Transport{
			DialContext:            connect,
			DialTLSContext:         connect, // the dialer does the handshake
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxProbeHeaders,
		},
		// Where a redirect leads is not the service that was configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// check is a ProbeFunc.
func (p *httpProbe) check(ctx context.Context, t Target) Report {
	health := ""
	if t.HealthPath != "" {
		status, _, err := p.get(ctx, t, t.HealthPath, 0)
		switch {
		case err != nil:
			return Report{Reason: err.Error(), Unmade: learnNothing(err)}
		case status/100 == 2:
			if !t.Discover {
				return Report{Healthy: true}
			}
			found := p.discover(ctx, t)
			return Report{Healthy: true, Reason: found.reason, Models: found.models, Discovered: found.ok}
		case !hasNoSuchPath(status):
			return Report{Reason: answered(t.HealthPath, status)}
		}
		health = answered(t.HealthPath, status) + "; "
	}
	// No health path: the models are the signal, whether or not they are wanted.
	found := p.discover(ctx, t)
	if !found.answered {
		return Report{Reason: health + found.reason, Unmade: found.unmade}
	}
	return Report{Healthy: true, Reason: found.reason, Models: found.models, Discovered: found.ok && t.Discover}
}

// found is what discovery came to.
type found struct {
	models   []openai.Model
	ok       bool   // models is the list, if only an empty one
	answered bool   // some path answered 2xx
	reason   string // when not ok
	unmade   bool   // the router could not ask
}

func (p *httpProbe) discover(ctx context.Context, t Target) found {
	var f found
	var reasons []string
	for _, path := range modelsPaths {
		status, body, err := p.get(ctx, t, path, maxModelsReply)
		if err != nil {
			reasons = append(reasons, err.Error())
			f.unmade = learnNothing(err)
			var tooLong *overLimitError
			if errors.As(err, &tooLong) {
				f.answered = true
				continue
			}
			break // nobody there: the other path is not either
		}
		if status/100 != 2 {
			reasons = append(reasons, answered(path, status))
			continue
		}
		f.answered = true
		models, err := openai.ParseModels(body)
		if err == nil {
			return found{models: models, ok: true, answered: true}
		}
		reasons = append(reasons, fmt.Sprintf("GET %s: %v", path, err))
	}
	f.reason = strings.Join(reasons, "; ")
	return f
}

// get asks one path and reads at most limit bytes of a 2xx reply; limit 0 reads none.
func (p *httpProbe) get(ctx context.Context, t Target, path string, limit int64) (status int, body []byte, err error) {
	err = p.ask(ctx, t, path, "application/json", func(resp *http.Response) error {
		status = resp.StatusCode
		if limit == 0 || status/100 != 2 {
			return nil
		}
		var err error
		body, err = io.ReadAll(io.LimitReader(resp.Body, limit+1))
		if err == nil && int64(len(body)) > limit {
			body, err = nil, &overLimitError{limit}
		}
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return status, body, nil
}

// ask sends a GET and gives the reply to read, whose errors it explains.
func (p *httpProbe) ask(ctx context.Context, t Target, path, accept string, read func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, t.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+path, nil)
	if err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "infinirouter")
	if t.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+t.APIKey)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return readable(ctx, t, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := read(resp); err != nil {
		return readable(ctx, t, path, err)
	}
	return nil
}

// readable says what happened without net/http's own wrapping.
func readable(ctx context.Context, t Target, path string, err error) error {
	if deadline, _ := ctx.Deadline(); isTimeout(err) && !time.Now().Before(deadline) {
		return fmt.Errorf("GET %s: no answer within %s = %q", path, cmp.Or(t.knob, "[health] timeout"), t.Timeout)
	}
	var full *url.Error // repeats method and URL
	if errors.As(err, &full) {
		err = full.Err
	}
	return fmt.Errorf("GET %s: %w", path, err)
}

// hasNoSuchPath reports whether a status says that a service lacks the path,
// rather than that it is unwell.
func hasNoSuchPath(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented
}

func answered(path string, status int) string {
	return fmt.Sprintf("GET %s: status %d", path, status)
}

type overLimitError struct{ limit int64 }

func (e *overLimitError) Error() string { return fmt.Sprintf("the reply is over %d bytes", e.limit) }
