package fast

import (
	"fmt"
	"time"
)

// Config says what a service is like. The zero value serves any model on a free
// loopback port, at once.
type Config struct {
	Addr   string   // where to listen; default "127.0.0.1:0"
	Name   string   // owner in the models list; default "fast"
	Models []string // in the models list; requests may name any. Default "Qwen3-32B"
	// Tick is the grid on which the tokens of streams come, but the first, so
	// that one wake-up serves many streams, as a step of a real engine does.
	// Default 1 ms; below 0 every token comes at its exact time.
	Tick time.Duration
	Behaviour
}

// Behaviour is what can be changed while a service runs. Each field named with
// a header can be set by a request for itself; times there are milliseconds,
// fractions allowed.
type Behaviour struct {
	FirstToken time.Duration `json:"first_token_ns"` // before the first token. X-Fake-First-Token
	Interval   time.Duration `json:"interval_ns"`    // before each further token. X-Fake-Interval
	Delay      time.Duration `json:"delay_ns"`       // before the head, on top. X-Fake-Delay
	// Tokens is how long a reply is where the request has no max_tokens, 16 by
	// default. X-Fake-Tokens counts even if it has.
	Tokens int `json:"tokens"`
	// ReplyBytes is the least length of a body that does not stream, EventBytes
	// that of an event. X-Fake-Bytes, X-Fake-Event-Bytes.
	ReplyBytes int `json:"reply_bytes"`
	EventBytes int `json:"event_bytes"`

	// Shares of the requests, 0 to 1, that meet a fault: every tenth for 0.1,
	// and not by chance. One request meets one fault at most, the first below.
	DropRate    float64 `json:"drop_rate"`    // the connection is closed without a reply. X-Fake-Reset: 1
	ErrorRate   float64 `json:"error_rate"`   // ErrorStatus. X-Fake-Status: 503
	HangRate    float64 `json:"hang_rate"`    // no reply ever. X-Fake-Hang: 1
	CutRate     float64 `json:"cut_rate"`     // closed in the middle of the reply. X-Fake-Cut: TOKENS
	ErrorStatus int     `json:"error_status"` // default 500
}

func (c Config) withDefaults() Config {
	if c.Addr == "" {
		c.Addr = "127.0.0.1:0"
	}
	if c.Name == "" {
		c.Name = "fast"
	}
	if len(c.Models) == 0 {
		c.Models = []string{"Qwen3-32B"}
	}
	if c.Tick == 0 {
		c.Tick = time.Millisecond
	}
	c.Behaviour = c.Behaviour.withDefaults()
	return c
}

func (b Behaviour) withDefaults() Behaviour {
	if b.Tokens == 0 {
		b.Tokens = 16
	}
	if b.ErrorStatus == 0 {
		b.ErrorStatus = 500
	}
	return b
}

// What a reply can be.
const (
	maxTokens = 999_999 // in six digits
	maxReply  = 64 << 20
	maxEvent  = 1 << 20
)

func (b Behaviour) check() error {
	for _, r := range []struct {
		name string
		rate float64
	}{{"drop_rate", b.DropRate}, {"error_rate", b.ErrorRate}, {"hang_rate", b.HangRate}, {"cut_rate", b.CutRate}} {
		if r.rate < 0 || r.rate > 1 {
			return fmt.Errorf("%s is %g, and must be within 0 and 1", r.name, r.rate)
		}
	}
	switch {
	case b.Tokens < 1 || b.Tokens > maxTokens:
		return fmt.Errorf("tokens is %d, and must be within 1 and %d", b.Tokens, maxTokens)
	case b.ReplyBytes < 0 || b.ReplyBytes > maxReply:
		return fmt.Errorf("reply_bytes is %d, and must be within 0 and %d", b.ReplyBytes, maxReply)
	case b.EventBytes < 0 || b.EventBytes > maxEvent:
		return fmt.Errorf("event_bytes is %d, and must be within 0 and %d", b.EventBytes, maxEvent)
	case b.ErrorStatus < 200 || b.ErrorStatus > 599:
		return fmt.Errorf("error_status is %d, and must be within 200 and 599", b.ErrorStatus)
	}
	return nil
}

// share says which requests are its part of all: of n, floor(rate * n), evenly
// spread.
type share struct{ sum float64 }

func (s *share) take(rate float64) bool {
	if rate <= 0 {
		return false
	}
	const least = 1e-9 // what rounding may have lost
	if s.sum += rate; s.sum < 1-least {
		return false
	}
	s.sum--
	return true
}
