package main

import "github.com/infinirouter/infinirouter/sdk"

// note adds a change to the list. A string of the config's may hold what a
// header cannot, so of one only that it is the default is told.
func note(name, what string) {
	if reportTo == "" {
		return
	}
	if len(changes) > 0 {
		changes = append(changes, ", "...)
	}
	changes = append(append(changes, name...), '=')
	if what[0] == '"' {
		what = "default"
	}
	changes = append(changes, what...)
}

// report leaves the list for on_response, behind what another clamp of the
// chain with the same header may have left.
func report() sdk.Action {
	if before, ok := sdk.Var(reportVar); ok {
		changes = append(append([]byte(before), ", "...), changes...)
	}
	if err := sdk.SetVar(reportVar, string(changes)); err != nil {
		return sdk.Fail("the list of changes cannot be kept: " + err.Error())
	}
	return sdk.Continue
}

// tell is on_response: the list becomes a header of the reply.
func tell() sdk.Action {
	if list, ok := sdk.Var(reportVar); ok {
		if err := sdk.SetReplyHeader(reportTo, list); err != nil {
			return sdk.Fail("header " + reportTo + " cannot be set: " + err.Error())
		}
	}
	return sdk.Continue
}
