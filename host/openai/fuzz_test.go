package openai

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// The reference: encoding/json's decoded values, edited as maps and slices.

func decode(t *testing.T, b []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Fatalf("%q: more than one value", b)
	}
	return v
}

// acceptable is what Parse should accept, by encoding/json and our rules.
func acceptable(b []byte, depth int) bool {
	if !json.Valid(b) || !utf8.Valid(b) {
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	level, keys, key := 0, map[string]bool{}, ""
	for expectKey := true; ; {
		token, err := dec.Token()
		if err != nil {
			return err == io.EOF
		}
		switch d, _ := token.(json.Delim); {
		case level == 0 && d != '{' && d != 0, level == 0 && d == 0:
			return false
		case d == '{' || d == '[':
			if level++; level > depth {
				return false
			}
			if level == 2 && key == "model" {
				return false
			}
			continue
		case d == '}' || d == ']':
			level--
			expectKey = level == 1 || expectKey
			continue
		case level > 1:
			continue
		case expectKey:
			key = token.(string)
			if keys[key] {
				return false
			}
			keys[key], expectKey = true, false
			continue
		}
		if _, ok := token.(string); key == "model" && !ok {
			return false
		}
		expectKey = true
	}
}

// apply sets (or, with no value, removes) what is at path in a decoded value.
func apply(v any, path []string, value any, remove bool) (any, bool) {
	if len(path) == 0 {
		return value, true
	}
	token := path[0]
	switch v := v.(type) {
	case map[string]any:
		child, ok := v[token]
		switch {
		case len(path) > 1:
			if !ok {
				return nil, false
			}
			child, ok = apply(child, path[1:], value, remove)
			if ok {
				v[token] = child
			}
			return v, ok
		case remove:
			delete(v, token)
			return v, ok
		}
		v[token] = value
		return v, true
	case []any:
		if token == "-" && len(path) == 1 && !remove {
			return append(v, value), true
		}
		i, err := strconv.Atoi(token)
		if err != nil || strconv.Itoa(i) != token || i < 0 || i >= len(v) {
			return nil, false
		}
		if len(path) > 1 {
			child, ok := apply(v[i], path[1:], value, remove)
			if ok {
				v[i] = child
			}
			return v, ok
		}
		if remove {
			return append(v[:i:i], v[i+1:]...), true
		}
		v[i] = value
		return v, true
	}
	return nil, false
}

func pointer(path []string) []byte {
	var b strings.Builder
	for _, token := range path {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
	}
	return []byte(b.String())
}

var fuzzTokens = []string{"model", "a", "b", "0", "1", "-", "~/", "é", "messages", "content"}

var fuzzValues = []string{`1`, `"x"`, `null`, `[]`, `{}`, `[1,{"a":[2]}]`, `{"b":{"a":"\u00e9"},"a":0}`, `"\ud83d\ude00"`, `01`, `"\q"`, ``}

// step makes an edit of two numbers, applies it to both sides and compares.
func step(t *testing.T, d *Document, tree any, where, what int) any {
	t.Helper()
	var path []string
	for n := where%3 + 1; n > 0; n-- {
		path = append(path, fuzzTokens[where%len(fuzzTokens)])
		where /= len(fuzzTokens)
	}
	before := string(d.Bytes())
	var err error
	ok := false
	if what%4 == 0 {
		err = d.Remove(pointer(path))
		if next, done := apply(tree, path, nil, true); done {
			tree, ok = next, true
		}
	} else {
		raw := fuzzValues[what%len(fuzzValues)]
		err = d.Set(pointer(path), []byte(raw))
		if json.Valid([]byte(raw)) && (len(path) > 1 || path[0] != "model" || raw[0] == '"') {
			if next, done := apply(tree, path, decode(t, []byte(raw)), false); done {
				tree, ok = next, true
			}
		}
	}
	parts := bytes.Join(d.Parts(nil), nil)
	after := d.Bytes()
	if !bytes.Equal(parts, after) {
		t.Fatalf("%s, in parts %s", after, parts)
	}
	if len(after) != d.Len() {
		t.Fatalf("%s: Len %d of %d", pointer(path), d.Len(), len(after))
	}
	if ok != (err == nil) {
		t.Fatalf("%s at %s, what %d: %v", before, pointer(path), what, err)
	}
	if err != nil && string(after) != before {
		t.Fatalf("%s at %s: changed to %s in spite of %v", before, pointer(path), after, err)
	}
	if got := decode(t, after); !reflect.DeepEqual(got, tree) {
		t.Fatalf("%s at %s, what %d: %s, want %v", before, pointer(path), what, after, tree)
	}
	return tree
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"model":"m","messages":[{"role":"user","content":"hi"}],"a":{"b":1,"b":2}}`), uint64(1))
	f.Add([]byte("{\n \"a\" : [ 1 , [ ] , { } ] ,\n \"\\u0062\":{\"a\":{}} }\n"), uint64(2))
	f.Add([]byte(`{}`), uint64(3))
	f.Add([]byte(`{"a":1,"\u0061":2}`), uint64(4))
	f.Add([]byte("{\"a\":\"\xff\"}"), uint64(5))
	f.Add([]byte(`{"model":1}`), uint64(6))
	f.Add([]byte(`{"a":{"a":[[[0]]],"a":[]},"~/":{"é":[0,1]}}`), uint64(7))
	f.Fuzz(func(t *testing.T, body []byte, seed uint64) {
		kept := bytes.Clone(body)
		var d Document
		err := d.Parse(body, Limits{Depth: 16})
		if want := acceptable(body, 16); want != (err == nil) {
			t.Fatalf("%q: %v", body, err)
		}
		if err != nil {
			return
		}
		d.MessageCount()
		d.PrefixHash(1 + len(body)%100)
		d.PromptChars()
		random := rand.New(rand.NewPCG(seed, 0))
		tree := decode(t, body)
		for range 4 {
			before, edited := string(d.Bytes()), d.Edited()
			d.limits.Depth = maxDepth // what is built here is deeper than 16 at times
			d.Begin()
			changed := decode(t, d.Bytes())
			for range 1 + random.IntN(6) {
				changed = step(t, &d, changed, random.IntN(1<<20), random.IntN(1<<20))
			}
			if random.IntN(2) == 0 {
				d.Commit()
				tree = changed
				continue
			}
			d.Rollback()
			if string(d.Bytes()) != before || d.Edited() != edited {
				t.Fatalf("rollback: %s, want %s", d.Bytes(), before)
			}
		}
		if parts := bytes.Join(d.Parts(nil), nil); !bytes.Equal(parts, d.Bytes()) {
			t.Fatalf("%s, in parts %s", d.Bytes(), parts)
		}
		if got := decode(t, d.Bytes()); !reflect.DeepEqual(got, tree) {
			t.Fatalf("%s, want %v", d.Bytes(), tree)
		}
		var again Document
		if err := again.Parse(d.Bytes(), Limits{Depth: maxDepth}); err != nil {
			t.Fatalf("%s: %v", d.Bytes(), err)
		}
		if !bytes.Equal(body, kept) {
			t.Fatal("the body was written to")
		}
	})
}

// randomObject writes an object with unusual but valid space and escapes.
func randomObject(r *rand.Rand, n int) string {
	space := func() string { return strings.Repeat([]string{" ", "\n", "\t", "\r\n"}[r.IntN(4)], r.IntN(3)) }
	var value func(depth int) string
	value = func(depth int) string {
		switch k := r.IntN(8); {
		case k < 3 || depth == 0:
			return []string{"1", "-0.5e+3", `"text"`, `"\u00e9\n\"\\ 北京"`, "true", "null", `""`, "[]", "{}"}[r.IntN(9)]
		case k < 6:
			return "[" + space() + value(depth-1) + space() + "," + space() + value(depth-1) + space() + "]"
		}
		return "{" + space() + `"k"` + space() + ":" + space() + value(depth-1) + space() + "}"
	}
	var b strings.Builder
	b.WriteString(space() + "{" + space())
	for i := range n {
		if i > 0 {
			b.WriteString(space() + "," + space())
		}
		key := fmt.Sprintf(`"k%d"`, i)
		if r.IntN(3) == 0 {
			key = fmt.Sprintf(`"\u006b%d"`, i)
		}
		b.WriteString(key + space() + ":" + space() + value(3))
	}
	return b.String() + space() + "}" + space()
}

// One member edited: every byte outside its value is where it was, or shifted.
func TestEditsLeaveTheRestAlone(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var d Document
	for range 3000 {
		n := 1 + r.IntN(25)
		body := randomObject(r, n)
		if err := d.Parse([]byte(body), Limits{}); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		i := r.IntN(n)
		path := fmt.Appendf(nil, "/k%d", i)
		m := d.members[i]
		tree := decode(t, []byte(body)).(map[string]any)
		if err := d.Set(path, []byte(`{"new":[1]}`)); err != nil {
			t.Fatal(err)
		}
		if want := body[:m.val] + `{"new":[1]}` + body[m.end:]; string(d.Bytes()) != want {
			t.Fatalf("%s\nbecame %s", body, d.Bytes())
		}
		if err := d.Remove(path); err != nil {
			t.Fatal(err)
		}
		delete(tree, string(path[1:]))
		if got := decode(t, d.Bytes()); !reflect.DeepEqual(got, any(tree)) {
			t.Fatalf("%s\nwithout %s: %s", body, path, d.Bytes())
		}
		if a, b := strings.Count(body, ",")-strings.Count(string(m.value), ","), strings.Count(string(d.Bytes()), ","); n > 1 && a-1 != b {
			t.Fatalf("%s\nwithout %s: %s: %d commas of %d", body, path, d.Bytes(), b, a)
		}
	}
}
