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

// stream is a reply that is passed on as it comes, and not by fasthttp: that would
// hold buffers of its own while a stream is silent, and write what is read into one
// more. Its bytes go to the client's connection as they are, from within the handler
// or after it (follow.go), and what fasthttp writes is dropped (clientConn.answered).
//
// Server-sent events pass whole: bytes wait only for the end of the event that
// they belong to, so that a stream that breaks can end with an error event,
// and a policy sees complete events.
type stream struct {
	router *Router
	x      *exchange
	reply  *forward.Reply
	conn   *clientConn
	size   int  // of the body, -1: unknown
	events bool // the reply is text/event-stream
	edit   bool // the chain has on_event
	framed bool // in chunks
	told   bool // the client was told why there is no stream (heartbeat.go)
	left   bool // follow has it from here
	last   bool // of its connection, as the head says
	in     streamBuf
	out    streamBuf // for the client, after a head or the room for one of a chunk
	head   int       // bytes of the reply's head in out
	gave   time.Time // when the client was given something last
	err    error     // io.EOF, or what broke
	lost   error     // the client's connection
}

// streamBuffer is what one read from a service may bring; maxEvent bounds the
// event that is waited for: a longer one is passed on in pieces, or ends the
// stream where a policy should have seen it.
const (
	streamBuffer = 4 << 10
	maxEvent     = 1 << 20
)

// stream passes reply on to the end, whatever that is, and accounts for it in x;
// or begins with it and leaves the rest to follow.
func (r *Router) stream(x *exchange, reply *forward.Reply, size int, events bool) {
	s := newStream(r, x, reply, size, events)
	defer s.end()
	s.begin()
	if !reply.Buffered() {
		s.flush()
	}
	s.proceed()
}

func newStream(r *Router, x *exchange, reply *forward.Reply, size int, events bool) *stream {
	s := &stream{router: r, x: x, reply: reply, size: size, events: events, conn: x.ctx.Conn().(*clientConn)}
	s.edit = events && x.chain.wants(abi.OnEvent)
	return s
}

// proceed passes on what comes until there is an end, or leaves that to follow.
func (s *stream) proceed() {
	if s.left = s.mayLeave(); s.left {
		s.conn.stream = s
		return
	}
	s.pump(false)
}

// pump passes on what comes until there is an end. Where it may sleep it does so
// instead of waiting, and says that it does. Nothing is held meanwhile that a stream
// can be without.
func (s *stream) pump(sleeps bool) (asleep bool) {
	for s.err == nil && s.lost == nil {
		if len(s.in.b) == 0 {
			s.in.release()
		}
		if !sleeps {
			s.reply.Await()
		} else if s.reply.Sleep() {
			return true
		}
		s.fill()
		s.flush()
	}
	return false
}

// fill turns what comes from the service into out.
func (s *stream) fill() {
	defer s.guardFill()
	s.in.room(streamBuffer)
	n, err := s.reply.Read(s.in.b[len(s.in.b):cap(s.in.b)])
	s.in.b = s.in.b[:len(s.in.b)+n]
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
		s.passOn(s.in.b)
		s.in.b = s.in.b[:0]
		return
	}
	if s.events {
		s.say(forwardFault(err))
	}
}

// say tells the client of a fault, as an event.
func (s *stream) say(f *fault) {
	s.out.b = openai.AppendErrorEvent(s.open(), s.x.gen.config.Server.ErrorFormat, f.status, f.message)
}

// pass moves what is complete from in to out.
func (s *stream) pass() {
	ready := len(s.in.b)
	if s.events {
		ready = openai.LastEventEnd(s.in.b)
		if ready == 0 && len(s.in.b) >= maxEvent {
			if s.edit {
				s.err = errEventTooLong
				s.say(&fault{status: fasthttp.StatusBadGateway, message: errEventTooLong.Error()})
				return
			}
			ready = len(s.in.b)
		}
	}
	s.passOn(s.in.b[:ready])
	s.in.b = s.in.b[:copy(s.in.b, s.in.b[ready:])]
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
	s.out.b = append(s.open(), b...)
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
			s.out.b = append(s.open(), event...)
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
			s.out.b = openai.AppendEvent(s.open(), event, edited)
		} else {
			s.out.b = append(s.open(), event...)
		}
	}
}

// fail ends the stream because a policy failed on an event.
func (s *stream) fail(err error) {
	s.say(policyFault(err))
	s.err = err
}

// end settles the stream and lets go of the service.
func (s *stream) end() {
	if s.left {
		return
	}
	defer s.router.guardAccount(s.x)
	s.x.watch.Stop()
	defer s.reply.Close()
	s.in.release()
	s.out.release()
	if s.err != io.EOF || s.lost != nil {
		s.abort()
	}
	s.settle()
}

// settle decides how the stream ended.
func (s *stream) settle() {
	o := &s.x.outcome
	switch {
	case s.err == io.EOF && s.lost == nil:
		o.kind = replyOutcome(o.status)
		s.x.observe(replyResult(o.status))
	case s.lost != nil || s.err == nil || isGone(s.err) || s.x.watch.Gone():
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
