package openai

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
)

// edit applies one step: "path=raw" sets, "path" removes.
func edit(d *Document, step string) error {
	path, raw, set := strings.Cut(step, "=")
	if set {
		return d.Set([]byte(path), []byte(raw))
	}
	return d.Remove([]byte(path))
}

func TestEditBytes(t *testing.T) {
	const pretty = "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"
	for _, tt := range []struct {
		body  string
		steps string // separated by spaces
		want  string
	}{
		// A value replaced: its bytes and no others.
		{pretty, "/a=22", "{\n  \"a\": 22,\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/b=null", "{\n  \"a\": 1,\n  \"b\" : null ,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/b/1=[]", "{\n  \"a\": 1,\n  \"b\" : [1, [] , 3] ,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/c/y=0", "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{ \"x\":1 , \"y\":0 }\n}\n"},
		{`{"\u0061":1}`, "/a=2", `{"\u0061":2}`},
		// One member and one comma removed.
		{pretty, "/a", "{\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/b", "{\n  \"a\": 1,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/c", "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3]\n}\n"},
		{pretty, "/b /c", "{\n  \"a\": 1\n}\n"},
		{pretty, "/c /b", "{\n  \"a\": 1\n}\n"},
		{pretty, "/a /b", "{\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/a /c", "{\n  \"b\" : [1, 2 , 3]\n}\n"},
		{pretty, "/a /b /c", "{\n  \n}\n"},
		{pretty, "/b/0", "{\n  \"a\": 1,\n  \"b\" : [2 , 3] ,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/b/2", "{\n  \"a\": 1,\n  \"b\" : [1, 2] ,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/b/2 /b/0 /b/0", "{\n  \"a\": 1,\n  \"b\" : [] ,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/c/x", "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{ \"y\":2 }\n}\n"},
		{pretty, "/c/y", "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{ \"x\":1 }\n}\n"},
		{pretty, "/c/y /c/x", "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{  }\n}\n"},
		// Added behind what is there.
		{pretty, "/d=1 /e=2", "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{ \"x\":1 , \"y\":2 },\"d\":1,\"e\":2\n}\n"},
		{pretty, "/c /d=1", "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3],\"d\":1\n}\n"},
		{pretty, "/a /b /c /d=1", "{\n  \"d\":1\n}\n"},
		{pretty, "/d=1 /e=2 /d", "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{ \"x\":1 , \"y\":2 },\"e\":2\n}\n"},
		{pretty, "/d=1 /d", pretty},
		{pretty, "/a /a=7", "{\n  \"a\": 7,\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/b/-=4", "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3,4] ,\n  \"c\":{ \"x\":1 , \"y\":2 }\n}\n"},
		{pretty, "/c/z=3", "{\n  \"a\": 1,\n  \"b\" : [1, 2 , 3] ,\n  \"c\":{ \"x\":1 , \"y\":2,\"z\":3 }\n}\n"},
		{`{}`, "/a=1", `{"a":1}`},
		{` { } `, "/a=1 /b=2", ` {"a":1,"b":2 } `},
		{`{"a":[ ]}`, "/a/-=1 /a/-=2", `{"a":[1,2 ]}`},
		{`{"a":{ }}`, "/a/b={} /a/b/c=1", `{"a":{"b":{"c":1} }}`},
		{`{"a":1}`, "/x~1y~0\"z=1", `{"a":1,"x/y~\"z":1}`},
		{`{"a":{}}`, "/a/~1\t=1", `{"a":{"/\t":1}}`},
		{`{"a":{}}`, "/a/=1 /a//", ""},
		// Twins: the last counts, and no edit leaves an earlier one.
		{`{"o":{"a":1,"b":2,"a":3}}`, "/o/a=4", `{"o":{"b":2,"a":4}}`},
		{`{"o":{"a":1,"\u0061":2,"a":3 , "b":4}}`, "/o/a", `{"o":{"b":4}}`},
		{`{"o":{"b":1,"a":1,"a":2}}`, "/o/a", `{"o":{"b":1}}`},
		{`{"o":{"a":1,"a":2}}`, "/o/a", `{"o":{}}`},
		{`{"o":{"a":1,"b":1, "a":2,"c":1 ,"a":3}}`, "/o/a", `{"o":{"b":1, "c":1}}`},
		{`{"o":{"a":{"x":1},"a":{"x":2,"y":3,"x":4}}}`, "/o/a/x=5", `{"o":{"a":{"y":3,"x":5}}}`},
		{`{"o":{"a":{"x":1},"a":{"x":2,"y":3,"x":4}}}`, "/o/a/x", `{"o":{"a":{"y":3}}}`},
		{`{"o":{"a":[1],"b":0,"a":[2]}}`, "/o/a/-=3", `{"o":{"b":0,"a":[2,3]}}`},
		// A value's own space is not part of it.
		{`{"a":1}`, "/a=\n2\t", `{"a":2}`},
	} {
		d := parse(t, tt.body, Limits{})
		var err error
		for _, step := range strings.Split(tt.steps, " ") {
			err = errors.Join(err, edit(d, strings.ReplaceAll(step, `\t`, "\t")))
		}
		if tt.want == "" {
			if !errors.Is(err, plugins.ErrAbsent) {
				t.Errorf("%s, %s: %v", tt.body, tt.steps, err)
			}
			continue
		}
		if parts := bytes.Join(d.Parts(nil), nil); string(parts) != tt.want {
			t.Errorf("%s, %s: in parts %s", tt.body, tt.steps, parts)
		}
		if got := d.Bytes(); err != nil || string(got) != tt.want || d.Len() != len(tt.want) || !d.Edited() {
			t.Errorf("%s, %s:\n%s, %v, want\n%s", tt.body, tt.steps, got, err, tt.want)
		}
	}
}

