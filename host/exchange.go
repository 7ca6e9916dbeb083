package host

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/admission"
	"github.com/infinirouter/infinirouter/host/forward"
	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/host/route"
	"github.com/infinirouter/infinirouter/host/service"
	"github.com/infinirouter/infinirouter/host/telemetry"
	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// exchange is one request and its reply as a policy sees it: it implements
// plugins.Exchange over fasthttp's request and the steps' results. It makes no
// decision; the handler reads from it what the policies changed.
//
// One goroutine uses it at a time: the handler, then the reply's stream.
type exchange struct {
	ctx      *fasthttp.RequestCtx
	own      *fasthttp.RequestCtx // what ctx is once a stream goes on without fasthttp
	gen      *generation
	metrics  *telemetry.Metrics
	draining *atomic.Bool // the router's
	route    *route.Route
	chain    *chain
	manner   *manner
	accepted time.Time
	random   rand.PCG

	id       []byte // X-Request-Id
	keyID    string // id of the client's key
	client   []byte // address, text
	asked    []byte // the model that the client asked for
	body     body
	cands    []route.Candidate
	scores   []float64 // this policy's, while on_route runs
	reply    earlyReply
	vars     vars
	outcome  outcome
	replyDoc openai.Document // reply body or event, parsed when first asked for
	data     []byte          // what replyDoc is parsed from
	scratch  []byte

	tx       transaction
	stage    stage
	docState docState
	begun    bool // a stream has begun to write the reply
	broken   bool // a panic left it half done
	last     bool // of its connection
	aside    bool // another goroutine has it than the one that serves its connection

	// How it was let in.
	priority admission.Priority
	inside   bool    // has passed the gates
	gates    []*gate // to pass
	shut     *gate   // that it found shut last; nil: the services are full

	// What the steps hand on; kept here so that their memory is used again.
	peer      string // the client's address as forwarding headers carry it
	askedBuf  []byte
	modelBuf  []byte
	served    []byte // the model that is routed by
	serving   []*service.Service
	ranked    []route.Candidate
	plan      []forward.Target
	request   forward.Request
	watch     *forward.Watch
	target    *service.Service // who answers, until it was told how it went
	opened    *forward.Reply
	failed    []string      // services whose replies broke before any of it was passed on
	fallback  string        // the route's model that served in place of the one asked for
	sent      time.Time     // first Send
	headAfter time.Duration // Send to the reply's first byte
	record    telemetry.Record
}

// stage says which hook is running, and so what a policy may look at.
type stage uint8

const (
	stageRequest stage = iota
	stageRoute
	stageResponse
	stageEvent
	stageDone
)

type docState uint8

const (
	docUnparsed docState = iota
	docReady
	docNone // not JSON
)

// transaction is what Rollback goes back to. Headers are copied only when a
// policy edits them.
type transaction struct {
	vars         varsMark
	reply        earlyReply // at Begin
	spare        earlyReply // neither valid nor gone back to; its memory is free
	open         bool
	replied      bool // the valid reply is not the one at Begin
	requestSaved bool
	replySaved   bool
	headers      *savedHeaders // made by the first edit of one
}

type savedHeaders struct {
	request fasthttp.RequestHeader
	reply   fasthttp.ResponseHeader
}

func (t *transaction) saved() *savedHeaders {
	if t.headers == nil {
		t.headers = &savedHeaders{}
	}
	return t.headers
}

var _ plugins.Exchange = (*exchange)(nil)

// Property implements plugins.Exchange.
func (x *exchange) Property(key abi.Property) ([]byte, bool) {
	switch key {
	case abi.PropertyMethod:
		return x.ctx.Method(), true
	case abi.PropertyPath:
		return x.ctx.Path(), true
	case abi.PropertyEndpoint:
		return endpointName(x.ctx.Path()), true
	case abi.PropertyRoute:
		return x.text(x.route.Config.Name), true
	case abi.PropertyModel:
		return x.body.model()
	case abi.PropertyRequestedModel:
		return x.asked, x.asked != nil
	case abi.PropertyClientAddress:
		return x.client, true
	case abi.PropertyAPIKeyID:
		return x.text(x.keyID), x.keyID != ""
	case abi.PropertyRequestID:
		return x.id, true
	case abi.PropertyStream:
		if x.body.stream() {
			return x.text("true"), true
		}
		return x.text("false"), true
	case abi.PropertyService:
		return x.text(x.outcome.service), x.outcome.service != ""
	case abi.PropertyOutcome:
		return x.text(string(x.outcome.kind)), x.stage == stageDone
	}
	return nil, false
}

// text gives s as bytes without allocating, valid until the next call.
func (x *exchange) text(s string) []byte {
	x.scratch = append(x.scratch[:0], s...)
	return x.scratch
}

