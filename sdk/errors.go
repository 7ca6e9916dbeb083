package sdk

import "github.com/infinirouter/infinirouter/sdk/abi"

// Error is a reason for which the router did not do what it was asked.
type Error int32

// The errors of this package. Those that are returned compare with ==.
const (
	// ErrAbsent: there is no such value, parent or document.
	ErrAbsent = Error(abi.Absent)
	// ErrMalformed: a path, name or value that cannot be right.
	ErrMalformed = Error(abi.Malformed)
	// ErrNotAllowed: not in this hook, or not without a grant.
	ErrNotAllowed = Error(abi.NotAllowed)
	// ErrTooLarge: over a limit of the policy; the log names the knob.
	ErrTooLarge = Error(abi.TooLarge)
	// ErrUnknown: a code that this version of the package does not know.
	ErrUnknown = Error(-1 << 31)
)

func (e Error) Error() string {
	switch e {
	case 0:
		return "no error"
	case ErrAbsent:
		return "no such value"
	case ErrMalformed:
		return "malformed path, name or value"
	case ErrNotAllowed:
		return "not allowed in this hook, or not without a grant"
	case ErrTooLarge:
		return "over a limit"
	}
	return "failed for a reason that this SDK does not know"
}

// last is the code that the latest call of the router ended with.
var last int32

// Err says why the latest call that returned false did so; 0 after one that
// did not fail.
func Err() Error { return Error(last) }

// done turns the code of a call that answers with nothing else into an error.
// It neither branches nor calls, so that it and its callers are compiled into
// the policy's own functions: there a call costs more than what it does.
func done(code int32) error {
	last = code
	return codes[min(uint32(-code), uint32(len(codes)-1))]
}

// codes are the errors by code, with its sign turned.
var codes = [...]error{nil, ErrAbsent, ErrMalformed, ErrNotAllowed, ErrTooLarge, ErrUnknown}
