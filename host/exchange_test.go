package host

import (
	"bytes"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/host/route"
	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// newTestExchange is an exchange in front of on_request.
func newTestExchange(t testing.TB, body string) *exchange {
	t.Helper()
	ctx := &fasthttp.RequestCtx{}
	ctx.Request.Header.SetMethod("POST")
	ctx.Request.SetRequestURI("/v1/chat/completions?x=1")
	ctx.Request.Header.Set("X-Team", "red")
	ctx.Request.SetBodyString(body)
	x := &exchange{ctx: ctx, accepted: time.Unix(1705312200, 0), chain: noChain, id: []byte("id-1"), client: []byte("10.0.0.1")}
	x.route = &route.Route{Config: config.Route{Name: "default"}}
	if err := x.body.parse(nil, ctx.Request.Body(), openai.Limits{}); err != nil {
		t.Fatal(err)
	}
	return x
}

const chatBody = `{"model":"a", "temperature" : 3,"stream":true,"messages":[{"role":"user","content":"hey"},{"role":"user","content":"you"}]}`

func TestProperties(t *testing.T) {
	x := newTestExchange(t, chatBody)
	x.asked = []byte("a")
	for key, want := range map[abi.Property]string{
		abi.PropertyMethod: "POST", abi.PropertyPath: "/v1/chat/completions", abi.PropertyEndpoint: "chat/completions",
		abi.PropertyRoute: "default", abi.PropertyModel: "a", abi.PropertyRequestedModel: "a",
		abi.PropertyClientAddress: "10.0.0.1", abi.PropertyRequestID: "id-1", abi.PropertyStream: "true",
	} {
		if got, ok := x.Property(key); !ok || string(got) != want {
			t.Errorf("property %d: %q %v, want %q", key, got, ok, want)
		}
	}
	for _, key := range []abi.Property{abi.PropertyAPIKeyID, abi.PropertyService, abi.PropertyOutcome, 0, 999} {
		if got, ok := x.Property(key); ok {
			t.Errorf("property %d is there: %q", key, got)
		}
	}
	for key, want := range map[abi.Number]float64{
		abi.NumberBodyBytes: float64(len(chatBody)), abi.NumberMessages: 2, abi.NumberPromptChars: 6,
	} {
		if got := x.Number(key); got != want {
			t.Errorf("number %d: %v, want %v", key, got, want)
		}
	}
	if got := x.Number(abi.NumberStatus); !math.IsNaN(got) {
		t.Errorf("a status before there is one: %v", got)
	}
}

// editAll makes every change that an on_request hook can make.
func editAll(t *testing.T, x *exchange) {
	t.Helper()
	x.Begin()
	for _, err := range []error{
		x.SetModel([]byte("b")),
		x.Document().SetNumber([]byte("/temperature"), 1),
		x.Document().Remove([]byte("/messages/0")),
		x.Headers(abi.RequestSide).Set([]byte("x-team"), []byte("blue")),
		x.Headers(abi.RequestSide).Set([]byte("x-new"), []byte("1")),
		x.SetVar([]byte("seen"), []byte("twice")),
		x.SetVar([]byte("log.arm"), []byte("b")),
		x.SetReply(429, []byte("text/plain"), []byte("no")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRollbackLeavesNothing(t *testing.T) {
	x := newTestExchange(t, chatBody)
	x.Begin()
	if err := x.SetVar([]byte("seen"), []byte("once")); err != nil {
		t.Fatal(err)
	}
	x.Commit()
	head := x.ctx.Request.Header.String()
	editAll(t, x)
	x.Rollback()
	if got, err := x.body.parts(); err != nil || string(bytes.Join(got, nil)) != chatBody {
		t.Errorf("body %s, %v", got, err)
	}
	if got := x.ctx.Request.Header.String(); got != head {
		t.Errorf("head %q, want %q", got, head)
	}
	if got, _ := x.Var([]byte("seen")); string(got) != "once" || x.VarCount() != 1 {
		t.Errorf("var %q of %d", got, x.VarCount())
	}
	if x.reply.status != 0 {
		t.Errorf("reply %+v", x.reply)
	}
}

func TestCommitKeepsEverything(t *testing.T) {
	x := newTestExchange(t, chatBody)
	editAll(t, x)
	x.Commit()
	want := `{"model":"b", "temperature" : 1,"stream":true,"messages":[{"role":"user","content":"you"}]}`
	if got, err := x.body.parts(); err != nil || string(bytes.Join(got, nil)) != want {
		t.Errorf("body %s, %v", got, err)
	}
	if got := x.ctx.Request.Header.Peek("X-Team"); string(got) != "blue" {
		t.Errorf("header %q", got)
	}
	if got, _ := x.Var([]byte("seen")); string(got) != "twice" || x.VarCount() != 2 || x.reply.status != 429 {
		t.Errorf("var %q of %d, reply %+v", got, x.VarCount(), x.reply)
	}
}

func TestEditsAllocateNothing(t *testing.T) {
	if raceEnabled {
		return // the race detector allocates
	}
	x := newTestExchange(t, chatBody)
	model, path, name, value := []byte("b"), []byte("/temperature"), []byte("log.arm"), []byte("b")
	edit := func() {
		x.body.doc.Reset()
		x.vars.reset()
		if err := x.body.parse(nil, x.ctx.Request.Body(), openai.Limits{}); err != nil {
			t.Fatal(err)
		}
		x.Begin()
		_ = x.SetModel(model)
		_ = x.Document().SetNumber(path, 1)
		_ = x.SetVar(name, value)
		x.Commit()
		if _, err := x.body.parts(); err != nil {
			t.Fatal(err)
		}
	}
	edit()
	if n := testing.AllocsPerRun(100, edit); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// fakePolicy is a policy written in Go, without a sandbox around it.
type fakePolicy struct {
	name  string
	hooks plugins.HookSet
	call  func(abi.Hook, plugins.Exchange) (abi.Action, error)
	stats func() plugins.Stats
}

func (p *fakePolicy) Name() string           { return p.name }
func (p *fakePolicy) Hooks() plugins.HookSet { return p.hooks }
func (p *fakePolicy) Release()               {}
func (p *fakePolicy) Stats() plugins.Stats {
	if p.stats == nil {
		return plugins.Stats{}
	}
	return p.stats()
}

func (p *fakePolicy) Call(h abi.Hook, x plugins.Exchange) (abi.Action, error) {
	return p.call(h, x)
}

func testChain(onError string, policies ...*fakePolicy) *chain {
	loaded := map[string]policy{}
	var names []string
	for _, p := range policies {
		loaded[p.name] = policy{config: config.Policy{Name: p.name, OnError: onError}, loaded: p}
		names = append(names, p.name)
	}
	return newChain(names, loaded)
}

func TestChainStopsAtTheFirstReply(t *testing.T) {
	var called string
	step := func(name string, action abi.Action) *fakePolicy {
		return &fakePolicy{name: name, hooks: plugins.HookSet(0).With(abi.OnRequest), call: func(_ abi.Hook, x plugins.Exchange) (abi.Action, error) {
			called += name
			if action == abi.Replied {
				return action, x.SetReply(403, nil, nil)
			}
			return action, nil
		}}
	}
	x := newTestExchange(t, chatBody)
	c := testChain(config.OnErrorReject, step("a", abi.Continue), step("b", abi.Replied), step("c", abi.Continue))
	if action, err := c.run(abi.OnRequest, x, slog.New(slog.DiscardHandler)); action != abi.Replied || err != nil || called != "ab" {
		t.Errorf("%v %v, called %s", action, err, called)
	}
	if c.wants(abi.OnEvent) || !c.wants(abi.OnRequest) {
		t.Error("the chain wants other hooks than its policies have")
	}
}

func TestOnError(t *testing.T) {
	broken := &fakePolicy{name: "broken", hooks: plugins.HookSet(0).With(abi.OnRequest), call: func(h abi.Hook, _ plugins.Exchange) (abi.Action, error) {
		return 0, &plugins.CallError{Policy: "broken", Hook: h, Kind: plugins.FailureTrap, Reason: "unreachable in guest.secret"}
	}}
	x := newTestExchange(t, chatBody)
	log := slog.New(slog.DiscardHandler)
	if action, err := testChain(config.OnErrorSkip, broken).run(abi.OnRequest, x, log); action != abi.Continue || err != nil {
		t.Errorf("skip: %v %v", action, err)
	}
	_, err := testChain(config.OnErrorReject, broken).run(abi.OnRequest, x, log)
	if f := policyFault(err); f.status != 500 || f.message != "policy broken failed" {
		t.Errorf("reject: %+v", f)
	}
}

func TestScoresOfPoliciesMultiply(t *testing.T) {
	score := func(name string, scores ...float64) *fakePolicy {
		return &fakePolicy{name: name, hooks: plugins.HookSet(0).With(abi.OnRoute), call: func(_ abi.Hook, x plugins.Exchange) (abi.Action, error) {
			x.Begin()
			for i, s := range scores {
				x.Candidates().SetScore(i, s)
			}
			if name == "bad" {
				x.Rollback()
				return 0, &plugins.CallError{Policy: name}
			}
			x.Commit()
			return abi.Continue, nil
		}}
	}
	x := newTestExchange(t, chatBody)
	x.stage = stageRoute
	x.cands = []route.Candidate{{Score: 1}, {Score: 1}, {Score: 1}}
	c := testChain(config.OnErrorSkip, score("a", 2, 1, 0), score("bad", 9, 9, 9), score("b", 3, 0.5, 7))
	if _, err := c.run(abi.OnRoute, x, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if x.cands[0].Score != 6 || x.cands[1].Score != 0.5 || x.cands[2].Score != 0 {
		t.Errorf("%v", x.cands)
	}
}
