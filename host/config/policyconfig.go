package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"time"
)

// policyConfig is any table; the policy gets it as JSON whose keys are sorted,
// so that equal tables are equal bytes.
func policyConfig(name string, field *[]byte, doc string) key {
	return key{
		name: name, doc: doc, kind: "any table", initial: "{}",
		reset: func() { *field = []byte("{}") },
		read: func(r *reader, p place, v any) {
			if _, ok := v.(map[string]any); !ok {
				r.fail(p, "must be a table, not %s", kindOf(v))
				return
			}
			before := len(r.errs)
			value := r.toJSON(p, v)
			if len(r.errs) > before {
				return
			}
			var b bytes.Buffer
			encoder := json.NewEncoder(&b)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(value); err != nil {
				r.check(p, err)
				return
			}
			*field = bytes.TrimSuffix(b.Bytes(), []byte("\n"))
		},
	}
}

var errNotFinite = errors.New("a number that is not finite has no form in JSON")

// toJSON returns v with what JSON lacks turned into what it has: dates and
// times become RFC 3339 strings.
func (r *reader) toJSON(p place, v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name := range v {
			object[name] = r.toJSON(p.field(name), v[name])
		}
		return object
	case []any, []map[string]any:
		entries := r.entries(p, v)
		array := make([]any, len(entries))
		for i := range entries {
			array[i] = r.toJSON(p.item(i), entries[i])
		}
		return array
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			r.check(p, errNotFinite)
			return nil
		}
	case time.Time:
		return spellTime(v)
	}
	return v
}

// spellTime writes as much of a date and time as the file did; the TOML
// library tells by the name of the zone.
func spellTime(t time.Time) string {
	switch t.Location().String() {
	case "datetime-local":
		return t.Format("2006-01-02T15:04:05.999999999")
	case "date-local":
		return t.Format(time.DateOnly)
	case "time-local":
		return t.Format("15:04:05.999999999")
	default:
		return t.Format(time.RFC3339Nano)
	}
}
