package config

import (
	"cmp"
	"slices"
	"strings"
)

// PolicyError is err about the plugin of c.Policies[i], at the place in the file
// where that is named.
func (c *Config) PolicyError(i int, err error) Error {
	p := c.plugins[i]
	line, column := p.value.lineAndColumn(c.text)
	return Error{File: c.File, Line: line, Column: column, Key: p.path, Message: err.Error()}
}

// With returns e and more in the order of their lines.
func (e Errors) With(more Errors) Errors {
	all := append(append(Errors{}, e...), more...)
	all.sort()
	return all
}

// locatePolicies remembers where the policies' plugins are named, and drops the
// policies that something is wrong with already.
func (r *reader) locatePolicies(c *Config) {
	c.text = r.data
	list := r.root.field("policies")
	starts := make([]spot, len(c.Policies))
	for i := range starts {
		starts[i] = list.item(i).key
	}
	wrong := r.wrongPolicies(starts)
	sound := c.Policies[:0]
	for i := range c.Policies {
		if !wrong[i] {
			sound = append(sound, c.Policies[i])
			p := list.item(i).field("plugin")
			p.node = nil // the tree is let go
			c.plugins = append(c.plugins, p)
		}
	}
	c.Policies = sound
}

// wrongPolicies says which policies the errors are about: one is about the last
// policy that starts before it.
func (r *reader) wrongPolicies(starts []spot) map[int]bool {
	wrong := map[int]bool{}
	for _, e := range r.errs {
		if !strings.HasPrefix(e.Key, "policies") {
			continue
		}
		i, _ := slices.BinarySearchFunc(starts, e.at, func(start, at spot) int { return cmp.Or(cmp.Compare(start, at), -1) })
		wrong[i-1] = true
	}
	return wrong
}
