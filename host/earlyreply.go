package host

import "github.com/infinirouter/infinirouter/plugins"

// earlyReply is what a policy answers with instead of the service; there is none
// while status is 0.
type earlyReply struct {
	policy      string // that gave it, known once its hook has returned
	status      int
	contentType []byte
	body        []byte
}

// maxIdleReply is how large a body's buffer an idle exchange may hold.
const maxIdleReply = 64 << 10

// clear makes it no reply. Its memory stays for the next one.
func (r *earlyReply) clear() {
	*r = earlyReply{contentType: r.contentType[:0], body: r.body[:0]}
}

// SetReply implements plugins.Exchange. A policy that replies again and again,
// a megabyte each time, writes to the same memory: beside x.reply there is that
// of one more, so that a rollback finds what was there before.
func (x *exchange) SetReply(status int, contentType, body []byte) error {
	if x.stage != stageRequest && x.stage != stageResponse {
		return plugins.ErrNotAllowed
	}
	if status < 200 || status > 599 {
		return plugins.ErrMalformed
	}
	if x.tx.open && !x.tx.replied { // x.reply is what Rollback goes back to
		x.tx.replied = true
		x.reply, x.tx.spare = x.tx.spare, earlyReply{}
	}
	r := &x.reply
	r.status, r.policy = status, ""
	r.contentType = append(r.contentType[:0], contentType...)
	r.body = append(r.body[:0], body...)
	return nil
}

// keepReply and undoReply end a transaction: the reply that is not the valid one
// becomes the spare one.
func (t *transaction) keepReply() {
	if t.replied {
		t.spare, t.replied = t.reply, false
	}
}

func (t *transaction) undoReply(now *earlyReply) {
	if t.replied {
		t.spare, t.replied = *now, false
		*now = t.reply
	}
}

// dropReply makes an exchange ready for the next request.
func (x *exchange) dropReply() {
	for _, r := range []*earlyReply{&x.reply, &x.tx.spare} {
		r.clear()
		if cap(r.body) > maxIdleReply {
			r.body = nil
		}
	}
	x.tx.reply = earlyReply{}
}

// answerEarly writes what a policy gave to reply. A large body is not copied but
// given away: the response is sent when the exchange may be another request's.
func (x *exchange) answerEarly() {
	resp := &x.ctx.Response
	resp.SetStatusCode(x.reply.status)
	resp.Header.SetContentTypeBytes(x.reply.contentType)
	x.outcome.replyBytes = int64(len(x.reply.body))
	if len(x.reply.body) > maxIdleReply {
		resp.SetBodyRaw(x.reply.body)
		x.reply.body = nil
	} else {
		resp.SetBody(x.reply.body)
	}
	x.head()
	x.outcome.kind, x.outcome.status = outcomeRejected, x.reply.status
	if x.reply.status < 400 {
		x.outcome.kind = outcomeOK
	} else {
		x.outcome.err = "answered by the policy " + x.reply.policy
	}
}
