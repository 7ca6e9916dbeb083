package route

import (
	"bytes"
	"slices"
	"strings"

	"github.com/infinirouter/infinirouter/host/config"
)

// Table is the routes of one generation, in the order of router.toml. It is
// immutable and safe for concurrent use.
type Table struct {
	routes []*Route
}

// Route is one [[routes]] entry, ready to match, with the balancer that keeps
// its state.
type Route struct {
	Config   config.Route
	Balancer Balancer
	Session  []Source // what names a session, for the balancer "session"

	path    pattern
	models  models
	headers []headerMatch
}

// NewTable returns the table of routes, which config has checked. Balancers
// start afresh.
func NewTable(routes []config.Route) *Table {
	t := &Table{routes: make([]*Route, 0, len(routes))}
	for _, cfg := range routes {
		t.routes = append(t.routes, &Route{
			Config:   cfg,
			Balancer: NewBalancer(cfg),
			Session:  sources(cfg.Affinity.SessionKey),
			path:     pathPattern(cfg.Path),
			models:   modelPatterns(cfg.Models),
			headers:  headerMatches(cfg.Headers),
		})
	}
	return t
}

// Routes returns the routes in order. The slice must not be changed.
func (t *Table) Routes() []*Route { return t.routes }

// Match returns the first route that fits, or nil. path is without query; model
// is empty when the request names none, and fits only "*" then. header returns
// the first value of a header, empty or nil when it is absent; it may be nil
// itself, and what it returns is read before it is called again. Match does not
// allocate.
func (t *Table) Match(path, model []byte, header func(name string) []byte) *Route {
	path = withoutV1(path)
	for _, r := range t.routes {
		if r.path.matches(path) && r.models.match(model) && r.headersMatch(header) {
			return r
		}
	}
	return nil
}

// pattern is a text that must be met exactly, or as the beginning.
type pattern struct {
	text   string
	prefix bool
}

func newPattern(s string) pattern {
	text, prefix := strings.CutSuffix(s, "*")
	return pattern{text, prefix}
}

func (p pattern) matches(b []byte) bool {
	if p.prefix {
		return len(b) >= len(p.text) && string(b[:len(p.text)]) == p.text
	}
	return string(b) == p.text
}

// pathPattern reads a path pattern; no path means every path. Paths are the
// same with and without "/v1", so both sides are compared without it.
func pathPattern(s string) pattern {
	if s == "" {
		s = "*"
	}
	p := newPattern(s)
	if p.prefix && p.text == v1 {
		p.text = "" // "/v1*" is "/v1/*" and "/v1" itself
	}
	p.text = string(withoutV1([]byte(p.text)))
	return p
}

const v1 = "/v1"

// withoutV1 returns path without a leading "/v1" segment.
func withoutV1(path []byte) []byte {
	rest, ok := bytes.CutPrefix(path, []byte(v1))
	switch {
	case !ok || len(rest) > 0 && rest[0] != '/':
		return path
	case len(rest) == 0:
		return []byte("/")
	default:
		return rest
	}
}

// models are a route's model patterns.
type models struct {
	any      bool
	exact    map[string]struct{}
	prefixes []string
}

// modelPatterns reads model patterns; none at all means every model.
func modelPatterns(patterns []string) models {
	m := models{any: len(patterns) == 0, exact: make(map[string]struct{})}
	for _, s := range patterns {
		switch p := newPattern(s); {
		case !p.prefix:
			m.exact[p.text] = struct{}{}
		case p.text == "":
			m.any = true
		default:
			m.prefixes = append(m.prefixes, p.text)
		}
	}
	return m
}

func (m *models) match(model []byte) bool {
	if m.any {
		return true
	}
	if len(model) == 0 {
		return false
	}
	if _, ok := m.exact[string(model)]; ok {
		return true
	}
	for _, prefix := range m.prefixes {
		if len(model) >= len(prefix) && string(model[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}

// headerMatch is one header that a request must carry.
type headerMatch struct {
	name, value string
	present     bool // any value that is not empty
}

func headerMatches(headers map[string]string) []headerMatch {
	list := make([]headerMatch, 0, len(headers))
	for name, value := range headers {
		list = append(list, headerMatch{name, value, value == "*"})
	}
	slices.SortFunc(list, func(a, b headerMatch) int { return strings.Compare(a.name, b.name) })
	return list
}

func (r *Route) headersMatch(header func(name string) []byte) bool {
	for i := range r.headers {
		h := &r.headers[i]
		var value []byte
		if header != nil {
			value = header(h.name)
		}
		if h.present && len(value) == 0 || !h.present && string(value) != h.value {
			return false
		}
	}
	return true
}
