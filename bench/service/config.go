package service

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Config says what a service is like. The zero value is a quick service of one
// model on a free loopback port that has no /health.
type Config struct {
	Addr   string   // where to listen; default "127.0.0.1:0"
	Name   string   // shown as system_fingerprint in replies; default "fake"
	Models []string // default "Qwen3-32B"

	FirstToken time.Duration // before the first token of a reply
	TokenDelay time.Duration // before each further token
	// Tokens is how long a reply is, 16 by default. A request's max_tokens
	// shortens it; with "ignore_eos": true the reply has exactly max_tokens.
	Tokens int

	// Metrics serves /metrics as vLLM does: requests that run, those over Batch
	// that wait, and a cache of keys and values that is full with 2*Batch.
	Metrics bool
	Batch   int // for Metrics; default 8. All requests are answered at once all the same

	Health bool   // serve /health; without, it is a 404 as on a plain OpenAI service
	APIKey string // "": none needed
	Step   bool   // every stream waits for Step, as if it had sent X-Fake-Step
	Faults Faults // from the start; SetFaults changes them
	Seed   uint64 // changes the text of every reply

	// Record is how many requests are kept for Requests and Wait; 0 means
	// 1000, below 0 none (for load runs).
	Record int
}

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.Name == "" {
		c.Name = "fake"
	}
	if len(c.Models) == 0 {
		c.Models = []string{"Qwen3-32B"}
	}
	if c.Tokens == 0 {
		c.Tokens = 16
	}
	if c.Batch == 0 {
		c.Batch = 8
	}
	if c.Record == 0 {
		c.Record = 1000
	}
	return c
}

// Faults are what goes wrong with every inference request, or, by the header
// named behind a field, with one. The zero value: nothing.
type Faults struct {
	// Status answers with this status and an error body. X-Fake-Status.
	Status int
	// RetryAfter is the Retry-After of a Status reply, in seconds.
	RetryAfter int
	// Reset closes the connection without a byte of a reply. X-Fake-Reset: 1.
	Reset bool
	// Hang never answers; only the client's leaving ends the request.
	// X-Fake-Hang: 1.
	Hang bool
	// CutAfterTokens closes the connection after that many tokens of a stream,
	// between two chunks; a reply that does not stream is closed half way
	// through its Content-Length. X-Fake-Cut.
	CutAfterTokens int
	// HangAfterTokens goes silent after that many tokens of a stream.
	// X-Fake-Hang-After.
	HangAfterTokens int
	// Delay is added before the first byte of a reply. X-Fake-Delay (milliseconds).
	Delay time.Duration

	// HealthStatus and ModelsStatus replace the status of the health page and
	// of the models list, for requests without a header too.
	HealthStatus int
	ModelsStatus int
}

// override returns f with what the request's X-Fake headers ask for.
func (f Faults) override(h http.Header) (Faults, error) {
	number := func(name string, to *int) error {
		v := h.Get(name)
		if v == "" {
			return nil
		}
		n, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("header %s: %q is not a whole number", name, v)
		}
		*to = n
		return nil
	}
	var ms int
	for _, x := range []struct {
		name string
		to   *int
	}{
		{"X-Fake-Status", &f.Status},
		{"X-Fake-Cut", &f.CutAfterTokens},
		{"X-Fake-Hang-After", &f.HangAfterTokens},
		{"X-Fake-Delay", &ms},
	} {
		if err := number(x.name, x.to); err != nil {
			return f, err
		}
	}
	if ms > 0 {
		f.Delay = time.Duration(ms) * time.Millisecond
	}
	f.Reset = f.Reset || h.Get("X-Fake-Reset") == "1"
	f.Hang = f.Hang || h.Get("X-Fake-Hang") == "1"
	return f, nil
}
