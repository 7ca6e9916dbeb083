package host

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/forward"
	"github.com/infinirouter/infinirouter/host/openai"
)

// fault is an error that the router answers a client with.
type fault struct {
	status     int
	message    string // shown to the client
	param      string // the request field at fault, for error_format = "openai"
	code       string // likewise
	kind       outcomeKind
	retryAfter int           // seconds, 0: no header
	cause      error         // for the log
	elsewhere  bool          // another service, or model, may be asked in place of this one
	again      forward.Cause // why, where elsewhere says so of a reply
	knob       string        // the limit that was met
}

func badRequest(message string) *fault {
	return &fault{status: fasthttp.StatusBadRequest, message: message, kind: outcomeRejected}
}

// overLimit names the knob whose limit was met.
func overLimit(status int, knob string, value any) *fault {
	return &fault{status: status, message: fmt.Sprintf("over the limit %s = %v", knob, value), kind: outcomeRejected, retryAfter: 1, knob: knob}
}

func policyFault(err error) *fault {
	f := &fault{status: fasthttp.StatusInternalServerError, message: "policy failed", kind: outcomeRejected, cause: err}
	var p *policyError
	if errors.As(err, &p) {
		f.message = "policy " + p.policy + " failed"
	}
	return f
}

// forwardFault is what a client hears of a service that failed: which, and
// what kind of failure, no address.
func forwardFault(err error) *fault {
	f := &fault{status: fasthttp.StatusBadGateway, message: "the service failed", kind: outcomeServiceError, cause: err}
	var e *forward.Error
	if !errors.As(err, &e) {
		return f
	}
	f.status, f.message, f.elsewhere, f.again = e.Status, e.Public(), e.Retryable, forward.CauseOf(e)
	switch e.Kind {
	case forward.KindClientGone:
		f.kind = outcomeClientGone
	case forward.KindTimeout:
		f.kind = outcomeTimeout
	case forward.KindNoSlot, forward.KindExhausted:
		f.kind, f.retryAfter = outcomeRejected, 1
		if e.Kind == forward.KindNoSlot && e.Service != "" {
			f.knob = knobSlots
		}
	}
	return f
}

// write puts the fault into the response in the configured format.
func (f *fault) write(resp *fasthttp.Response, format string) {
	resp.ResetBody()
	resp.SetStatusCode(f.status)
	resp.Header.SetContentType("application/json")
	if f.retryAfter > 0 {
		resp.Header.Set("Retry-After", strconv.Itoa(f.retryAfter))
	}
	resp.SetBodyRaw(openai.AppendError(nil, format, openai.Error{
		Status: f.status, Message: f.message, Param: f.param, Code: f.code,
	}))
}
