package host

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/forward"
	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/host/service"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// stream is a reply on its way: fasthttp reads it after the handler returned
// and writes and flushes what each Read gives. It owns the exchange and the
// service's reply; its one Close, on every path, accounts for and releases
// both.
//
// Server-sent events pass whole: bytes wait only for the end of the event that
// they belong to, so that a stream that breaks can end with an error event,
// and a policy sees complete events.
type stream struct {
	router *Router
	x      *exchange
	reply  *forward.Reply
	events bool // the reply is text/event-stream
	edit   bool // the chain has on_event
	in     []byte
	out    []byte    // ready for the client
	sent   int       // of out
	gave   time.Time // when the client was given something last
	err    error     // after out: io.EOF, or what broke
	closed bool
}

// streamBuffer is what one read from a service may bring; maxEvent bounds the
// event that is waited for: a longer one is passed on in pieces, or ends the
// stream where a policy should have seen it.
const (
	streamBuffer = 4 << 10
	maxEvent     = 1 << 20
)

func newStream(r *Router, x *exchange, reply *forward.Reply, events bool) *stream {
	s := &stream{router: r, x: x, reply: reply, events: events}
	s.edit = events && x.chain.wants(abi.OnEvent)
	return s
}

// Read gives the client's next bytes as soon as there are any. Its error is
// io.EOF only after a proper end; any other error makes fasthttp close the
// client's connection without the final chunk.
func (s *stream) Read(p []byte) (int, error) {
	for s.sent == len(s.out) {
		if s.err != nil {
			return 0, s.err
		}
		s.out, s.sent = s.out[:0], 0
		s.fill()
	}
	n := copy(p, s.out[s.sent:])
	s.sent += n
	s.x.outcome.replyBytes += int64(n)
	s.gave = limitWrite(s.x.ctx, s.x.gen)
	return n, nil
}

// limitWrite bounds how long a client may leave unread what is written next.
// Set through ctx, the limit holds until the last byte of the reply is written,
// which fasthttp then does without waiting for a next request. It returns now.
func limitWrite(ctx *fasthttp.RequestCtx, g *generation) time.Time {
	now := time.Now()
	_ = ctx.SetWriteDeadline(now.Add(g.config.Server.ClientWriteTimeout))
	return now
}

// fill waits for the service and turns what came into out.
func (s *stream) fill() {
	defer s.guardFill()
	if cap(s.in)-len(s.in) < streamBuffer {
		grown := make([]byte, len(s.in), 2*cap(s.in)+streamBuffer)
		copy(grown, s.in)
		s.in = grown
	}
	n, err := s.reply.Read(s.in[len(s.in):cap(s.in)])
	s.in = s.in[:len(s.in)+n]
	if n > 0 && s.x.outcome.firstByte == 0 {
		s.x.outcome.firstByte = s.x.sinceAccept()
	}
	if n > 0 && s.x.outcome.status < fasthttp.StatusInternalServerError {
		s.x.target.Alive()
	}
	s.pass()
	if err == nil || s.err != nil {
		return
	}
	s.err = err
	if err == io.EOF {
		// The last event may lack its blank line: clients that read by lines
		// take it all the same, so policies see it.
		s.passOn(s.in)
		s.in = s.in[:0]
		return
	}
	if s.events {
		s.say(forwardFault(err))
	}
}

// say tells the client of a fault, as an event.
func (s *stream) say(f *fault) {
	s.out = openai.AppendErrorEvent(s.out, s.x.gen.config.Server.ErrorFormat, f.status, f.message)
}

// pass moves what is complete from in to out.
func (s *stream) pass() {
	ready := len(s.in)
	if s.events {
		ready = openai.LastEventEnd(s.in)
		if ready == 0 && len(s.in) >= maxEvent {
			if s.edit {
				s.err = errEventTooLong
				s.say(&fault{status: fasthttp.StatusBadGateway, message: errEventTooLong.Error()})
				return
			}
			ready = len(s.in)
		}
	}
	s.passOn(s.in[:ready])
	s.in = s.in[:copy(s.in, s.in[ready:])]
}

var errEventTooLong = fmt.Errorf("the service sent an event of over %d bytes, too long for policies to see", maxEvent)

// passOn moves b to out, through on_event where a policy has it.
func (s *stream) passOn(b []byte) {
	if s.edit {
		s.passEvents(b)
		return
	}
	if s.events {
		s.x.noteUsage(b)
	}
	s.out = append(s.out, b...)
}

// passEvents runs on_event on each complete event of batch.
func (s *stream) passEvents(batch []byte) {
	x := s.x
	for len(batch) > 0 {
		n := openai.EventEnd(batch)
		if n == 0 {
			n = len(batch)
		}
		event := batch[:n]
		batch = batch[n:]
		data := openai.EventData(nil, event)
		if len(data) == 0 { // a comment, such as a keep-alive
			s.out = append(s.out, event...)
			continue
		}
		x.outcome.events++
		x.outcome.addUsage(data)
		x.show(stageEvent, data)
		action, err := x.chain.run(abi.OnEvent, x, s.router.options.Logger)
		switch {
		case err != nil:
			s.fail(err)
			return
		case action == abi.End:
			s.err = io.EOF
			return
		case action == abi.Drop:
			continue
		}
		if edited, ok := x.edited(); ok {
			s.out = openai.AppendEvent(s.out, event, edited)
		} else {
			s.out = append(s.out, event...)
		}
	}
}

// fail ends the stream because a policy failed on an event.
func (s *stream) fail(err error) {
	s.say(policyFault(err))
	s.err = err
}

// Close ends the exchange: fasthttp calls it once the reply is written or the
// client's connection failed.
func (s *stream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	x := s.x
	s.end()
	s.router.finish(x)
	return nil
}

// end settles the stream and lets go of the service.
func (s *stream) end() {
	defer s.router.guardAccount(s.x)
	s.x.watch.Stop()
	defer s.reply.Close()
	s.settle()
}

// settle decides how the stream ended.
func (s *stream) settle() {
	o := &s.x.outcome
	switch {
	case s.err == io.EOF && s.sent == len(s.out):
		o.kind = replyOutcome(o.status)
		s.x.observe(replyResult(o.status))
	case s.err == nil || s.err == io.EOF || isGone(s.err) || s.x.watch.Gone():
		o.kind = outcomeClientGone
		if !isGone(s.err) && !s.x.watch.Gone() {
			o.err = s.router.lateReader(s.x.gen, s.gave)
		}
		s.x.observe(service.Neutral)
	default:
		o.kind, o.err = outcomeCut, s.err.Error()
		s.x.timedOut(s.err)
		s.x.observe(blame(s.err))
	}
}

// blame says whether a reply that was cut is the service's failure. What a
// policy broke or cannot read, and what is over a limit of ours, says nothing of
// its health.
func blame(err error) service.Result {
	var e *forward.Error
	if errors.As(err, &e) && e.Kind != forward.KindTooLarge && e.Kind != forward.KindClientGone {
		return service.Failed
	}
	return service.Neutral
}

// isGone reports whether err says that the client has left.
func isGone(err error) bool {
	var e *forward.Error
	return errors.As(err, &e) && e.Kind == forward.KindClientGone
}