func TestSetRefuses(t *testing.T) {
	const body = `{"model":"m","a":[1,{"b":2}],"s":"x"}`
	d := parse(t, body, Limits{Depth: 4, Members: 4, Bytes: 60})
	for _, tt := range []struct {
		path, raw string
		want      error
	}{
		{"", "1", plugins.ErrMalformed},
		{"a", "1", plugins.ErrMalformed},
		{"/a/~", "1", plugins.ErrMalformed},
		{"/\xff", "1", plugins.ErrMalformed},
		{"/s", "", plugins.ErrMalformed},
		{"/s", "1 2", plugins.ErrMalformed},
		{"/s", "01", plugins.ErrMalformed},
		{"/s", `"\q"`, plugins.ErrMalformed},
		{"/s", "\"\n\"", plugins.ErrMalformed},
		{"/s", "\"\xff\"", plugins.ErrMalformed},
		{"/s", `1,"t":2`, plugins.ErrMalformed},
		{"/model", "1", plugins.ErrMalformed},
		{"/model", "null", plugins.ErrMalformed},
		{"/none/a", "1", plugins.ErrAbsent},
		{"/a/2", "1", plugins.ErrAbsent},
		{"/a/x", "1", plugins.ErrAbsent},
		{"/a/0/b", "1", plugins.ErrAbsent},
		{"/a/1/b/c", "1", plugins.ErrAbsent},
		{"/a/1/c/d", "1", plugins.ErrAbsent},
		{"/a/-/b", "1", plugins.ErrAbsent},
		{"/s/0", "1", plugins.ErrAbsent},
		{"/s", `[[[[]]]]`, plugins.ErrTooLarge},
		{"/a/1/b", `[[]]`, plugins.ErrTooLarge},
		{"/s", `"` + strings.Repeat("x", 30) + `"`, plugins.ErrTooLarge},
		{"/a/-", `"` + strings.Repeat("x", 30) + `"`, plugins.ErrTooLarge},
		{"/new", `"` + strings.Repeat("x", 30) + `"`, plugins.ErrTooLarge},
	} {
		if err := d.Set([]byte(tt.path), []byte(tt.raw)); !errors.Is(err, tt.want) {
			t.Errorf("%s = %s: %v, want %v", tt.path, tt.raw, err, tt.want)
		}
		if d.Edited() || string(d.Bytes()) != body {
			t.Fatalf("%s = %s: changed to %s", tt.path, tt.raw, d.Bytes())
		}
	}
	for path, want := range map[string]error{
		"": plugins.ErrMalformed, "/~": plugins.ErrMalformed, "/none": plugins.ErrAbsent, "/a/2": plugins.ErrAbsent, "/a/-": plugins.ErrAbsent,
		"/a/1/none": plugins.ErrAbsent, "/s/0": plugins.ErrAbsent, "/a/01": plugins.ErrAbsent, "/none/x": plugins.ErrAbsent,
	} {
		if err := d.Remove([]byte(path)); !errors.Is(err, want) {
			t.Errorf("remove %s: %v, want %v", path, err, want)
		}
	}
	if err := d.SetString([]byte("/s"), []byte("\xff")); !errors.Is(err, plugins.ErrMalformed) {
		t.Errorf("string that is not UTF-8: %v", err)
	}
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if err := d.SetNumber([]byte("/s"), f); !errors.Is(err, plugins.ErrMalformed) {
			t.Errorf("%v: %v", f, err)
		}
	}
	if err := d.Set([]byte("/a/1/b"), []byte("[]")); err != nil {
		t.Errorf("at the depth limit: %v", err)
	}
	if err := errors.Join(d.SetNumber([]byte("/n"), 1), d.SetNumber([]byte("/o"), 1)); !errors.Is(err, plugins.ErrTooLarge) {
		t.Errorf("one member too many: %v", err)
	}
	if string(d.Bytes()) != `{"model":"m","a":[1,{"b":[]}],"s":"x","n":1}` {
		t.Errorf("%s", d.Bytes())
	}
}

