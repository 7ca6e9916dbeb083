package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/bench/corpus"
)

// Run does a job and returns what it found. It blocks until the run is over. A
// cancelled ctx ends it early, with ctx's error and what was found until then.
// Requests that fail are no error: they are in Result.Errors. An error without
// a Result is a job that makes no sense, or a server that takes no connections.
func Run(ctx context.Context, job Job) (*Result, error) {
	job = job.withDefaults()
	host, head, err := job.target()
	if err != nil {
		return nil, err
	}
	bodies, err := job.bodies(job.BodyBytes)
	if err != nil {
		return nil, err
	}
	probe, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	to := probe.RemoteAddr().String() // and not another address of the same name
	_ = probe.Close()
	return run(ctx, job, to, head, bodies)
}

func (j Job) withDefaults() Job {
	set := func(to *int, value int) {
		if *to == 0 {
			*to = value
		}
	}
	if j.Path == "" {
		j.Path = "/v1/chat/completions"
	}
	if j.Corpus == "" {
		j.Corpus = corpus.Hot
	}
	set(&j.BodyBytes, 1024)
	set(&j.Tokens, 16)
	if j.Rate > 0 {
		set(&j.Connections, 256)
	}
	set(&j.Connections, 1)
	if j.Timeout == 0 {
		j.Timeout = 30 * time.Second
	}
	if j.Drain == 0 {
		j.Drain = j.Timeout
	}
	set(&j.Slow.BytesPerSecond, 1024)
	return j
}

// target checks the job and returns HOST:PORT of its server and the head of its
// requests, but for the length of the body.
func (j Job) target() (host, head string, err error) {
	u, err := url.Parse(j.URL)
	if err != nil {
		return "", "", err
	}
	switch {
	case u.Scheme != "http" || u.Hostname() == "":
		return "", "", fmt.Errorf("url %q: it must be http://HOST[:PORT][/PATH]", j.URL)
	case j.Duration <= 0 && j.Requests <= 0:
		return "", "", errors.New("neither a duration nor a number of requests is set")
	case j.Connections < 1 || j.Rate < 0 || j.Idle < 0 || j.Requests < 0:
		return "", "", errors.New("connections, rate, idle and requests must not be negative")
	case !within1(j.Slow.Share) || !within1(j.Leave.Share):
		return "", "", errors.New("the share of slow readers and of clients that leave must be within 0 and 1")
	}
	host = u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "80")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n", strings.TrimSuffix(u.EscapedPath(), "/"), j.Path, u.Host)
	for _, name := range slices.Sorted(maps.Keys(j.Headers)) {
		if strings.ContainsAny(name+j.Headers[name], "\r\n") {
			return "", "", fmt.Errorf("header %q has a line end", name)
		}
		fmt.Fprintf(&b, "%s: %s\r\n", name, j.Headers[name])
	}
	return host, b.String(), nil
}

func within1(share float64) bool { return share >= 0 && share <= 1 }

// bodies is the corpus of a job, of bodies of size bytes.
func (j Job) bodies(size int) (*corpus.Corpus, error) {
	return corpus.New(corpus.Options{Kind: j.Corpus, Seed: j.Seed, Bytes: size, Model: j.Model, Tokens: j.Tokens, Stream: j.Stream})
}
