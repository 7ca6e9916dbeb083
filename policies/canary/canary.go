package main

import "github.com/infinirouter/infinirouter/sdk"

// split is on_request: it chooses an arm, and writes down which.
func split() sdk.Action {
	if !asked.Ask() {
		return sdk.Fail("the request cannot be read: " + sdk.Err().Error())
	}
	now, ok := asked.Get(model)
	if !ok || !sdk.MatchAny(models, now) {
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
	if a.model == "" || a.model == now {
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
	if override < 0 {
		return nil
	}
	name, ok := asked.Get(override)
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
		if text, ok := asked.Get(k); ok && text != "" {
			return sdk.Hash(text)
		}
	}
	return sdk.Random()
}
