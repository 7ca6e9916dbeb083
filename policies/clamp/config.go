package main

import (
	"slices"
	"strings"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// rule is what holds for some models: the parameters of the config's own
// table, those of the rule put in their place.
type rule struct {
	models []string
	params []param
}

// The config, as setup left it. Nothing changes it afterwards.
var (
	base        []param
	rules       []rule
	reportTo    string   // header that lists what was changed, "" for none
	reportVar   string   // var in which that list travels
	defaultsFor []string // endpoints whose requests get defaults
)

func setup(c *sdk.Config) {
	base, rules = nil, nil
	if t := c.Table("params"); t != nil {
		base = readParams(t)
	}
	if c.Has("rules") {
		for _, t := range c.Tables("rules") {
			rules = append(rules, readRule(t))
		}
	}
	defaultsFor = []string{"chat/completions", "completions"}
	if c.Has("defaults_for") {
		defaultsFor = c.Strings("defaults_for")
	}
	reportTo = c.String("report", "")
	reportVar = "clamp." + strings.ToLower(reportTo)
	if c.Has("report") && !isHeaderName(reportTo) {
		c.Reject("report", "want a header's name, such as X-Clamped, of at most 58 letters, digits, - and _")
	}
	if reportTo == "" {
		_ = sdk.Interest(abi.OnRequest)
	} else {
		_ = sdk.Interest(abi.OnRequest, abi.OnResponse)
	}
}

func readRule(c *sdk.Config) rule {
	r := rule{models: c.Strings("models")}
	if len(r.models) == 0 {
		c.Reject("models", `want the models that the rule is for, such as ["qwen*"]`)
	}
	r.params = slices.Clone(base)
	t := c.Table("params")
	if t == nil {
		if !c.Has("params") {
			c.Reject("params", "want a table of parameters")
		}
		return r
	}
	for _, p := range readParams(t) {
		if i := slices.IndexFunc(r.params, func(q param) bool { return q.name == p.name }); i >= 0 {
			r.params[i] = p
		} else {
			r.params = append(r.params, p)
		}
	}
	return r
}

// isHeaderName is narrower than HTTP: the name is part of a var's name too.
func isHeaderName(name string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_"
	return name != "" && len(name) <= 58 && strings.Trim(strings.ToLower(name), allowed) == ""
}
