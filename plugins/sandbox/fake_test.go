package sandbox

import (
	"math"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// fakeExchange is a request with a model, whose edits become visible when they
// are committed. It allocates nothing when it is only looked at.
type fakeExchange struct {
	model, pending             []byte
	begins, commits, rollbacks int
	properties                 map[abi.Property]string
	vars                       map[string]string
	replied                    int
	boom                       func() // called by every Property
	detached                   int
	random                     uint64
}

func newFake() *fakeExchange { return &fakeExchange{model: []byte("gpt-4")} }

func (x *fakeExchange) Property(k abi.Property) ([]byte, bool) {
	if x.boom != nil {
		x.boom()
	}
	if k == abi.PropertyModel {
		return x.model, true
	}
	v, ok := x.properties[k]
	return []byte(v), ok
}
func (x *fakeExchange) Detach()                                { x.detached++ }
func (x *fakeExchange) Number(abi.Number) float64              { return math.NaN() }
func (x *fakeExchange) Headers(abi.Side) plugins.Headers       { return nil }
func (x *fakeExchange) Document() plugins.Document             { return nil }
func (x *fakeExchange) Candidates() plugins.Candidates         { return nil }
func (x *fakeExchange) SetModel(m []byte) error                { x.pending = append(x.pending[:0], m...); return nil }
func (x *fakeExchange) SetReply(status int, _, _ []byte) error { x.replied = status; return nil }
func (x *fakeExchange) Var([]byte) ([]byte, bool)              { return nil, false }
func (x *fakeExchange) SetVar(name, value []byte) error {
	if x.vars == nil {
		x.vars = map[string]string{}
	}
	x.vars[string(name)] = string(value)
	return nil
}
func (x *fakeExchange) VarCount() int  { return len(x.vars) }
func (x *fakeExchange) Now() time.Time { return time.Unix(1_700_000_000, 0) }
func (x *fakeExchange) Random() uint64 { x.random++; return x.random }
func (x *fakeExchange) Begin()         { x.begins++; x.pending = append(x.pending[:0], x.model...) }
func (x *fakeExchange) Commit()        { x.commits++; x.model = append(x.model[:0], x.pending...) }
func (x *fakeExchange) Rollback()      { x.rollbacks++; x.replied = 0; x.vars = nil }