func TestSetStringAndNumber(t *testing.T) {
	d := parse(t, `{"v":0}`, Limits{})
	path := []byte("/v")
	for text, want := range map[string]string{
		"": `""`, "a": `"a"`, "\"\\/": `"\"\\/"`, "\n\r\t\b\x00\x1f\x7f": "\"\\n\\r\\t\\u0008\\u0000\\u001f\x7f\"", "北京😀": `"北京😀"`,
	} {
		if err := d.SetString(path, []byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if v, _ := d.Get(path); string(v) != want {
			t.Errorf("%q: %s", text, v)
		}
		if s, err := d.AppendString(nil, path); err != nil || string(s) != text {
			t.Errorf("%q: read back as %q, %v", text, s, err)
		}
	}
	for f, want := range map[float64]string{
		0: "0", math.Copysign(0, -1): "0", 1: "1", -256: "-256", 0.1: "0.1", 1 << 53: "9007199254740992", 1e20: "100000000000000000000",
		1e21: "1e+21", 1e-6: "0.000001", 1e-7: "1e-07", -2.5e300: "-2.5e+300",
	} {
		if err := d.SetNumber(path, f); err != nil {
			t.Errorf("%v: %v", f, err)
		}
		if v, _ := d.Get(path); string(v) != want {
			t.Errorf("%v: %s, want %s", f, v, want)
		}
		if g, err := d.GetNumber(path); err != nil || g != f {
			t.Errorf("%v: read back as %v, %v", f, g, err)
		}
	}
}

func TestSameValueIsNoEdit(t *testing.T) {
	d := parse(t, `{"model":"m","a":{"b":[1]}}`, Limits{})
	for _, step := range []string{`/model="m"`, `/a/b/0=1`, `/a={"b":[1]}`} {
		if err := edit(d, step); err != nil || d.Edited() {
			t.Errorf("%s: %v, edited %v", step, err, d.Edited())
		}
	}
}

func TestTransactions(t *testing.T) {
	const body = `{"a":1,"b":[1,2],"c":"x"}`
	d := parse(t, body, Limits{})
	steps := []string{"/a=2", "/b/-=3", "/c", "/d=[]", "/d/-=1", "/b/0", "/c=5", "/e={}", "/d"}
	d.Begin()
	for _, step := range steps {
		if err := edit(d, step); err != nil {
			t.Fatal(step, err)
		}
	}
	d.Rollback()
	if d.Edited() || &d.Bytes()[0] != &d.body[0] {
		t.Fatal("a rollback to the body does not bring back the body")
	}
	d.Begin()
	for _, step := range steps[:4] {
		if err := edit(d, step); err != nil {
			t.Fatal(step, err)
		}
	}
	d.Commit()
	d.Rollback() // of nothing
	const committed = `{"a":2,"b":[1,2,3],"d":[]}`
	if string(d.Bytes()) != committed {
		t.Fatalf("committed: %s", d.Bytes())
	}
	for i := range 200 { // enough to fill arenas
		d.Begin()
		for _, step := range steps[4:] {
			if err := edit(d, step); err != nil {
				t.Fatal(step, err)
			}
		}
		if err := d.SetString([]byte("/e"), bytes.Repeat([]byte("x"), i)); err != nil {
			t.Fatal(err)
		}
		d.Rollback()
		if !d.Edited() || string(d.Bytes()) != committed {
			t.Fatalf("rollback %d: %s", i, d.Bytes())
		}
	}
}

// What a document returned may be given back to it.
func TestSetOwnBytes(t *testing.T) {
	d := parse(t, `{"a":{"b":"text"},"c":[0]}`, Limits{})
	for i := range 300 {
		if err := d.SetString([]byte("/a/b"), fmt.Appendf(nil, "text %d", i)); err != nil {
			t.Fatal(err)
		}
		v, err := d.Get([]byte("/a"))
		if err != nil {
			t.Fatal(err)
		}
		want := string(v)
		if err := d.Set([]byte("/c/0"), v); err != nil {
			t.Fatal(err)
		}
		if got, _ := d.Get([]byte("/c/0")); string(got) != want {
			t.Fatalf("%d: %s, want %s", i, got, want)
		}
		model, _ := d.Get([]byte("/a/b"))
		if err := d.Set([]byte("/model"), model); err != nil {
			t.Fatal(err)
		}
		text, _ := d.Model()
		if err := d.SetString([]byte("/a/b"), text); err != nil {
			t.Fatal(err)
		}
	}
	if want := `{"a":{"b":"text 299"},"c":[{"b":"text 299"}],"model":"text 299"}`; string(d.Bytes()) != want {
		t.Errorf("%s", d.Bytes())
	}
}

// However often a policy edits, the document holds a few times its size, in
// buffers whose size is a power of two.
func TestArenaStaysSmall(t *testing.T) {
	body := chatBody(64<<10, 1000, english)
	d := parse(t, string(body), Limits{})
	d.Begin()
	for i := range 1000 {
		path := fmt.Appendf(nil, "/messages/%d/content", i%60)
		if err := d.SetNumber(path, float64(i)); err != nil {
			t.Fatal(err)
		}
		if err := d.SetNumber(fmt.Appendf(nil, "/extra%d", i%20), float64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := cap(d.arena) + cap(d.spare); n > 8*len(body) {
		t.Errorf("%d bytes for a body of %d", n, len(body))
	}
	d.Rollback()
	if !bytes.Equal(d.Bytes(), body) {
		t.Error("rollback")
	}
	if d.Reset(); d.body != nil || len(d.members) != 0 || d.members[:1][0].value != nil {
		t.Error("Reset keeps hold of the body")
	}
}

// Members of one transaction that change again and again, in and out of the
// body, come back as they were at its begin, and only those of the last one do.
func TestRollbackAfterManyEditsOfAMember(t *testing.T) {
	d := parse(t, `{"model":"m","a":1,"b":{"x":1}}`, Limits{})
	set := func(path, raw string) {
		t.Helper()
		if err := d.Set([]byte(path), []byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	set("/before", "0") // outside any transaction
	d.Begin()
	set("/a", "2")
	set("/added", "true")
	d.Commit()
	committed := string(d.Bytes())
	for turn := range 3 {
		d.Begin()
		for i := range 200 {
			set("/a", strings.Repeat("1", i%60+1))
			set("/added", strings.Repeat("2", i%50+1))
			set("/b/x", strings.Repeat("3", i%40+1))
			set("/new", strings.Repeat("4", i%30+1))
		}
		for _, path := range []string{"/a", "/before", "/b", "/new"} {
			if err := d.Remove([]byte(path)); err != nil {
				t.Fatal(path, err)
			}
		}
		d.Rollback()
		if got := string(d.Bytes()); got != committed {
			t.Fatalf("turn %d: %s, want %s", turn, got, committed)
		}
	}
	d.Begin()
	set("/a", "3")
	d.Begin() // takes the place of the one before: what that changed stays
	set("/b", "4")
	d.Rollback()
	if want := strings.Replace(committed, `"a":2`, `"a":3`, 1); string(d.Bytes()) != want {
		t.Errorf("%s, want %s", d.Bytes(), want)
	}
	d.turn = math.MaxUint32 // the count of transactions comes round
	d.Begin()
	set("/a", "5")
	d.Rollback()
	if v, err := d.Get([]byte("/a")); err != nil || string(v) != "3" {
		t.Errorf("a is %s, %v", v, err)
	}
}

func FuzzNumbersAreRead(f *testing.F) {
	for _, s := range []string{"0", "0.1", "1.5e3", "123456789012345", "1234567890123456", "0.00000000000001", "999999999999999.9", "-0", "-1.5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c := checker{b: []byte(raw), depth: 1}
		if !c.whole() || strings.Trim(raw, " \t\r\n") != raw {
			return
		}
		got, ok := parseNumber([]byte(raw))
		want, err := strconv.ParseFloat(raw, 64)
		if isNumber := strings.ContainsAny(raw[:1], "-0123456789"); ok != (isNumber && err == nil) {
			t.Fatalf("%q: ok %v, %v", raw, ok, err)
		}
		if ok && (got != want || math.Signbit(got) != math.Signbit(want)) {
			t.Fatalf("%q: %v, want %v", raw, got, want)
		}
	})
}

// TestBoundHoldsForEdits: a limit that comes after Parse bounds what edits make
// of the body, and what they leave behind on the way.
func TestBoundHoldsForEdits(t *testing.T) {
	d := parse(t, `{"messages":[]}`, Limits{})
	d.Bound(1 << 20)
	text := bytes.Repeat([]byte{0}, 100_000) // six times as long as JSON
	refused := 0
	for range 100 {
		if err := d.SetString([]byte("/messages/-"), text); errors.Is(err, plugins.ErrTooLarge) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
		if d.Len() > 1<<20 || d.Size() > 4<<20 {
			t.Fatalf("%d bytes, %d with what edits left", d.Len(), d.Size())
		}
	}
	if refused != 99 {
		t.Errorf("%d edits of 100 were refused, want all but one", refused)
	}
}

// TestManyParts: a body of many edits is sent in one part, not in thousands.
func TestManyParts(t *testing.T) {
	body := []byte{'{'}
	for i := range 200 {
		body = fmt.Appendf(body, `"member%d":"text",`, i)
	}
	body = append(body[:len(body)-1], '}')
	for edits := range 40 {
		var d Document
		if err := d.Parse(body, Limits{}); err != nil {
			t.Fatal(err)
		}
		for i := range edits {
			if err := d.Set(fmt.Appendf(nil, "/member%d", 3*i), []byte("1")); err != nil {
				t.Fatal(err)
			}
		}
		held := d.Held()
		parts := d.Parts([][]byte{[]byte("before")})
		if d.Held() != held {
			t.Errorf("%d edits: %d bytes are held, %d were foreseen", edits, d.Held(), held)
		}
		if string(parts[0]) != "before" || !bytes.Equal(bytes.Join(parts[1:], nil), d.Bytes()) {
			t.Fatalf("%d edits: %q", edits, parts)
		}
		if n := len(parts) - 1; n > mostParts || edits <= 7 && n != 2*edits+1 || edits > 7 && n != 1 {
			t.Errorf("%d edits: %d parts", edits, n)
		}
	}
}
