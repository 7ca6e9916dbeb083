package config

import "time"

// Timeouts are the limits on a service's silence that a service or a route may
// set for itself. 0: not set here. What the route says counts; then what the
// service says; then the server's.
type Timeouts struct {
	// FirstByte is how long a service may take from the request to the first
	// byte of its reply's body.
	FirstByte time.Duration
	// StreamIdle is how long a stream may be silent after that.
	StreamIdle time.Duration
}

// timeoutKeys are the keys of Timeouts, for the tables that have them.
func timeoutKeys(t *Timeouts, instead string) []key {
	return []key{
		duration("first_byte_timeout", &t.FirstByte, 0, 0, `server.first_byte_timeout here; "0s": `+instead+"."),
		duration("stream_idle_timeout", &t.StreamIdle, 0, 0, `server.stream_idle_timeout here; "0s": `+instead+"."),
	}
}

// clientSchema are the keys of [server] about clients that are slow.
func clientSchema(s *Server) []key {
	return []key{
		duration("client_header_timeout", &s.ClientHeaderTimeout, 30*time.Second, time.Millisecond, "For the head of a request to arrive; 408 after it."),
		duration("client_body_timeout", &s.ClientBodyTimeout, 2*time.Minute, time.Millisecond, "For the body of a request to arrive; 408 after it."),
		duration("client_write_timeout", &s.ClientWriteTimeout, time.Minute, time.Millisecond, "For a client to take what is written to it."),
	}
}
