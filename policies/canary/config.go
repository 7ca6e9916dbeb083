package main

import (
	"strings"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// arm is one of the ways that a request can go.
type arm struct {
	name    string
	weight  float64
	share   float64 // 1/weight: what its draws are multiplied by
	salt    uint64
	model   string  // "": as asked for
	labels  []label // of its services; none: no matter which
	metric  string
	missing string // metric of requests for which no service had the labels
}

type label struct{ name, value string }

// The config, as setup left it. Nothing changes it afterwards.
var (
	models   []string  // whose requests are split
	asked    sdk.Texts // what decides, read in one call of the router:
	model    int       // the place of the model among it,
	override int       // of the header that names an arm, -1 for none,
	keys     []int     // and of what a user is known by
	varName  string    // var and column of the access log that the arm is in
	arms     []arm
)

func setup(c *sdk.Config) {
	models, keys, arms, asked = []string{"*"}, nil, nil, sdk.Texts{}
	model, override = asked.Add(abi.PropertyModel), -1
	if c.Has("models") {
		if models = c.Strings("models"); len(models) == 0 {
			c.Reject("models", `want the models to split, such as ["Qwen3-32B"]`)
		}
	}
	name := c.String("name", "canary")
	if !isWord(name, 60) || name != strings.ToLower(name) {
		c.Reject("name", "want at most 60 of a-z, 0-9, '_', '-' and '.'")
	}
	varName = "log." + name
	if header := c.String("override", ""); isWord(header, 256) {
		override = asked.AddHeader(header)
	} else if c.Has("override") {
		c.Reject("override", "want a header's name, such as X-Canary")
	}
	readKeys(c)
	readArms(c, c.String("salt", name))
	interested := []abi.Hook{abi.OnRequest}
	for i := range arms {
		if len(arms[i].labels) > 0 {
			interested = []abi.Hook{abi.OnRequest, abi.OnRoute}
		}
	}
	_ = sdk.Interest(interested...)
}

func readKeys(c *sdk.Config) {
	list := c.Strings("key")
	for _, text := range list {
		header, isHeader := strings.CutPrefix(text, "header:")
		switch {
		case isHeader && isWord(header, 256):
			keys = append(keys, asked.AddHeader(header))
		case text == "api_key":
			keys = append(keys, asked.Add(abi.PropertyAPIKeyID))
		case text == "user":
			keys = append(keys, asked.AddText("/user"))
		case text == "client_address":
			keys = append(keys, asked.Add(abi.PropertyClientAddress))
		case text == "none" && len(list) == 1:
		default:
			c.Reject("key", `"`+text+`" is none of "header:NAME", "api_key", "user", "client_address" and, alone, "none"`)
		}
	}
}

func readArms(c *sdk.Config, salt string) {
	total := 0.0
	if !c.Has("arms") {
		c.Reject("arms", `want a list such as [{ name = "stable", weight = 95 }, { name = "new", weight = 5, model = "B" }]`)
		return
	}
	tables := c.Tables("arms")
	for _, t := range tables {
		a := readArm(t)
		for i := range arms {
			if arms[i].name == a.name {
				t.Reject("name", `"`+a.name+`" is there twice`)
			}
		}
		a.salt = sdk.Hash(salt + "\x00" + a.name)
		arms = append(arms, a)
		total += a.weight
	}
	if total <= 0 && c.Kind("arms") == sdk.KindList {
		c.Reject("arms", "want an arm with a weight above 0")
	}
}

func readArm(c *sdk.Config) arm {
	a := arm{name: c.String("name", ""), model: c.String("model", ""), weight: c.Number("weight", 0)}
	if !isWord(a.name, 60) {
		c.Reject("name", "want at most 60 letters, digits, '_', '-' and '.'")
	}
	switch {
	case !c.Has("weight"):
		c.Reject("weight", "want a number; 0 turns the arm off")
	case a.weight < 0 || a.weight > 1e9:
		c.Reject("weight", "want 0 to 1e9")
	}
	if c.Has("model") && a.model == "" || strings.Contains(a.model, "*") {
		c.Reject("model", "want one model's name")
	}
	if t := c.Table("labels"); t != nil {
		for _, name := range t.Keys() {
			a.labels = append(a.labels, label{name, t.String(name, "")})
		}
		if len(a.labels) == 0 {
			c.Reject("labels", `want labels of services, such as { track = "canary" }`)
		}
	}
	a.share = 1 / a.weight
	a.metric, a.missing = "requests;arm="+a.name, "unlabelled;arm="+a.name
	return a
}

// isWord reports a name that fits a header, a var and a metric's label.
func isWord(s string, most int) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyz0123456789_-."
	return s != "" && len(s) <= most && strings.Trim(strings.ToLower(s), allowed) == ""
}
