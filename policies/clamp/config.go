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
	*bounds
}

// The config, as setup left it. Nothing changes it afterwards.
var (
	base        *bounds
	rules       []rule
	reportTo    string   // header that lists what was changed, "" for none
	reportVar   string   // var in which that list travels
	defaultsFor []string // endpoints whose requests get defaults
)

func setup(c *sdk.Config) {
	var params []param
	rules = nil
	if t := c.Table("params"); t != nil {
		params = readParams(t)
	}
	base = newBounds(params)
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
	params := slices.Clone(base.params)
	if t := c.Table("params"); t != nil {
		for _, p := range readParams(t) {
			if i := slices.IndexFunc(params, func(q param) bool { return q.name == p.name }); i >= 0 {
				params[i] = p
			} else {
				params = append(params, p)
			}
		}
	} else if !c.Has("params") {
		c.Reject("params", "want a table of parameters")
	}
	r.bounds = newBounds(params)
	return r
}

// isHeaderName is narrower than HTTP: the name is part of a var's name too.
func isHeaderName(name string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_"
	return name != "" && len(name) <= 58 && strings.Trim(strings.ToLower(name), allowed) == ""
}
