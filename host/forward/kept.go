package forward

import (
	"slices"
	"time"

	"github.com/valyala/fasthttp"
)

// kept is a whole reply that says "not now": another try is made, and if none
// succeeds, this is what the client gets.
type kept struct {
	target Target
	status int
	header fasthttp.ResponseHeader
	body   []byte
}

// What a reply is read for, when another try is made in its place. A longer one
// is passed on as it is, if its length is known, or else forgotten.
const (
	maxKept  = 64 << 10
	keepTime = time.Second
)

// refusal looks at a reply's status and returns nil when the reply is the one
// to pass on. Otherwise the reply is kept, its connection is given back, and
// another try may be made.
func (t *trip) refusal() *Error {
	r, status := t.req.Retry, t.header.StatusCode()
	if r == nil || status < 400 || !slices.Contains(r.Statuses, status) || t.body.framing == byLength && t.body.left > maxKept {
		return nil
	}
	e := &Error{Status: status, Service: t.target.Name(), Retryable: true, Kind: KindStatus, Err: statusError(status), reached: true}
	e.wait = retryAfter(&t.header, time.Now())
	t.keep(status)
	t.part()
	if t.client.Gone() {
		return goneError(t.target.Name())
	}
	return e
}

// keep reads what is left of the reply, for as long as it may take.
func (t *trip) keep(status int) {
	deadline := t.deadline
	if soon := time.Now().Add(keepTime); soon.Before(deadline) {
		t.deadline = soon
	}
	t.firstBy, t.waitUntil = time.Time{}, time.Time{}
	body, err := t.readAll(nil, maxKept)
	t.deadline = deadline
	if err != nil {
		return
	}
	k := &kept{target: t.target, status: status, body: body}
	t.header.CopyTo(&k.header)
	t.kept = k
}

// replay makes the kept reply the trip's, as if it came from a connection. The
// trip holds no slot then, and has no client to watch.
func (t *trip) replay() {
	k := t.kept
	t.client = nil
	t.in.release()
	t.in = input{b: k.body, w: len(k.body)}
	k.header.CopyTo(&t.header)
	t.target, t.err, t.streaming, t.reusable = k.target, nil, false, false
	t.length = int64(len(k.body))
	t.body = decoder{framing: byLength, left: t.length}
}
