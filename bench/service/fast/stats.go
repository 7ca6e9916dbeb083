package fast

import "time"

// Stats are what a service has seen. Requests are those for a completion.
type Stats struct {
	Requests int64 `json:"requests"`
	Streams  int64 `json:"streams"` // of Requests
	Answered int64 `json:"answered"`
	Open     int64 `json:"open"` // being answered now
	MaxOpen  int64 `json:"max_open"`
	// Cancelled counts requests whose client left before the reply was complete.
	Cancelled int64 `json:"cancelled"`

	Dropped int64 `json:"dropped"`
	Failed  int64 `json:"failed"` // answered with an error, asked for or not
	Hung    int64 `json:"hung"`
	Cut     int64 `json:"cut"`

	Events   int64 `json:"events"` // tokens of streams written
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`

	Accepted       int64 `json:"accepted"` // connections, ever
	Connections    int64 `json:"connections"`
	MaxConnections int64 `json:"max_connections"`

	// CPU is what the service's thread has used; 0 where that is not known.
	CPU time.Duration `json:"cpu_ns"`
}

// reset keeps what is there and forgets what was.
func (s *Stats) reset() {
	*s = Stats{Open: s.Open, MaxOpen: s.Open, Connections: s.Connections, MaxConnections: s.Connections}
}
