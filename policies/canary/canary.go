package main

import (
	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// split is on_request: it chooses an arm, and writes down which.
func split() sdk.Action {
	model, ok := sdk.Model()
	if !ok || !sdk.MatchAny(models, model) {
		return sdk.Continue
	}
	a := overridden()
	if a == nil {
		a = choose(stickyKey())
	}
	if err := sdk.SetVar(varName, a.name); err != nil {
		return sdk.Fail("the arm cannot be kept in " + varName + ": " + err.Error())
	}
	_ = sdk.AddMetric(a.metric, 1) // refused only for a malformed name, and setup checked it
	if a.model == "" || a.model == model {
		return sdk.Continue
	}
	if err := sdk.SetModel(a.model); err != nil {
		return sdk.Fail("the model cannot be set: " + err.Error())
	}
	return sdk.Continue
}

// overridden returns the arm that the client asked for, nil if it asked for
// none or for one that there is not.
func overridden() *arm {
	if override == "" {
		return nil
	}
	name, ok := sdk.RequestHeader(override)
	if !ok {
		return nil
	}
	return armNamed(name)
}

func armNamed(name string) *arm {
	for i := range arms {
		if arms[i].name == name {
			return &arms[i]
		}
	}
	return nil
}

// stickyKey is the hash of the first key that the request has, or a random
// number: then the request sticks to nothing.
func stickyKey() uint64 {
	for _, k := range keys {
		if text, ok := k.read(); ok && text != "" {
			return sdk.Hash(text)
		}
	}
	return sdk.Random()
}

func (k keySource) read() (string, bool) {
	switch k.kind {
	case keyHeader:
		return sdk.RequestHeader(k.header)
	case keyAPIKey:
		return sdk.Property(abi.PropertyAPIKeyID)
	case keyUser:
		return sdk.Text("/user")
	default:
		return sdk.Property(abi.PropertyClientAddress)
	}
}
