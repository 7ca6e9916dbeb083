package plugins

import (
	"errors"
	"time"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Errors that Exchange, Document and Headers return; the guest sees them as
// abi.Absent, abi.Malformed, abi.NotAllowed and abi.TooLarge.
var (
	ErrAbsent     = errors.New("no such value")
	ErrMalformed  = errors.New("malformed path, name or value")
	ErrNotAllowed = errors.New("not allowed here")
	ErrTooLarge   = errors.New("over a limit")
)

// Exchange is one request and its reply as a hook sees it. The router
// implements it; one goroutine uses it at a time.
//
// Byte slices that it returns are valid until the next call of any of its
// methods; byte slices given to it are copied before the method returns.
//
// Begin is called at most once per hook call, before the first method that
// changes something; then exactly one of Commit and Rollback follows. Rollback
// undoes every change since Begin: body, headers, model, vars, scores, reply.
type Exchange interface {
	// Property returns a text value; ok is false when it is absent.
	Property(key abi.Property) (value []byte, ok bool)
	// Number returns a numeric value, NaN when it is absent.
	Number(key abi.Number) float64
	// Headers returns one side's headers, nil when the hook has no such side.
	Headers(side abi.Side) Headers
	// Document returns the hook's current document: the request body, the
	// reply body or the event's data; nil when there is none or it is not JSON.
	Document() Document
	// Candidates returns the candidates in on_route, nil elsewhere.
	Candidates() Candidates
	// SetModel changes the model from here on, in the body too.
	SetModel(model []byte) error
	// SetReply records the reply that action abi.Replied answers with.
	SetReply(status int, contentType, body []byte) error

	Var(name []byte) (value []byte, ok bool)
	SetVar(name, value []byte) error
	VarCount() int

	// Now is the time at which the exchange was accepted, plus what the router
	// chose to let pass; Random is a sequence seeded per exchange.
	Now() time.Time
	Random() uint64

	Begin()
	Commit()
	Rollback()
}

// Document is a JSON document under RFC 6901 pointers. Where a nested object
// has a key twice, the last one counts, and Remove takes them all.
type Document interface {
	// Get returns the raw JSON at path. ErrAbsent, ErrMalformed.
	Get(path []byte) ([]byte, error)
	// AppendString appends the unescaped text of the string at path to dst.
	// ErrMalformed when the value is not a string.
	AppendString(dst, path []byte) ([]byte, error)
	// GetNumber returns the number at path. ErrMalformed when it is none.
	GetNumber(path []byte) (float64, error)
	// Set puts raw JSON at path. The parent must exist; "-" appends to an array.
	Set(path, raw []byte) error
	SetString(path, text []byte) error
	SetNumber(path []byte, f float64) error
	Remove(path []byte) error
	// Size is about how many bytes a call may have to go through whose path leads
	// below the top level, or to the whole. It is known at no cost.
	Size() int
}

// Headers are the headers of one side. Names compare without case.
type Headers interface {
	// Get returns the value; several of one name are joined by ", ".
	Get(name []byte) (value []byte, ok bool)
	Set(name, value []byte) error
	Remove(name []byte) error
}

// Candidates are the services that could take the exchange, by index.
type Candidates interface {
	Len() int
	Property(i int, key abi.CandidateProperty) (value []byte, ok bool)
	Label(i int, name []byte) (value []byte, ok bool)
	Number(i int, key abi.CandidateNumber) float64
	// SetScore: 0 excludes, default 1. The caller has checked i and the score.
	SetScore(i int, score float64)
}

// Store is the key-value store behind the kv functions. Keys are scoped to the
// policy by the scope argument. ttl 0 keeps a value until it is evicted.
// Implementations copy what they keep and are safe for concurrent use.
type Store interface {
	// Get appends the value to dst.
	Get(dst []byte, scope string, key []byte) (value []byte, ok bool, err error)
	Set(scope string, key, value []byte, ttl time.Duration) error
	// Add adds delta to the integer at key (0 when absent or not an integer)
	// and returns the sum. It is atomic; ttl applies when the key is created.
	Add(scope string, key []byte, delta int64, ttl time.Duration) (int64, error)
}

// Metrics receives metric_add. Label values and the number of names are
// bounded by the implementation.
type Metrics interface {
	PolicyMetricAdd(policy, name string, value float64)
}

// Detacher is an Exchange that wants to know of calls that are not over at once.
// Detach is called in such a call, by its goroutine, before it waits for an
// instance, makes one, or goes on with a guest that has used up its first slice
// of fuel; several times, perhaps.
type Detacher interface {
	Detach()
}
