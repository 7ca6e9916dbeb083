package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/infinirouter/infinirouter/sdk"
)

// param is what the config says about one parameter.
type param struct {
	name string
	path string // "/temperature"
	twin string // path of the parameter that means the same, "" if none

	min, max bound
	fallback string // JSON of the default, "" if none
	drop     bool
	deny     bool // whatever the value
	denied   []sdk.Scalar
	allowed  []sdk.Scalar
	message  string // what a value outside allowed is told
}

// bound is a min or max.
type bound struct {
	is    bool
	value float64
	raw   string // as configured
	whole string // as an integer, raw if it is none
}

// A service takes either name, and both at once are a contradiction.
var twins = map[string]string{"max_tokens": "/max_completion_tokens", "max_completion_tokens": "/max_tokens"}

// readParams reads a table of parameters, sorted by name.
func readParams(c *sdk.Config) []param {
	var params []param
	names := c.Keys()
	slices.Sort(names)
	for _, name := range names {
		if why := notAParameter(name); why != "" {
			c.Reject(name, why)
			continue
		}
		if t := c.Table(name); t != nil {
			params = append(params, readParam(name, c, t))
		}
	}
	return params
}

// notAParameter says why a name cannot be clamped, "" if it can.
func notAParameter(name string) string {
	switch name {
	case "model":
		return "is not a parameter to clamp; see the policy alias"
	case "messages", "prompt", "input", "instructions", "system":
		return "is content, not a parameter"
	case "":
		return "want a parameter's name"
	}
	for _, b := range []byte(name) {
		if b <= ' ' || b >= 0x7f || b == ',' || b == '=' {
			return "a parameter's name is printable ASCII without space, comma and '='"
		}
	}
	return ""
}

func readParam(name string, parent, c *sdk.Config) param {
	p := param{name: name, path: "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name), twin: twins[name]}
	p.min, p.max = readBound(c, "min"), readBound(c, "max")
	if p.min.is && p.max.is && p.min.value > p.max.value {
		c.Reject("min", "is above max")
	}
	if c.Has("allow") {
		p.allowed = c.Scalars("allow")
		p.message = "parameter " + name + " must be one of " + list(p.allowed)
		if len(p.allowed) == 0 {
			c.Reject("allow", `allows nothing; say deny = true`)
		}
	}
	if c.Kind("deny") == sdk.KindList {
		p.denied = c.Scalars("deny")
	} else {
		p.deny = c.Bool("deny", false)
	}
	p.drop = c.Bool("drop", false)
	if (p.drop || p.deny) && len(c.Keys()) > 1 {
		parent.Reject(name, "drop and deny = true stand alone")
	}
	p.readDefault(c)
	return p
}

func (p *param) readDefault(c *sdk.Config) {
	s, ok := c.Scalar("default")
	if !ok {
		return
	}
	p.fallback = s.Raw
	f, isNumber := sdk.ParseNumber(s.Raw)
	switch {
	case s.Kind == sdk.KindNull:
		c.Reject("default", "want a value, have null")
	case (p.min.is || p.max.is) && !isNumber:
		c.Reject("default", "want a number, as min and max are")
	case p.min.is && f < p.min.value || p.max.is && f > p.max.value:
		c.Reject("default", "lies outside min and max")
	case p.allowed != nil && !contains(p.allowed, s):
		c.Reject("default", "is not in allow")
	case contains(p.denied, s):
		c.Reject("default", "is in deny")
	}
}

func readBound(c *sdk.Config, key string) bound {
	s, ok := c.Scalar(key)
	if !ok {
		return bound{}
	}
	f, ok := sdk.ParseNumber(s.Raw)
	if !ok || math.IsInf(f, 0) {
		c.Reject(key, "want a number, have "+s.Kind.String())
		return bound{}
	}
	b := bound{is: true, value: f, raw: s.Raw, whole: s.Raw}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		b.whole = strconv.FormatInt(int64(f), 10)
	}
	return b
}

// text is the bound as it stands in for a value: an integer for an integer.
func (b *bound) text(value float64) string {
	if value == math.Trunc(value) {
		return b.whole
	}
	return b.raw
}

// contains reports whether a list has a value: numbers compare by what they
// are worth, strings by their text.
func contains(list []sdk.Scalar, v sdk.Scalar) bool {
	for i := range list {
		s := &list[i]
		switch {
		case s.Kind != v.Kind:
		case s.Kind == sdk.KindString && s.Text == v.Text, s.Raw == v.Raw:
			return true
		case s.Kind == sdk.KindNumber:
			a, _ := sdk.ParseNumber(s.Raw)
			if b, _ := sdk.ParseNumber(v.Raw); a == b {
				return true
			}
		}
	}
	return false
}

func list(values []sdk.Scalar) string {
	var raw []string
	for _, v := range values {
		raw = append(raw, v.Raw)
	}
	return strings.Join(raw, ", ")
}
