package load

import (
	"io"
	"time"

	"github.com/infinirouter/infinirouter/bench/corpus"
)

// Job says what load to put on a server. The zero value of a field is its
// default where one is named. A Job holds no state and may be used again.
type Job struct {
	// URL is the server's base: http only. Its path, if any, goes before Path.
	URL string `json:"url"`
	// Path defaults to "/v1/chat/completions".
	Path  string `json:"path"`
	Model string `json:"model"`
	// Headers are sent with every request, beside Host, Content-Type and
	// Content-Length.
	Headers map[string]string `json:"headers,omitempty"`

	Corpus    corpus.Kind `json:"corpus"`     // default corpus.Hot
	BodyBytes int         `json:"body_bytes"` // exact length of each request's body; default 1024
	Seed      uint64      `json:"seed"`       // the same seed, the same bodies in the same order
	// Tokens is the max_tokens of each request, sent with ignore_eos so that a
	// service that knows it says exactly that much; default 16.
	Tokens int  `json:"tokens"`
	Stream bool `json:"stream"`

	// Connections is, in a closed loop, how many requests are kept going at
	// once; in an open loop the most that may be. Each has one keep-alive
	// connection. Default 1, and 256 in an open loop.
	Connections int `json:"connections"`
	// Rate is requests per second, sent at even distances; 0: closed loop.
	Rate float64 `json:"rate"`
	// Ramp spreads the first requests of a closed loop over a time, so that
	// streams do not run in step.
	Ramp time.Duration `json:"ramp_ns"`
	// Idle is a number of further connections that send one small request each
	// before the warm-up and then stay open, silent, until the end.
	Idle int `json:"idle"`

	// Warmup comes before anything is counted. Its requests are sent and checked
	// but do not count, and are complete before Begin.
	Warmup time.Duration `json:"warmup_ns"`
	// Duration is how long requests are started for; those under way at its end
	// are waited for and count.
	Duration time.Duration `json:"duration_ns"`
	// Requests ends the measured part after that many were started, if that
	// comes before Duration. 0: Duration alone. One of the two must be set.
	Requests int64 `json:"requests"`
	// Drain is how long requests under way at the end are waited for. Those
	// that are not complete then are cut and counted as Unfinished, not as
	// errors. Default Timeout.
	Drain time.Duration `json:"drain_ns"`
	// Timeout is how long a request may take, from the time at which it was
	// sent; default 30 s. It is an error, "timeout", and closes the connection.
	Timeout time.Duration `json:"timeout_ns"`

	Slow  Slow  `json:"slow"`
	Leave Leave `json:"leave"`

	// Begin is called just before the measured part: the warm-up is over, all
	// Idle connections are open. End is called when the last request that
	// counts is complete, or given up, with the connections still open. Both
	// run on the thread that sends: they should be short, such as reading a
	// process's CPU time. Nil: not called.
	Begin func() `json:"-"`
	End   func() `json:"-"`

	// Progress gets a line that is rewritten each second, with "\r"; nil: none.
	// Whether it is a terminal is the caller's business.
	Progress io.Writer `json:"-"`
}

// Slow makes some clients read slowly.
type Slow struct {
	Share          float64 `json:"share"`            // of the requests, 0 to 1
	BytesPerSecond int     `json:"bytes_per_second"` // that such a client takes; default 1024
}

// Leave makes some clients hang up before their reply is complete. They are
// counted in Result.Left and nowhere else; one whose reply was complete first
// is a request like any other.
type Leave struct {
	Share float64 `json:"share"` // of the requests, 0 to 1
	// After is the time from sending to hanging up. AfterEvents, if above 0,
	// is the number of events of a stream after which the client hangs up; what
	// comes first counts. With neither, it hangs up once the request is sent.
	After       time.Duration `json:"after_ns"`
	AfterEvents int           `json:"after_events"`
}
