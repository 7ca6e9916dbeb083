package host

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/forward"
)

// The knobs about clients that are slow.
const (
	knobClientHeader = "server.client_header_timeout"
	knobClientBody   = "server.client_body_timeout"
	knobClientWrite  = "server.client_write_timeout"
)

// whileReadingHead is how fasthttp begins an error about a request's head. It
// forgets the request before it says so of a body.
const whileReadingHead = "error when reading request headers: "

// lateRequest is the fault of a client that did not send all of its request in
// time, as err of fasthttp's says: which part, and the knob.
func (r *Router) lateRequest(g *generation, err error) *fault {
	part, knob, after := "body", knobClientBody, g.config.Server.ClientBodyTimeout
	if strings.HasPrefix(err.Error(), whileReadingHead) || errors.As(err, new(fasthttp.ErrNothingRead)) {
		part, knob, after = "head", knobClientHeader, r.boot.Server.ClientHeaderTimeout
	}
	r.metrics.TimedOut(knob)
	return &fault{
		status: fasthttp.StatusRequestTimeout, kind: outcomeRejected,
		message: fmt.Sprintf("the request's %s did not arrive in time: %s = %q", part, knob, config.SpellDuration(after)),
	}
}

// lateReader is why a client that left its reply unread for too long was given
// up; "" when it was not that. since is when it was last given something.
func (r *Router) lateReader(g *generation, since time.Time) string {
	after := g.config.Server.ClientWriteTimeout
	if time.Since(since) < after {
		return ""
	}
	r.metrics.TimedOut(knobClientWrite)
	return fmt.Sprintf("the client left its reply unread for too long: %s = %q", knobClientWrite, config.SpellDuration(after))
}

// timedOut counts the timeout that err says of, if it does.
func (x *exchange) timedOut(err error) {
	var e *forward.Error
	if errors.As(err, &e) && e.Knob() != "" {
		x.metrics.TimedOut(e.Knob())
	}
}
