package main

import "github.com/infinirouter/infinirouter/sdk"

// fits says of each candidate whether it is one of the arm's. Its memory is
// used again.
var fits []bool

// steer is on_route: candidates that are not the arm's are excluded, unless
// that would leave none.
func steer() sdk.Action {
	name, ok := sdk.Var(varName)
	if !ok {
		return sdk.Continue
	}
	a := armNamed(name)
	if a == nil || len(a.labels) == 0 && a.model != "" {
		return sdk.Continue
	}
	found := false
	fits = fits[:0]
	for i := range sdk.CandidateCount() {
		fit := a.takes(i)
		fits = append(fits, fit)
		found = found || fit
	}
	if !found {
		_ = sdk.AddMetric(a.missing, 1)
		return sdk.Continue
	}
	for i, fit := range fits {
		if fit {
			continue
		}
		if err := sdk.SetScore(i, 0); err != nil {
			return sdk.Fail("a candidate cannot be scored: " + err.Error())
		}
	}
	return sdk.Continue
}

// takes reports whether candidate i is the arm's: one with all its labels or,
// if it has none, one that no other arm's labels are on.
func (a *arm) takes(i int) bool {
	if len(a.labels) > 0 {
		return a.labelled(i)
	}
	for j := range arms {
		if len(arms[j].labels) > 0 && arms[j].labelled(i) {
			return false
		}
	}
	return true
}

func (a *arm) labelled(i int) bool {
	for _, l := range a.labels {
		if value, ok := sdk.CandidateLabel(i, l.name); !ok || value != l.value {
			return false
		}
	}
	return true
}
