package sdktest

import (
	"bytes"
	"maps"
	"math"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Exchange is a case's request and reply, in memory. Its methods mean what
// those of the router's own exchange mean, with errors of package sdk
// (sdk.ErrAbsent...); a Player for .wasm wraps it, and the grants and the
// limits are the Player's to keep.
type Exchange struct {
	c       *Case
	stage   abi.Hook
	asked   string
	request Document // of on_request and on_route
	shown   Document // of on_response and on_event
	headers [2]Headers
	vars    map[string]string
	scores  []float64
	early   struct {
		status            int
		contentType, body string
	}
	events int
	random uint64
	saved  *Exchange // as it was at Begin
}

func newExchange(c *Case) *Exchange {
	x := &Exchange{c: c, request: parse(string(c.Request.Body)), vars: maps.Clone(c.Vars), random: c.Request.Seed}
	x.request.body = true
	if x.vars == nil {
		x.vars = map[string]string{}
	}
	x.headers[abi.RequestSide] = newHeaders(c.Request.Headers)
	x.headers[abi.ReplySide] = newHeaders(nil)
	for range c.Candidates {
		x.scores = append(x.scores, 1)
	}
	if model, ok := x.model(); ok {
		x.asked = string(model)
	}
	return x
}

// answer puts the service's reply before the hooks that follow.
func (x *Exchange) answer(r *Reply, streams bool) {
	x.headers[abi.ReplySide] = newHeaders(r.Headers)
	if streams {
		x.shown = Document{}
		return
	}
	x.shown = parse(string(r.Body))
}

// event puts one event before on_event.
func (x *Exchange) event(data string) {
	x.events++
	x.shown = parse(data)
}

// text is what is shown now, JSON or not.
func (x *Exchange) text() string { return string(x.shown.text) }

func (x *Exchange) model() ([]byte, bool) {
	text, err := x.request.AppendString(nil, []byte("/model"))
	return text, err == nil
}

// Property returns a text value.
func (x *Exchange) Property(key abi.Property) ([]byte, bool) {
	for name, k := range propertyNames {
		if v, ok := x.c.Properties[name]; ok && k == key {
			return []byte(v), true
		}
	}
	r := &x.c.Request
	switch key {
	case abi.PropertyMethod:
		return []byte(r.Method), true
	case abi.PropertyPath:
		return []byte(r.Path), true
	case abi.PropertyEndpoint:
		return []byte(strings.TrimPrefix(strings.Trim(r.Path, "/"), "v1/")), true
	case abi.PropertyModel:
		return x.model()
	case abi.PropertyRequestedModel:
		return []byte(x.asked), x.asked != ""
	case abi.PropertyClientAddress:
		return []byte(r.ClientAddress), true
	case abi.PropertyAPIKeyID:
		return []byte(r.APIKeyID), r.APIKeyID != ""
	case abi.PropertyRequestID:
		return []byte(r.RequestID), true
	case abi.PropertyStream:
		raw, err := x.request.Get([]byte("/stream"))
		if err == nil && string(raw) == "true" {
			return []byte("true"), true
		}
		return []byte("false"), true
	case abi.PropertyOutcome:
		return []byte("ok"), x.stage == abi.OnDone
	}
	return nil, false
}

// Number returns a numeric value, NaN when it is absent.
func (x *Exchange) Number(key abi.Number) float64 {
	for name, k := range numberNames {
		if f, ok := x.c.Numbers[name]; ok && k == key {
			return f
		}
	}
	answered := x.stage >= abi.OnResponse && x.c.Reply != nil
	switch {
	case key == abi.NumberBodyBytes:
		return float64(len(x.request.text))
	case key == abi.NumberMessages:
		return x.request.messages()
	case key == abi.NumberPromptChars:
		return x.request.promptChars()
	case key == abi.NumberStatus && answered:
		return float64(x.c.Reply.Status)
	case key == abi.NumberAttempt && answered:
		return 1
	case key == abi.NumberEvents && x.events > 0:
		return float64(x.events)
	}
	return math.NaN()
}

// Headers returns one side's headers, nil when the hook has no such side.
func (x *Exchange) Headers(side abi.Side) *Headers {
	if side == abi.ReplySide && x.stage < abi.OnResponse {
		return nil
	}
	h := &x.headers[side]
	h.sent = side == abi.ReplySide && x.stage > abi.OnResponse
	return h
}

// Document returns the hook's document, nil when there is none.
func (x *Exchange) Document() *Document {
	switch {
	case x.stage <= abi.OnRoute && x.request.json:
		return &x.request
	case (x.stage == abi.OnResponse || x.stage == abi.OnEvent) && x.shown.json:
		return &x.shown
	}
	return nil
}

// Candidates returns the candidates in on_route, nil elsewhere.
func (x *Exchange) Candidates() *Candidates {
	if x.stage != abi.OnRoute {
		return nil
	}
	return (*Candidates)(x)
}

// SetModel changes the model, in the body too.
func (x *Exchange) SetModel(model []byte) error {
	switch {
	case x.stage != abi.OnRequest:
		return sdk.ErrNotAllowed
	case !x.request.json:
		return sdk.ErrAbsent
	}
	return x.request.SetString([]byte("/model"), model)
}

// SetReply records what the exchange is answered with.
func (x *Exchange) SetReply(status int, contentType, body []byte) error {
	switch {
	case x.stage != abi.OnRequest && x.stage != abi.OnResponse:
		return sdk.ErrNotAllowed
	case status < 200 || status > 599:
		return sdk.ErrMalformed
	}
	x.early.status, x.early.contentType, x.early.body = status, string(contentType), string(body)
	return nil
}

// Var returns a var.
func (x *Exchange) Var(name []byte) ([]byte, bool) {
	v, ok := x.vars[string(name)]
	return []byte(v), ok
}

// SetVar sets a var.
func (x *Exchange) SetVar(name, value []byte) error {
	x.vars[string(name)] = string(value)
	return nil
}

// VarCount returns how many vars there are.
func (x *Exchange) VarCount() int { return len(x.vars) }

// Now is the case's time.
func (x *Exchange) Now() time.Time { return time.UnixMilli(x.c.Request.Now) }

// Random is SplitMix64 (Steele, Lea, Flood 2014) from the request's seed.
func (x *Exchange) Random() uint64 {
	x.random += 0x9e3779b97f4a7c15
	z := x.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Begin remembers the exchange as it is.
func (x *Exchange) Begin() {
	saved := *x
	saved.request.text, saved.shown.text = bytes.Clone(x.request.text), bytes.Clone(x.shown.text)
	saved.vars = maps.Clone(x.vars)
	saved.scores = append([]float64(nil), x.scores...)
	for i := range x.headers {
		saved.headers[i].values = maps.Clone(x.headers[i].values)
	}
	x.saved = &saved
}

// Commit keeps what changed since Begin.
func (x *Exchange) Commit() { x.saved = nil }

// Rollback undoes what changed since Begin; random numbers stay drawn.
func (x *Exchange) Rollback() {
	if x.saved != nil {
		random := x.random
		*x = *x.saved
		x.saved, x.random = nil, random
	}
}
