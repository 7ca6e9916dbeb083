package sdk

import "github.com/infinirouter/infinirouter/sdk/abi"

// Error is a reason for which the router did not do what it was asked.
type Error string

func (e Error) Error() string { return string(e) }

// The errors of this package, comparable with ==.
const (
	// ErrAbsent: there is no such value, parent or document.
	ErrAbsent Error = "no such value"
	// ErrMalformed: a path, name or value that cannot be right.
	ErrMalformed Error = "malformed path, name or value"
	// ErrNotAllowed: not in this hook, or not without a grant.
	ErrNotAllowed Error = "not allowed in this hook, or not without a grant"
	// ErrTooLarge: over a limit of the policy; the log names the knob.
	ErrTooLarge Error = "over a limit"
	// ErrUnknown: a code that this version of the package does not know.
	ErrUnknown Error = "failed for a reason this SDK does not know"
)

// Err says why the latest call that returned false did so, and is nil after
// one that did not fail.
func Err() error { return asError(last) }

func asError(code int32) error {
	if code >= 0 {
		return nil
	}
	switch code {
	case abi.Absent:
		return ErrAbsent
	case abi.Malformed:
		return ErrMalformed
	case abi.NotAllowed:
		return ErrNotAllowed
	case abi.TooLarge:
		return ErrTooLarge
	}
	return ErrUnknown
}

// done records the code of a call that answers with nothing else.
func done(code int32) error {
	last = min(code, 0)
	return asError(last)
}
