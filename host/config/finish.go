package config

import (
	"fmt"
	"path/filepath"
	"slices"
)

// defaultRoute matches everything that no [[routes]] speaks of when there are
// none, with every policy in the file's order.
const defaultRoute = "default"

// finish checks what one value alone does not tell and resolves paths.
func (r *reader) finish(c *Config) {
	r.server(&c.Server)
	r.outlier(&c.Health.Outlier)
	r.load(&c.Load)
	dir := filepath.Dir(c.File)
	services := r.root.field("services")
	for i := range c.Services {
		r.caFile(services.item(i).field("ca_file"), dir, &c.Services[i])
	}
	unique(r, services, "name", c.Services, func(s Service) string { return s.Name })

	c.Plugins.Dir = resolve(dir, c.Plugins.Dir)
	if c.Plugins.CacheDir != "" {
		c.Plugins.CacheDir = resolve(dir, c.Plugins.CacheDir)
	}
	policies := r.root.field("policies")
	for i := range c.Policies {
		r.plugin(policies.item(i).field("plugin"), dir, c.Plugins.Dir, &c.Policies[i])
	}
	unique(r, policies, "name", c.Policies, func(p Policy) string { return p.Name })

	r.routes(c)
	keys := r.root.field("api_keys")
	unique(r, keys, "id", c.APIKeys, func(k APIKey) string { return k.ID })
	unique(r, keys, "key", c.APIKeys, func(k APIKey) string { return k.Key })
}

func (r *reader) server(s *Server) {
	r.bodyMemory(s)
	if s.AdminListen != "" && s.AdminListen == s.Listen {
		r.fail(r.root.field("server").field("admin_listen"), "is the same as listen; leave it empty to share one address")
	}
}

func (r *reader) routes(c *Config) {
	names := make([]string, len(c.Policies))
	for i := range c.Policies {
		names[i] = c.Policies[i].Name
	}
	if len(c.Routes) == 0 {
		route := Route{Policies: names}
		for _, k := range routeSchema(&route) {
			if k.name != "policies" {
				k.reset()
			}
		}
		route.Name = defaultRoute
		c.Routes = []Route{route}
		return
	}
	routes := r.root.field("routes")
	unique(r, routes, "name", c.Routes, func(r Route) string { return r.Name })
	for i := range c.Routes {
		p, route := routes.item(i), &c.Routes[i]
		r.chain(p.field("policies"), route.Policies, names)
		if len(route.Models) == 0 {
			r.fail(p.field("models"), `matches nothing; write ["*"] for all models`)
		}
		if route.Balance == BalanceSession && len(route.Affinity.SessionKey) == 0 {
			r.fail(p.field("session_key"), `is empty, and balance = "session" has nothing to go by`)
		}
		if route.MaxBody > c.Server.MaxBody {
			r.fail(p.field("max_body"), "is over server.max_body, %s", spellSize(c.Server.MaxBody))
		}
	}
}

// chain checks that each policy of a route is there.
func (r *reader) chain(p place, chain, policies []string) {
	for i, name := range chain {
		if name == "" || slices.Contains(policies, name) {
			continue
		}
		hint := "; there is no [[policies]] in this file"
		if near := nearest(name, policies); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		} else if len(policies) > 0 {
			hint = "; there are " + spellList(policies)
		}
		r.fail(p.item(i), "there is no policy %q%s", name, hint)
	}
}

// unique records every entry whose field says what an earlier one's does. It
// shows no value but a name's.
func unique[T any](r *reader, list place, field string, entries []T, of func(T) string) {
	first := map[string]int{}
	for i := range entries {
		value := of(entries[i])
		if value == "" {
			continue
		}
		p := list.item(i).field(field)
		j, taken := first[value]
		if !taken {
			first[value] = i
			continue
		}
		line, _ := list.item(j).field(field).value.lineAndColumn(r.data)
		if field == "key" {
			r.fail(p, "is the same as on line %d", line)
		} else {
			r.fail(p, "%q is taken on line %d", value, line)
		}
	}
}
