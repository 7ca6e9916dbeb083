package forward

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/valyala/fasthttp"
)

// Kind says what went wrong, as one word for metrics and logs.
type Kind string

// The kinds of Error.
const (
	KindConnect    Kind = "connect"     // no connection, or it took no byte of the request
	KindProtocol   Kind = "protocol"    // the reply was cut or malformed
	KindStatus     Kind = "status"      // the reply's status is one to try again after
	KindTooLarge   Kind = "too_large"   // the reply is over max_reply_body: no fault of the service's
	KindTimeout    Kind = "timeout"     // the service was silent for longer than a knob says
	KindClientGone Kind = "client_gone" // the client hung up
	KindNoSlot     Kind = "no_slot"     // at max_in_flight, or out of connections
	KindExhausted  Kind = "exhausted"   // the router has no file descriptor left to connect with
)

// StatusClientGone is the status of KindClientGone: nobody is left to read it,
// so it only appears in logs and metrics.
const StatusClientGone = 499

// Error is why a request has no reply, or why a reply ended early. Error() is
// for logs and may hold addresses; Public is for clients.
type Error struct {
	Status    int    // 502, 503, 504 or 499; the service's own for KindStatus
	Service   string // the service's name, "" when the plan had none
	Retryable bool   // another try may be made
	Kind      Kind
	Again     bool // an earlier attempt for this request failed there too
	Err       error

	reached bool          // the service has seen the request
	wait    time.Duration // that the service asks for
}

// Error implements error.
func (e *Error) Error() string {
	if e.Service == "" {
		return fmt.Sprintf("%s: %v", e.Kind, e.Err)
	}
	return fmt.Sprintf("service %q: %s: %v", e.Service, e.Kind, e.Err)
}

// Unwrap returns the cause: io.ErrUnexpectedEOF is among the causes of every
// reply that was cut.
func (e *Error) Unwrap() error { return e.Err }

// Knob is the timeout that made the error, as router.toml names it, such as
// "routes.first_byte_timeout"; "" when it was none.
func (e *Error) Knob() string {
	var t *timeoutError
	if errors.As(e.Err, &t) {
		return t.knob
	}
	return ""
}

// Public is a message that names the service and what kind of failure it was,
// and neither addresses nor anything that the service sent.
func (e *Error) Public() string {
	switch e.Kind {
	case KindConnect:
		if knob := e.Knob(); knob != "" {
			return fmt.Sprintf("service %q could not be reached in time: %s", e.Service, knob)
		}
		return fmt.Sprintf("service %q could not be reached", e.Service)
	case KindExhausted:
		return fmt.Sprintf("the router has no file descriptor left to reach service %q", e.Service)
	case KindTimeout:
		var t *timeoutError
		if errors.As(e.Err, &t) {
			return fmt.Sprintf("service %q %s", e.Service, t.Error())
		}
		return fmt.Sprintf("service %q did not answer in time", e.Service)
	case KindStatus:
		return fmt.Sprintf("service %q %v", e.Service, e.Err)
	case KindClientGone:
		return "the client closed the connection"
	case KindNoSlot:
		if e.Service == "" {
			return "no service is left to try"
		}
		var full slotError
		if errors.As(e.Err, &full) {
			return fmt.Sprintf("service %q is at its limit: %v", e.Service, full)
		}
		return fmt.Sprintf("service %q has no connection left", e.Service)
	}
	var f fault
	if errors.As(e.Err, &f) {
		return fmt.Sprintf("service %q: %s", e.Service, f)
	}
	return fmt.Sprintf("service %q broke off its reply", e.Service)
}

// fault is what is wrong with a reply, in words that hold nothing of it.
type fault string

func (f fault) Error() string { return string(f) }

// Is makes every cut an io.ErrUnexpectedEOF.
func (f fault) Is(target error) bool {
	return target == io.ErrUnexpectedEOF && (f == faultCut || f == faultNoReply || f == faultCutHead)
}

const (
	faultCut      fault = "the connection ended before the reply was complete"
	faultCutHead  fault = "the connection ended inside the head of the reply"
	faultNoReply  fault = "the connection ended without a reply"
	faultTooLarge fault = "the reply is larger than max_reply_body"
	faultClosed   fault = "the reply was closed"
)

var (
	errNoTarget = errors.New("the plan has no service left")
	errGone     = errors.New("the client closed the connection")
	errClosed   = &Error{Status: fasthttp.StatusBadGateway, Kind: KindProtocol, Err: faultClosed}
)

// slotError is the number of open requests that a service may have, and has.
type slotError int

func (n slotError) Error() string {
	if n == 0 {
		return "it is on trial after an ejection, and one request is out"
	}
	return fmt.Sprintf("services.max_in_flight = %d", int(n))
}

func goneError(service string) *Error {
	return &Error{Status: StatusClientGone, Service: service, Kind: KindClientGone, Err: errGone}
}

func noSlotError(service string, cause error) *Error {
	return &Error{Status: fasthttp.StatusServiceUnavailable, Service: service, Retryable: true, Kind: KindNoSlot, Err: cause}
}

func connectError(service string, cause error) *Error {
	if errors.Is(cause, fasthttp.ErrNoFreeConns) {
		return noSlotError(service, cause)
	}
	var own interface{ Exhausted() bool }
	if errors.As(cause, &own) && own.Exhausted() {
		return &Error{Status: fasthttp.StatusServiceUnavailable, Service: service, Retryable: true, Kind: KindExhausted, Err: cause}
	}
	return &Error{Status: fasthttp.StatusBadGateway, Service: service, Retryable: true, Kind: KindConnect, Err: cause}
}

// replyError is for everything that goes wrong once request bytes were sent.
func replyError(service string, cause error) *Error {
	var t *timeoutError
	if errors.As(cause, &t) {
		return &Error{Status: fasthttp.StatusGatewayTimeout, Service: service, Kind: KindTimeout, Err: cause}
	}
	kind := KindProtocol
	if errors.Is(cause, faultTooLarge) {
		kind = KindTooLarge
	}
	return &Error{Status: fasthttp.StatusBadGateway, Service: service, Kind: kind, Err: cause}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
