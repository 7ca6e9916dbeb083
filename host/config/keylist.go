package config

import "slices"

// list is an array of strings without repetition.
func list(name string, field *[]string, initial []string, doc string, check func(string) error) key {
	return key{
		name: name, doc: doc, kind: "an array of strings", initial: spellList(initial),
		reset: func() { *field = slices.Clone(initial) },
		read: func(r *reader, p place, v any) {
			items, ok := v.([]any)
			if !ok {
				r.fail(p, "must be an array of strings, not %s", kindOf(v))
				return
			}
			*field = make([]string, len(items)) // errors or not, to keep the indices
			for i, item := range items {
				s, ok := item.(string)
				switch {
				case !ok:
					r.fail(p.item(i), "must hold strings, not %s", kindOf(item))
				case slices.Contains((*field)[:i], s):
					r.fail(p.item(i), "%q is listed twice", s)
				default:
					r.check(p.item(i), check(s))
				}
				(*field)[i] = s
			}
		},
	}
}

// words is a table of strings under names of the operator's choice.
func words(name string, field *map[string]string, doc string, check func(name, value string) error) key {
	return key{
		name: name, doc: doc, kind: "a table of strings", initial: "{}",
		reset: func() { *field = map[string]string{} },
		read: func(r *reader, p place, v any) {
			entries, ok := v.(map[string]any)
			if !ok {
				r.fail(p, "must be a table of strings, not %s", kindOf(v))
				return
			}
			for _, name := range sortedKeys(entries) {
				s, ok := entries[name].(string)
				if !ok {
					r.fail(p.field(name), "must be a string, not %s", kindOf(entries[name]))
					continue
				}
				r.check(p.field(name), check(name, s))
				(*field)[name] = s
			}
		},
	}
}

// table is a table with keys of its own.
func table(name, doc string, schema []key) key {
	return key{
		name: name, doc: doc, kind: "a table", below: schema,
		reset: func() {
			for _, k := range schema {
				k.reset()
			}
		},
		read: func(r *reader, p place, v any) { r.table(p, v, schema) },
	}
}

// tables is a list of tables, each with the keys that schema gives it.
func tables[T any](name, doc string, field *[]T, schema func(*T) []key) key {
	return key{
		name: name, doc: doc, kind: "a list of tables", below: schema(new(T)),
		reset: func() { *field = []T{} },
		read: func(r *reader, p place, v any) {
			for i, entry := range r.entries(p, v) {
				var t T
				r.table(p.item(i), entry, schema(&t))
				*field = append(*field, t)
			}
		},
	}
}
