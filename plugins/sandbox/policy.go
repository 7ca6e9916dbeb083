package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/native"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// timeEvery is how many calls of an instance share one reading of the clock.
const timeEvery = 16

// epoch makes a duration of a clock reading, which is cheaper than a time.
var epoch = time.Now()

// clock is the time since epoch.
func clock() time.Duration { return time.Since(epoch) }

// policy is what all holders of equal specs share.
type policy struct {
	name, plugin string
	size         int64
	sha256       [32]byte
	grants       abi.Grant
	limits       plugins.Limits
	memory       uint64 // bytes that an instance may have, whole pages
	fuel         [abi.HookCount]int64
	highWater    uint32 // bytes of memory that an instance is given up at
	hooks        plugins.HookSet
	program      *program
	runtime      wazero.Runtime
	lane         *lane
	share        *share
	native       *native.Policy
	steps        []string // before the first hook
	logger       *slog.Logger
	// breakerErrors are made beforehand: an open breaker must cost nothing.
	breakerErrors [abi.HookCount]*plugins.CallError

	favourite atomic.Pointer[instance] // see park.go
	attention atomic.Bool              // calls must come by mu

	mu        sync.Mutex // guards what follows, never held over guest code; unlock leaves it
	pool      pool
	breaker   breaker
	stats     [abi.HookCount]figures
	made      uint64 // instances
	initFuel  uint64 // that the latest instance took
	lastError string
}

// handle is one holder's claim on a policy.
type handle struct {
	*policy
	loader   *Loader
	key      policyKey
	released atomic.Bool
}

var _ plugins.Policy = (*handle)(nil)

func newPolicy(key policyKey, prog *program, l *Loader, shared *native.Policy) *policy {
	memory := memoryLimit(key.limits.Memory, prog.info)
	p := &policy{
		name: key.name, plugin: key.plugin, sha256: key.sha256, grants: key.grants, limits: key.limits,
		hooks: prog.hooks, program: prog, native: shared, logger: l.logger, steps: initSteps[:],
		runtime: l.runtime, lane: l.lane, share: newShare(key.limits.CPUPercent), memory: memory, highWater: uint32(memory / 4 * 3),
		pool: pool{max: key.limits.Instances},
	}
	for h := range abi.Hook(abi.HookCount) {
		p.fuel[h] = p.fuelOf(fuelKnobs[h])
		p.breakerErrors[h] = p.callError(h, plugins.FailureBreaker, "not called: it failed too often of late")
	}
	return p
}

// Release implements plugins.Policy. A second Release of one handle is nothing.
func (h *handle) Release() {
	if h.released.CompareAndSwap(false, true) {
		h.loader.release(h.key)
	}
}

// Name implements plugins.Policy.
func (p *policy) Name() string { return p.name }

// Hooks implements plugins.Policy.
func (p *policy) Hooks() plugins.HookSet { return p.hooks }

// Call implements plugins.Policy.
func (p *policy) Call(hook abi.Hook, x plugins.Exchange) (abi.Action, error) {
	if int(hook) >= abi.HookCount || !p.program.hooks.Has(hook) {
		return 0, p.callError(hook, plugins.FailureInternal, "the plugin does not export this hook")
	}
	in, callErr := p.acquire(hook, x)
	if callErr != nil {
		return 0, callErr
	}
	var began time.Duration
	timed := in.calls%timeEvery == 0
	if timed {
		began = clock()
		in.old = began-in.made >= maxAge
	}
	in.calls++
	in.call.Start(hook, x)
	in.call.Fuel().Fill(p.fuel[hook])
	in.running = int(hook)
	err := in.functions[hook].CallWithStack(in.call, in.result[:])
	left := in.call.Fuel().Left()
	in.room.rest()
	in.call.Finish()

	action := abi.Action(int32(uint32(in.result[0])))
	begun := in.call.Begun()
	if fault := p.judge(in, hook, action, err, left); fault != nil {
		if begun {
			x.Rollback()
		}
		return 0, p.discard(in, sample{hook: hook, fuel: uint64(p.fuel[hook] - max(left, 0))}, fault)
	}
	if in.call.HasFailText() {
		p.logWords(in.call, hook)
	}
	spent := sample{hook: hook, fuel: uint64(p.fuel[hook] - left), timed: timed}
	if timed {
		spent.took = clock() - began
	}
	written := in.call.Written()
	p.done(in, spent)
	if begun {
		x.Commit()
	}
	if written > 0 {
		p.share.spend(time.Duration(written)*sendByte, clock())
	}
	return action, nil
}

// judge says why a call failed, nil if it did not.
func (p *policy) judge(in *instance, hook abi.Hook, action abi.Action, err error, left int64) *native.Failure {
	if err != nil || left < 0 || in.call.HasFailed() {
		return p.fault(in, err, left, fuelKnobs[hook])
	}
	if action < 0 || action > abi.MaxAction(hook) {
		return &native.Failure{Kind: plugins.FailureResult, Reason: withWords(fmt.Sprintf(
			"it returned %d, allowed are 0 to %d", action, abi.MaxAction(hook)), in.call)}
	}
	if action == abi.Replied && hook != abi.OnEvent && !in.call.Replied() {
		return &native.Failure{Kind: plugins.FailureResult, Reason: withWords(
			"it returned 1 without a reply", in.call)}
	}
	return nil
}

// noteFailure counts a failed call. The lock is held.
func (p *policy) noteFailure(e *plugins.CallError, trial bool) (opened bool) {
	p.stats[e.Hook].fail(e.Kind)
	p.lastError = e.Error()
	return p.breaker.fail(time.Now(), trial)
}

func (p *policy) logOpened(opened bool) {
	if opened {
		p.logger.Warn("policy keeps failing, not calling it for a while",
			"policy", p.name, "failures", breakerFailures, "within", breakerWindow, "for", breakerWait)
	}
}

func (p *policy) closeInstance(in *instance) {
	defer p.share.spendSince(clock()) // it may have touched all the memory that it may have
	if err := in.close(); err != nil {
		p.logger.Warn("cannot close instance", "policy", p.name, "error", err)
	}
}

// logWords logs a fail() of a call that went well all the same.
func (p *policy) logWords(c *native.Call, hook abi.Hook) {
	if p.logger.Enabled(context.Background(), slog.LevelDebug) {
		p.logger.Debug("policy gave a reason without failing", "policy", p.name, "hook", hook.String(), "text", c.FailText())
	}
}

func (p *policy) callError(hook abi.Hook, kind plugins.FailureKind, reason string) *plugins.CallError {
	return &plugins.CallError{Policy: p.name, Hook: hook, Kind: kind, Reason: reason}
}
