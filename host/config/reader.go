package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reader walks over the decoded file beside its nodes and gathers all that is
// wrong with it.
type reader struct {
	file string
	data string
	env  func(string) (string, bool)
	root place
	errs Errors
}

// place is a spot in the file together with the dotted key that leads to it.
// Where the file does not have a key, the place is that of its table.
type place struct {
	node       *node
	path       string
	key, value spot
}

func (p place) below(n *node, path string) place {
	if n == nil || n.key == 0 {
		return place{nil, path, p.key, p.key}
	}
	return place{n, path, n.key, n.value}
}

func (p place) field(name string) place {
	path := spellKey(name)
	if p.path != "" {
		path = p.path + "." + path
	}
	return p.below(p.node.field(name), path)
}

// spellKey quotes a key that cannot stand bare.
func spellKey(name string) string {
	for i := range len(name) {
		if !isBare(name[i]) {
			return strconv.Quote(name)
		}
	}
	if name == "" {
		return `""`
	}
	return name
}

// item is the place of an array's entry; it has the array's path.
func (p place) item(i int) place { return p.below(p.node.item(i), p.path) }

func (r *reader) failAt(at spot, path, format string, args ...any) {
	line, column := at.lineAndColumn(r.data)
	r.errs = append(r.errs, Error{r.file, line, column, path, fmt.Sprintf(format, args...), at})
}

// failKey records an error about a key, fail one about its value.
func (r *reader) failKey(p place, format string, args ...any) {
	r.failAt(p.key, p.path, format, args...)
}

func (r *reader) fail(p place, format string, args ...any) {
	r.failAt(p.value, p.path, format, args...)
}

// check records err, if any, about the value at p.
func (r *reader) check(p place, err error) {
	if err != nil {
		r.fail(p, "%s", err)
	}
}

// table reads one table by its schema: keys that the file has, defaults of
// those that it has not, and an error for each that it should or may not have.
func (r *reader) table(p place, v any, schema []key) {
	fields, ok := v.(map[string]any)
	if !ok {
		r.fail(p, "must be a table, not %s", kindOf(v))
		fields = nil
	}
	for _, k := range schema {
		k.reset()
		value, set := fields[k.name]
		switch {
		case set:
			k.read(r, p.field(k.name), value)
		case k.required && ok:
			r.failKey(p, "%s is missing", k.name)
		}
	}
	for name := range fields {
		if !slices.ContainsFunc(schema, func(k key) bool { return k.name == name }) {
			r.unknown(p.field(name), name, schema)
		}
	}
}

func (r *reader) unknown(p place, name string, schema []key) {
	names := make([]string, len(schema))
	for i, k := range schema {
		names[i] = k.name
	}
	if near := nearest(name, names); near != "" {
		r.failKey(p, "unknown key; did you mean %q?", near)
		return
	}
	for _, known := range Reference() {
		if table, last := known.split(); strings.EqualFold(last, name) && table != "" {
			r.failKey(p, "unknown key here; %s has one", table)
			return
		}
	}
	r.failKey(p, "unknown key; the keys here are %s", strings.Join(names, ", "))
}

// entries returns the tables of a [[list]].
func (r *reader) entries(p place, v any) []any {
	switch list := v.(type) {
	case []any:
		return list
	case []map[string]any:
		all := make([]any, len(list))
		for i := range list {
			all[i] = list[i]
		}
		return all
	case map[string]any:
		r.failKey(p, "is a list of tables: write [[%s]]", p.path)
	default:
		r.fail(p, "must be a list of tables, [[%s]], not %s", p.path, kindOf(v))
	}
	return nil
}

// kindOf names a TOML value's type for a reader of the file.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case int64:
		return "an integer"
	case float64:
		return "a number with a fraction"
	case bool:
		return "a boolean"
	case time.Time:
		return "a date or time"
	case []any, []map[string]any:
		return "an array"
	default:
		return "a table"
	}
}

// sortedKeys returns a table's keys in order, so that errors come in one.
func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
