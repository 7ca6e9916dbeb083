package sdktest

import (
	"maps"
	"slices"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Player is what a policy runs on: its Go functions (Native), or its .wasm in
// the router's sandbox.
type Player interface {
	// Configure takes the case's config and grants, and returns the hooks that
	// the policy is to be called for, bit h for abi.Hook h. The error is the
	// policy's refusal of the config.
	Configure(c *Case, w *World) (hooks uint8, err error)
	// Call runs one hook on x. Before it returns an error it has undone what
	// the hook changed (Exchange.Rollback).
	Call(h abi.Hook, x *Exchange) (abi.Action, error)
}

// Play takes the case's exchange through a policy, hook by hook as the router
// would, and says what became of it. After a hook that failed it stops.
func Play(c *Case, p Player) Outcome {
	w := newWorld(c)
	hooks, err := p.Configure(c, w)
	if err != nil {
		return Outcome{ConfigureError: err.Error()}
	}
	g := &game{c: c, p: p, hooks: hooks, x: newExchange(c)}
	for h := range abi.Hook(abi.HookCount) {
		if hooks&(1<<h) != 0 {
			g.out.Hooks = append(g.out.Hooks, h.String())
		}
	}
	g.run()
	g.collect(w)
	return g.out
}

// game is one exchange being played.
type game struct {
	c     *Case
	p     Player
	hooks uint8
	x     *Exchange
	out   Outcome
}

func (g *game) run() {
	action, ok := g.call(abi.OnRequest)
	if !ok {
		return
	}
	g.out.Action = "continue"
	if action == abi.Replied {
		g.out.Action = "reply"
		g.answered()
		g.call(abi.OnDone)
		return
	}
	if len(g.c.Candidates) > 0 {
		if _, ok := g.call(abi.OnRoute); !ok {
			return
		}
	}
	if g.c.Reply != nil && !g.reply() {
		return
	}
	g.call(abi.OnDone)
}

// reply plays the service's answer; false after a failure.
func (g *game) reply() bool {
	g.x.answer(g.c.Reply, len(g.c.Events) > 0)
	action, ok := g.call(abi.OnResponse)
	if !ok {
		return false
	}
	if action == abi.Replied {
		g.answered()
		return true
	}
	g.out.ReplyBody = g.x.text()
	for _, data := range g.c.Events {
		g.x.event(string(data))
		action, ok := g.call(abi.OnEvent)
		switch {
		case !ok:
			return false
		case action == abi.Continue:
			g.out.Events = append(g.out.Events, g.x.text())
		case action == abi.End:
			g.out.Ended = true
			return true
		}
	}
	return true
}

func (g *game) answered() {
	g.out.Reply = &EarlyReply{Status: g.x.early.status, Type: g.x.early.contentType, Body: Text(g.x.early.body)}
}

// call runs a hook that the policy wants; false when it failed.
func (g *game) call(h abi.Hook) (abi.Action, bool) {
	g.x.stage = h
	if g.hooks&(1<<h) == 0 {
		return abi.Continue, true
	}
	action, err := g.p.Call(h, g.x)
	if err != nil {
		g.out.Failed, g.out.Reason = h.String(), err.Error()
		return abi.Continue, false
	}
	return action, true
}

func (g *game) collect(w *World) {
	x := g.x
	g.out.Body = string(x.request.text)
	if model, ok := x.model(); ok {
		g.out.Model = string(model)
	}
	g.out.Headers, g.out.ReplyHeaders = maps.Clone(x.headers[0].values), maps.Clone(x.headers[1].values)
	g.out.Vars = maps.Clone(x.vars)
	g.out.Scores = map[string]float64{}
	for i, c := range g.c.Candidates {
		g.out.Scores[c.Name] = x.scores[i]
	}
	g.out.KV, g.out.Metrics = maps.Clone(w.Store.values), w.Metrics
	g.out.Events = slices.Clip(g.out.Events)
}
