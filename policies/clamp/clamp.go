package main

import (
	"slices"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// changes lists what the running hook did: "max_tokens=4096, top_k=removed".
// Its memory is used again.
var changes []byte

// clamp is on_request.
func clamp() sdk.Action {
	changes = changes[:0]
	now := base
	if len(rules) > 0 {
		now = ruled()
	}
	if action := now.apply(); action != sdk.Continue {
		return action
	}
	if reportTo == "" || len(changes) == 0 {
		return sdk.Continue
	}
	return report()
}

// ruled returns what holds for the request's model: the first rule that names
// it, or the parameters that hold for all.
func ruled() *bounds {
	model, _ := sdk.Model()
	for i := range rules {
		if sdk.MatchAny(rules[i].models, model) {
			return rules[i].bounds
		}
	}
	return base
}

// apply brings one parameter into line, or answers that it cannot be.
func (p *param) apply() sdk.Action {
	if p.drop {
		return p.done(sdk.RemoveJSON(p.path), "removed")
	}
	raw, ok := sdk.JSON(p.path)
	if !ok {
		if sdk.Err() == sdk.ErrAbsent {
			return p.setDefault()
		}
		return p.applyUnseen()
	}
	if raw == "null" { // services take it for a parameter that is not there
		return p.setDefault()
	}
	if p.deny {
		return p.refuse()
	}
	if len(p.allowed) > 0 || len(p.denied) > 0 {
		if action := p.check(p.scalar(raw)); action != sdk.Continue {
			return action
		}
	}
	if p.min.is || p.max.is {
		return p.limit(raw)
	}
	return sdk.Continue
}

// applyUnseen is for a value that is there and that this policy may not see
// without the grant content: a list, a table or a long string.
func (p *param) applyUnseen() sdk.Action {
	switch {
	case p.deny:
		return p.refuse()
	case p.allowed != nil:
		return sdk.Refuse(400, p.message)
	case p.min.is || p.max.is:
		return p.notANumber()
	}
	return sdk.Continue
}

// limit brings a number between min and max. A string is refused and not
// passed on: there are services that would read a number in it.
func (p *param) limit(raw string) sdk.Action {
	f, ok := sdk.ParseNumber(raw)
	switch {
	case !ok:
		return p.notANumber()
	case p.max.is && f > p.max.value:
		return p.set(p.max.text(f))
	case p.min.is && f < p.min.value:
		return p.set(p.min.text(f))
	}
	return sdk.Continue
}

// check holds a value against the lists. Only what is no list or table can be
// in one.
func (p *param) check(v sdk.Scalar) sdk.Action {
	if contains(p.denied, v) {
		return sdk.Refuse(400, "parameter "+p.name+" must not be one of "+list(p.denied))
	}
	if p.allowed != nil && !contains(p.allowed, v) {
		return sdk.Refuse(400, p.message)
	}
	return sdk.Continue
}

func (p *param) scalar(raw string) sdk.Scalar {
	switch raw[0] {
	case '"':
		text, _ := sdk.Text(p.path)
		return sdk.Scalar{Kind: sdk.KindString, Raw: raw, Text: text}
	case '[':
		return sdk.Scalar{Kind: sdk.KindList, Raw: raw}
	case '{':
		return sdk.Scalar{Kind: sdk.KindTable, Raw: raw}
	case 't', 'f':
		return sdk.Scalar{Kind: sdk.KindBool, Raw: raw}
	}
	return sdk.Scalar{Kind: sdk.KindNumber, Raw: raw}
}

// setDefault puts the default in, where requests have such parameters at all
// and the client did not say the same thing under the parameter's other name.
func (p *param) setDefault() sdk.Action {
	if p.fallback == "" {
		return sdk.Continue
	}
	if p.twin != "" {
		if raw, ok := sdk.JSON(p.twin); ok && raw != "null" {
			return sdk.Continue
		}
	}
	if endpoint, _ := sdk.Property(abi.PropertyEndpoint); !slices.Contains(defaultsFor, endpoint) {
		return sdk.Continue
	}
	return p.set(p.fallback)
}

func (p *param) set(raw string) sdk.Action {
	if err := sdk.SetJSON(p.path, raw); err != nil || reportTo != "" {
		return p.done(err, raw)
	}
	return sdk.Continue
}

// done notes a change. A request without a JSON body has nothing to change.
func (p *param) done(err error, what string) sdk.Action {
	switch err {
	case nil:
		note(p.name, what)
		return sdk.Continue
	case sdk.ErrAbsent:
		return sdk.Continue
	}
	return sdk.Fail("parameter " + p.name + " cannot be changed: " + err.Error())
}

func (p *param) refuse() sdk.Action {
	return sdk.Refuse(400, "parameter "+p.name+" is not allowed")
}

func (p *param) notANumber() sdk.Action {
	return sdk.Refuse(400, "parameter "+p.name+" must be a number")
}
