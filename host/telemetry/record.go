package telemetry

import "time"

// Record is one finished exchange. Observe and Write keep nothing of it, so
// its byte slices may be used again as soon as they return.
type Record struct {
	Time          time.Time // of accept
	RequestID     []byte
	Route         string // "" when none matched
	Method, Path  []byte
	ClientAddress []byte
	APIKeyID      string // never the key itself
	ModelAsked    []byte // by the client
	Model         []byte // routed by
	Fallback      string // the model that served in place of the one asked for
	Service       string // that answered last; "" when none was chosen
	Status        int    // 0 when the client left before one was known
	Attempts      int    // services tried
	BodyBytes     int64
	ReplyBytes    int64
	Queued        time.Duration // that it waited to be let in
	FirstByte     time.Duration // accept to the first byte of the reply's body; 0: there was none
	Total         time.Duration
	Stream        bool
	TokensIn      int64 // as the service counted them
	TokensOut     int64
	Outcome       string // "ok", "client_gone", "service_error", "timeout", "rejected", "cut"
	Err           string // for the log
	Vars          []Var  // that policies set for the log
}

// Var is a name and a value that a policy wants in the access log.
type Var struct{ Name, Value []byte }