// Number implements plugins.Exchange.
func (x *exchange) Number(key abi.Number) float64 {
	o := &x.outcome
	switch key {
	case abi.NumberBodyBytes:
		return float64(x.body.length())
	case abi.NumberMessages:
		return countOrNaN(x.body.doc.MessageCount())
	case abi.NumberPromptChars:
		return countOrNaN(x.body.doc.PromptChars())
	case abi.NumberAttempt:
		return positiveOrNaN(float64(o.attempts))
	case abi.NumberStatus:
		return positiveOrNaN(float64(o.status))
	case abi.NumberTimeToFirstToken:
		return positiveOrNaN(o.firstByte.Seconds())
	case abi.NumberDuration:
		return positiveOrNaN(o.total.Seconds())
	case abi.NumberTokensIn:
		return o.tokens(o.usage.In)
	case abi.NumberTokensOut:
		return o.tokens(o.usage.Out)
	case abi.NumberReplyBytes:
		return positiveOrNaN(float64(o.replyBytes))
	case abi.NumberEvents:
		return positiveOrNaN(float64(o.events))
	}
	return math.NaN()
}

func countOrNaN(n int) float64 {
	if n < 0 {
		return math.NaN()
	}
	return float64(n)
}

func positiveOrNaN(f float64) float64 {
	if f <= 0 {
		return math.NaN()
	}
	return f
}

// Headers implements plugins.Exchange.
func (x *exchange) Headers(side abi.Side) plugins.Headers {
	switch {
	case side == abi.RequestSide:
		return (*requestHeaders)(x)
	case side == abi.ReplySide && x.stage >= stageResponse:
		return (*replyHeaders)(x)
	}
	return nil
}

// Document implements plugins.Exchange.
func (x *exchange) Document() plugins.Document {
	switch x.stage {
	case stageRequest, stageRoute:
		if x.body.kind == bodyJSON {
			return &x.body.doc
		}
	case stageResponse, stageEvent:
		if x.docState == docUnparsed {
			x.docState = docNone
			if len(x.data) > 0 && x.replyDoc.Parse(x.data, x.replyLimits()) == nil {
				x.docState = docReady
				if x.tx.open {
					x.replyDoc.Begin()
				}
			}
		}
		if x.docState == docReady {
			return &x.replyDoc
		}
	}
	return nil
}

// replyLimits are those of a reply's body or of one event, neither of which is
// routed by what its model is.
func (x *exchange) replyLimits() openai.Limits {
	limits := openai.Limits{AnyModel: true, Bytes: int(x.gen.config.Server.MaxReplyBody)}
	if x.stage == stageEvent {
		limits.Bytes = maxEvent
	}
	return limits
}

// show makes data the document of the hooks that run next.
func (x *exchange) show(s stage, data []byte) {
	x.stage, x.data, x.docState = s, data, docUnparsed
}

// edited returns the shown document's bytes when a policy changed it.
func (x *exchange) edited() ([]byte, bool) {
	if x.docState == docReady && x.replyDoc.Edited() {
		return x.replyDoc.Bytes(), true
	}
	return nil, false
}

// Candidates implements plugins.Exchange.
func (x *exchange) Candidates() plugins.Candidates {
	if x.stage != stageRoute {
		return nil
	}
	return (*candidates)(x)
}

// SetModel implements plugins.Exchange.
func (x *exchange) SetModel(model []byte) error {
	if x.stage != stageRequest {
		return plugins.ErrNotAllowed
	}
	return x.body.setModel(model)
}

// Var implements plugins.Exchange.
func (x *exchange) Var(name []byte) ([]byte, bool) { return x.vars.get(name) }

// SetVar implements plugins.Exchange.
func (x *exchange) SetVar(name, value []byte) error {
	x.vars.set(name, value)
	return nil
}

// VarCount implements plugins.Exchange.
func (x *exchange) VarCount() int { return len(x.vars.entries) }

// Now implements plugins.Exchange.
func (x *exchange) Now() time.Time { return x.accepted }

// Random implements plugins.Exchange.
func (x *exchange) Random() uint64 { return x.random.Uint64() }

// Begin implements plugins.Exchange.
func (x *exchange) Begin() {
	t := &x.tx
	t.open, t.replied, t.requestSaved, t.replySaved = true, false, false, false
	t.vars = x.vars.mark()
	t.reply = x.reply
	if doc := x.openDocument(); doc != nil {
		doc.Begin()
	}
	if x.stage == stageRequest {
		x.body.begin()
	}
}

// Commit implements plugins.Exchange.
func (x *exchange) Commit() {
	x.tx.open = false
	x.tx.keepReply()
	if doc := x.openDocument(); doc != nil {
		doc.Commit()
	}
}

// Rollback implements plugins.Exchange.
func (x *exchange) Rollback() {
	t := &x.tx
	t.open = false
	if doc := x.openDocument(); doc != nil {
		doc.Rollback()
	}
	if x.stage == stageRequest {
		x.body.rollback()
	}
	x.vars.rollback(t.vars)
	t.undoReply(&x.reply)
	for i := range x.scores {
		x.scores[i] = 1
	}
	if t.requestSaved {
		t.headers.request.CopyTo(&x.ctx.Request.Header)
	}
	if t.replySaved {
		t.headers.reply.CopyTo(&x.ctx.Response.Header)
	}
}

// openDocument is the document that a transaction of this stage covers.
func (x *exchange) openDocument() *openai.Document {
	switch {
	case x.stage <= stageRoute && x.body.kind == bodyJSON:
		return &x.body.doc
	case x.stage >= stageResponse && x.docState == docReady:
		return &x.replyDoc
	}
	return nil
}
