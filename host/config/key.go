package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// key is one key of a table: what it is called and means, and how its value
// gets from the file into the field that it was made for.
type key struct {
	name, doc string
	kind      string // as Reference says it
	initial   string // the default as router.toml spells it
	required  bool
	below     []key // of a table or a list of tables
	reset     func()
	read      func(r *reader, p place, v any)
}

func (k key) must() key {
	k.required = true
	return k
}

// span are the least and the largest value of a number.
type span struct{ least, most int64 }

// scalar makes a key whose value has one TOML type and one way to check it.
func scalar[V, F any](name string, field *F, initial F, doc string, parse func(V) (F, error)) key {
	var wanted V
	return key{
		name: name, doc: doc, kind: kindOf(any(wanted)),
		reset: func() { *field = initial },
		read: func(r *reader, p place, v any) {
			typed, ok := v.(V)
			if !ok {
				r.fail(p, "must be %s, not %s", kindOf(any(wanted)), kindOf(v))
				return
			}
			parsed, err := parse(typed)
			if err != nil {
				r.check(p, err)
				return
			}
			*field = parsed
		},
	}
}

// text is a string; check may be nil.
func text(name string, field *string, initial, doc string, check func(string) error) key {
	k := scalar(name, field, initial, doc, func(s string) (string, error) {
		if check == nil {
			return s, nil
		}
		return s, check(s)
	})
	k.initial = strconv.Quote(initial)
	return k
}

// choice is one of some words; the first is the default.
func choice(name string, field *string, doc string, words ...string) key {
	return text(name, field, words[0], doc, func(s string) error { return oneOf(s, words) })
}

func oneOf(s string, words []string) error {
	if slices.Contains(words, s) {
		return nil
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = strconv.Quote(w)
	}
	hint := ""
	if near := nearest(s, words); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	return fmt.Errorf("%q is none of %s%s", s, strings.Join(quoted, ", "), hint)
}

func boolean(name string, field *bool, initial bool, doc string) key {
	k := scalar(name, field, initial, doc, func(b bool) (bool, error) { return b, nil })
	k.initial = strconv.FormatBool(initial)
	return k
}

func integer[F int | int64](name string, field *F, initial F, within span, doc string) key {
	k := scalar(name, field, initial, doc, func(i int64) (F, error) {
		if i < within.least || i > within.most {
			return 0, fmt.Errorf("%d is out of range: %d to %d", i, within.least, within.most)
		}
		return F(i), nil
	})
	k.initial = strconv.FormatInt(int64(initial), 10)
	return k
}

// share is a number from 0 to 1.
func share(name string, field *float64, initial float64, doc string) key {
	return number(name, field, initial, 0, 1, doc)
}

// number is one with or without a fraction.
func number(name string, field *float64, initial, least, most float64, doc string) key {
	k := scalar(name, field, initial, doc, func(f float64) (float64, error) {
		if !(f >= least && f <= most) {
			return 0, fmt.Errorf("%v is out of range: %v to %v", f, least, most)
		}
		return f, nil
	})
	k.kind, k.initial = "a number", strconv.FormatFloat(initial, 'g', -1, 64)
	read := k.read
	k.read = func(r *reader, p place, v any) {
		if whole, ok := v.(int64); ok {
			v = float64(whole)
		}
		read(r, p, v)
	}
	return k
}

// duration is a string such as "1h30m", no shorter than least.
func duration(name string, field *time.Duration, initial, least time.Duration, doc string) key {
	k := scalar(name, field, initial, doc, func(s string) (time.Duration, error) { return parseDuration(s, least) })
	k.initial = strconv.Quote(SpellDuration(initial))
	return quantity(k, `a duration such as "30s"`)
}

// size is a string such as "32MiB".
func size[F int | int64](name string, field *F, initial F, within span, doc string) key {
	k := scalar(name, field, initial, doc, func(s string) (F, error) {
		n, err := parseSize(s, within)
		return F(n), err
	})
	k.initial = strconv.Quote(spellSize(int64(initial)))
	return quantity(k, `a size such as "32MiB"`)
}

// memory is a size in whole pages of WebAssembly memory.
func memory(name string, field *int64, initial int64, doc string) key {
	k := scalar(name, field, initial, doc, func(s string) (int64, error) {
		n, err := parseSize(s, span{pageBytes, 4 << 30})
		if err == nil && n%pageBytes != 0 {
			return 0, fmt.Errorf("%q is not a multiple of %s, a page of WebAssembly memory", s, spellSize(pageBytes))
		}
		return n, err
	})
	k.initial = strconv.Quote(spellSize(initial))
	return quantity(k, `a size such as "32MiB"`)
}

// quantity makes a wrong type's error show how the value is written.
func quantity(k key, kind string) key {
	read := k.read
	k.kind = kind
	k.read = func(r *reader, p place, v any) {
		if _, ok := v.(string); !ok {
			r.fail(p, "must be %s, not %s", kind, kindOf(v))
			return
		}
		read(r, p, v)
	}
	return k
}

// secret is a string that may name environment variables and is never shown.
func secret(name string, field *string, doc string, check func(string) error) key {
	return key{
		name: name, doc: doc, kind: "a string with ${VARIABLE}s", initial: `""`,
		reset: func() { *field = "" },
		read:  func(r *reader, p place, v any) { *field = r.expanded(p, v, check) },
	}
}

// address is the URL of a service; it may name environment variables.
func address(name string, field *string, doc string) key {
	return key{
		name: name, doc: doc, kind: "a URL with ${VARIABLE}s", initial: `""`,
		reset: func() { *field = "" },
		read: func(r *reader, p place, v any) {
			*field = strings.TrimRight(r.expanded(p, v, checkURL), "/")
		},
	}
}

// expanded returns the string v with its environment variables put in, or ""
// after an error, none of which shows the value.
func (r *reader) expanded(p place, v any, check func(string) error) string {
	s, ok := v.(string)
	if !ok {
		r.fail(p, "must be a string, not %s", kindOf(v))
		return ""
	}
	s, err := expand(s, r.env)
	if err == nil {
		err = check(s)
	}
	if err != nil {
		r.check(p, err)
		return ""
	}
	return s
}
