package sdktest

import (
	"errors"
	"fmt"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Hooks are a policy's exported functions; nil is one that it does not export.
type Hooks struct {
	Configure, OnRequest, OnRoute, OnResponse, OnEvent, OnDone func() int32
}

func (k *Hooks) get(h abi.Hook) func() int32 {
	return [abi.HookCount]func() int32{k.OnRequest, k.OnRoute, k.OnResponse, k.OnEvent, k.OnDone}[h]
}

// Native plays a policy that is compiled into the test itself. One at a time:
// a policy keeps its config in package variables.
type Native struct {
	Hooks Hooks
	host  *host
}

// Configure implements Player.
func (n *Native) Configure(c *Case, w *World) (uint8, error) {
	grants, err := c.GrantSet()
	if err != nil {
		return 0, err
	}
	n.host = &host{config: string(c.Config), grants: grants, world: w, interest: abi.AllHooks}
	if n.Hooks.Configure != nil {
		defer sdk.SetHost(sdk.SetHost(n.host))
		if code := n.Hooks.Configure(); code != 0 {
			return 0, fmt.Errorf("configure returned %d: %s", code, n.host.reason)
		}
	}
	var hooks uint8
	for h := range abi.Hook(abi.HookCount) {
		if n.Hooks.get(h) != nil {
			hooks |= 1 << h
		}
	}
	return hooks & uint8(n.host.interest), nil
}

// Call implements Player.
func (n *Native) Call(h abi.Hook, x *Exchange) (abi.Action, error) {
	host := n.host
	host.x, host.begun, host.replied, host.reason, host.refused = x, false, false, "", ""
	defer sdk.SetHost(sdk.SetHost(host))
	action := abi.Action(n.Hooks.get(h)())
	err := host.judge(h, action)
	switch {
	case !host.begun:
	case err != nil:
		x.Rollback()
	default:
		x.Commit()
	}
	return action, err
}

// judge says why a hook that returned this action has failed, if it has.
func (h *host) judge(hook abi.Hook, action abi.Action) error {
	switch {
	case h.refused != "":
		return errors.New(h.refused)
	case action < 0 || action > abi.MaxAction(hook):
		return fmt.Errorf("%s returned %d: %s", hook, action, h.reason)
	case action == abi.Replied && hook != abi.OnEvent && !h.replied:
		return fmt.Errorf("%s returned %d without a reply", hook, action)
	}
	return nil
}
