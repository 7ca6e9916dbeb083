package main

import (
	"slices"
	"strings"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// alias is an exact name.
type alias struct{ name, target string }

// manyAliases are found in the map. Fewer are compared one by one: in a guest
// to hash a name takes as long as to compare a dozen.
const manyAliases = 12

// prefix is an alias whose name ends in "*".
type prefix struct{ text, target string }

// The config, as setup left it. Nothing changes it afterwards.
var (
	exact    map[string]string // name -> model
	few      []alias           // the same when they are few, nil if not
	prefixes []prefix          // longest first
	fallback string            // "": none
	targets  map[string]bool   // the models that aliases lead to
)

// setup reads the config: every string at its top is an alias but for the
// reserved keys, and so is every string of the table "names".
func setup(c *sdk.Config) {
	exact, prefixes, targets = map[string]string{}, nil, map[string]bool{}
	fallback = c.String("default", "")
	if c.Has("default") && fallback == "" {
		c.Reject("default", "want a model's name")
	}
	restore := c.Bool("restore", false)
	if names := c.Table("names"); names != nil {
		addAliases(names, names.Keys())
	}
	addAliases(c, slices.DeleteFunc(c.Keys(), func(key string) bool {
		return key == "default" || key == "restore" || key == "names"
	}))
	few = nil
	if len(exact) < manyAliases {
		for name, target := range exact {
			few = append(few, alias{name, target})
		}
	}
	slices.SortFunc(prefixes, func(a, b prefix) int { return len(b.text) - len(a.text) })
	if restore {
		_ = sdk.Interest(abi.OnRequest, abi.OnResponse, abi.OnEvent)
	} else {
		_ = sdk.Interest(abi.OnRequest)
	}
}

func addAliases(c *sdk.Config, keys []string) {
	for _, name := range keys {
		target := c.String(name, "")
		text, isPrefix := strings.CutSuffix(name, "*")
		switch {
		case target == "":
			if c.Kind(name) == sdk.KindString {
				c.Reject(name, "want a model's name")
			}
		case strings.Contains(target, "*"):
			c.Reject(name, `"`+target+`" is no model's name: only an alias may end in "*"`)
		case strings.Contains(text, "*"):
			c.Reject(name, `an alias may have "*" at its end only`)
		case name == "":
			c.Reject(name, "want an alias, have an empty name")
		case name == "*":
			c.Reject(name, `say default = "`+target+`"`)
		case isPrefix && slices.ContainsFunc(prefixes, func(p prefix) bool { return p.text == text }):
			c.Reject(name, "is there twice")
		case isPrefix:
			prefixes = append(prefixes, prefix{text, target})
			targets[target] = true
		default:
			if _, twice := exact[name]; twice {
				c.Reject(name, "is there twice")
			}
			exact[name] = target
			targets[target] = true
		}
	}
}

// resolve returns the model that a name stands for: the alias of that very
// name, else the longest prefix, else the default; the models that aliases
// lead to are asked for by their own names, so the default leaves them alone.
func resolve(name string) (string, bool) {
	for i := range few {
		if few[i].name == name {
			return few[i].target, true
		}
	}
	if len(exact) > len(few) {
		if target, ok := exact[name]; ok {
			return target, true
		}
	}
	for i := range prefixes {
		if p := &prefixes[i]; strings.HasPrefix(name, p.text) {
			return p.target, true
		}
	}
	if fallback != "" && !targets[name] {
		return fallback, true
	}
	return "", false
}

// rename is on_request.
func rename() sdk.Action {
	name, _ := sdk.Model()
	target, ok := resolve(name)
	if !ok || target == name {
		return sdk.Continue
	}
	switch err := sdk.SetModel(target); err {
	case nil, sdk.ErrAbsent: // absent: a request without a body has no model to set
		return sdk.Continue
	default:
		return sdk.Fail("the model cannot be set: " + err.Error())
	}
}

// modelPaths are where replies name the model: chat and completions, the
// Responses API's events, and Anthropic's message_start.
var modelPaths = [...]string{"/model", "/response/model", "/message/model"}

// restoreReply is on_response and on_event: the name that the client asked for
// goes where the service wrote the name that it knows.
func restoreReply() sdk.Action {
	asked, ok := sdk.Property(abi.PropertyRequestedModel)
	if !ok {
		return sdk.Continue
	}
	for _, path := range modelPaths {
		said, ok := sdk.Text(path)
		if !ok || said == asked {
			continue
		}
		if err := sdk.SetText(path, asked); err != nil {
			return sdk.Fail(path + " cannot be restored: " + err.Error())
		}
	}
	return sdk.Continue
}
