package host

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// chain is the ordered policies of a route, sorted out by hook once, so that a
// hook that no policy exports costs a request nothing.
type chain struct {
	hooks [abi.HookCount][]link
}

type link struct {
	policy plugins.Policy
	skip   bool // on_error = "skip"
}

func newChain(names []string, policies map[string]policy) *chain {
	c := &chain{}
	for _, name := range names {
		p := policies[name]
		l := link{policy: p.loaded, skip: p.config.OnError == config.OnErrorSkip}
		for h := range abi.Hook(abi.HookCount) {
			if p.loaded.Hooks().Has(h) {
				c.hooks[h] = append(c.hooks[h], l)
			}
		}
	}
	return c
}

// wants reports whether any policy of the chain has the hook.
func (c *chain) wants(h abi.Hook) bool { return len(c.hooks[h]) > 0 }

// policyError is a policy that failed under on_error = "reject".
type policyError struct {
	policy string
	cause  error
}

func (e *policyError) Error() string { return e.cause.Error() }
func (e *policyError) Unwrap() error { return e.cause }

// run calls one hook of every policy in order, until one answers with another
// action than Continue or fails. x.stage and the document are set by the caller.
func (c *chain) run(h abi.Hook, x *exchange, log *slog.Logger) (abi.Action, error) {
	for _, l := range c.hooks[h] {
		if h == abi.OnRoute {
			x.startScores()
		}
		action, err := l.policy.Call(h, x)
		if err != nil {
			logFailure(log, x, err)
			x.noteInternal(err)
			if l.skip {
				continue
			}
			return abi.Continue, &policyError{policy: l.policy.Name(), cause: err}
		}
		if h == abi.OnRoute {
			x.mergeScores()
		}
		if action == abi.Replied && h <= abi.OnResponse && x.reply.status == 0 {
			err := &policyError{policy: l.policy.Name(), cause: fmt.Errorf("%s returned %d without calling reply", h, action)}
			logFailure(log, x, err)
			if l.skip {
				continue
			}
			return abi.Continue, err
		}
		if action != abi.Continue {
			x.reply.policy = l.policy.Name()
			return action, nil
		}
	}
	return abi.Continue, nil
}

// noteInternal counts a panic in a function that the policy called. The sandbox
// has logged its stack.
func (x *exchange) noteInternal(err error) {
	var call *plugins.CallError
	if errors.As(err, &call) && call.Kind == plugins.FailureInternal && x.gen != nil {
		x.gen.metrics.Panicked(inPolicy)
	}
}

// logFailure says once per call what went wrong; the breaker's own refusals
// are counted, not logged, or a broken policy would fill the log.
func logFailure(log *slog.Logger, x *exchange, err error) {
	var call *plugins.CallError
	if errors.As(err, &call) && call.Kind == plugins.FailureBreaker {
		return
	}
	log.Warn("policy failed", "request_id", string(x.id), "error", err.Error())
}
