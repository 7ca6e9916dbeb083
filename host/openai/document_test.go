package openai

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
)

func parse(t *testing.T, body string, limits Limits) *Document {
	t.Helper()
	var d Document
	if err := d.Parse([]byte(body), limits); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return &d
}

func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct {
		body   string
		offset int
		reason string
	}{
		{``, 0, "unexpected end, a JSON object is due"},
		{`[]`, 0, "unexpected '[', a JSON object is due"},
		{` "a"`, 1, "a JSON object is due"},
		{`null`, 0, "a JSON object is due"},
		{`{`, 1, "a key in quotes"},
		{`{"a":1`, 6, "a comma or closing bracket"},
		{`{"a":1,}`, 7, "a key in quotes"},
		{`{"a":1}}`, 7, "the end is due"},
		{`{} x`, 3, "the end is due"},
		{`{"a":1,"a":2}`, 7, `duplicate key "a"`},
		{`{"a":1,"\u0061":2}`, 7, `duplicate key "a"`},
		{`{"\u006dodel":"x","model":"y"}`, 18, `duplicate key "model"`},
		{`{"\ud83d\ude00":1,"😀":2}`, 18, `duplicate key "😀"`},
		{`{"model":1}`, 9, "model is not a string"},
		{`{"model": null}`, 10, "model is not a string"},
		{`{"\u006dodel":["a"]}`, 14, "model is not a string"},
		{`{"a":[[[]]]}`, 7, "nested deeper than 3"},
		{`{"a":"\q"}`, 6, "escape sequence"},
		{"{\"a\xff\":1}", 3, "not UTF-8"},
	} {
		var d Document
		err := d.Parse([]byte(tt.body), Limits{Depth: 3})
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: %v", tt.body, err)
			continue
		}
		if syntax.Offset != tt.offset || !strings.Contains(syntax.Reason, tt.reason) {
			t.Errorf("%s: %v; want %q at byte %d", tt.body, err, tt.reason, tt.offset)
		}
		if want := fmt.Sprint(syntax.Reason, " at byte ", tt.offset); err.Error() != want {
			t.Errorf("%s: %q, want %q", tt.body, err, want)
		}
		if d.Bytes() != nil || d.Edited() {
			t.Errorf("%s: not empty after an error", tt.body)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for _, body := range []string{
		`{}`, " \t{ \r\n } ", `{"a":1,"A":2}`, `{"Model":1,"MODEL":2}`, `{"model":""}`,
		`{"stream":1}`, `{"a":{"b":1,"b":2}}`, `{"":1}`, `{"a b":1,"a\u0020b ":2}`,
	} {
		d := parse(t, body, Limits{})
		if got := d.Bytes(); string(got) != body || d.Edited() || d.Len() != len(body) {
			t.Errorf("%s: %s", body, got)
		}
	}
}

func TestParseKeepsTheVerySlice(t *testing.T) {
	body := []byte(`{"a":1}`)
	var d Document
	if err := d.Parse(body, Limits{}); err != nil {
		t.Fatal(err)
	}
	if &d.Bytes()[0] != &body[0] {
		t.Error("the body was copied")
	}
}

func TestParseLimits(t *testing.T) {
	var d Document
	if err := d.Parse([]byte(`{"a":1}`), Limits{Bytes: 6}); !errors.Is(err, plugins.ErrTooLarge) {
		t.Errorf("body over the limit: %v", err)
	}
	if err := d.Parse([]byte(`{"a":1}`), Limits{Bytes: 7}); err != nil {
		t.Errorf("body at the limit: %v", err)
	}
	var syntax *SyntaxError
	if err := d.Parse([]byte(manyMembers(5)), Limits{Members: 4}); !errors.As(err, &syntax) || !strings.Contains(err.Error(), "more than 4 members") {
		t.Errorf("too many members: %v", err)
	}
	deep := func(n int) []byte {
		return []byte(`{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `}`)
	}
	for _, tt := range []struct{ limit, n int }{{0, 128}, {7, 7}, {1 << 20, maxDepth}} {
		if err := d.Parse(deep(tt.n), Limits{Depth: tt.limit}); err != nil {
			t.Errorf("depth %d of %d: %v", tt.n, tt.limit, err)
		}
		if err := d.Parse(deep(tt.n+1), Limits{Depth: tt.limit}); err == nil {
			t.Errorf("depth %d of %d is accepted", tt.n+1, tt.limit)
		}
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"key %d":%d`, i, i)
	}
	return "{" + b.String()[1:] + "}"
}

// Beyond a few members the index is a hash table; it has to agree with a search.
func TestManyMembers(t *testing.T) {
	for n := 1; n < 300; n++ {
		d := parse(t, manyMembers(n), Limits{})
		for i := range n + 1 {
			v, err := d.Get(fmt.Appendf(nil, "/key %d", i))
			if i < n && string(v) != fmt.Sprint(i) || i == n && err == nil {
				t.Fatalf("%d of %d: %s, %v", i, n, v, err)
			}
		}
		for _, i := range []int{0, n / 2, n - 1} {
			body := strings.TrimSuffix(manyMembers(n), "}") + fmt.Sprintf(`,"\u006bey %d":0}`, i)
			if err := new(Document).Parse([]byte(body), Limits{}); err == nil {
				t.Fatalf("%d of %d twice is accepted", i, n)
			}
		}
	}
}

func TestModelAndStream(t *testing.T) {
	for _, tt := range []struct {
		body, model string
		ok, stream  bool
	}{
		{`{}`, "", false, false},
		{`{"model":"a/b","stream":true}`, "a/b", true, true},
		{`{"\u006dodel":"\u0041\n","stream":false}`, "A\n", true, false},
		{`{"model":"","stream":null}`, "", true, false},
		{`{"x":{"model":"no","stream":true}}`, "", false, false},
		{`{"stream":"true"}`, "", false, false},
		{`{"Model":"no","Stream":true}`, "", false, false},
	} {
		d := parse(t, tt.body, Limits{})
		model, ok := d.Model()
		if string(model) != tt.model || ok != tt.ok || d.Stream() != tt.stream {
			t.Errorf("%s: %q, %v, %v", tt.body, model, ok, d.Stream())
		}
	}
	d := parse(t, `{"model":null}`, Limits{AnyModel: true})
	if _, ok := d.Model(); ok {
		t.Error("null is a model")
	}
}

func TestGet(t *testing.T) {
	d := parse(t, `{"a":1,"a/b":2,"m~n":3,"":4,"\u00e9\"":5,
		"list":[10, [20,21] ,{"x":"y"}],"deep":{"k":1,"k":2,"\u006b":3,"":{"":7}},"s":"\u0041\ud83d\ude00\ud800","n":-1.5e2,"big":1e999}`, Limits{})
	for path, want := range map[string]string{
		"/a": "1", "/a~1b": "2", "/m~0n": "3", "/": "4", "/é\"": "5",
		"/list": `[10, [20,21] ,{"x":"y"}]`, "/list/0": "10", "/list/1": "[20,21]", "/list/1/1": "21", "/list/2/x": `"y"`,
		"/deep/k": "3", "/deep/": `{"":7}`, "/deep//": "7",
	} {
		if v, err := d.Get([]byte(path)); err != nil || string(v) != want {
			t.Errorf("%s: %s, %v", path, v, err)
		}
	}
	for path, want := range map[string]error{
		"a": plugins.ErrMalformed, "/a~": plugins.ErrMalformed, "/a~2": plugins.ErrMalformed, "/none/~2": plugins.ErrMalformed,
		"/none": plugins.ErrAbsent, "/A": plugins.ErrAbsent, "/a/0": plugins.ErrAbsent, "/list/3": plugins.ErrAbsent, "/list/-": plugins.ErrAbsent,
		"/list/01": plugins.ErrAbsent, "/list/+1": plugins.ErrAbsent, "/list/x": plugins.ErrAbsent, "/list/": plugins.ErrAbsent,
		"/list/99999999999999999999": plugins.ErrAbsent, "/s/0": plugins.ErrAbsent, "/deep/none": plugins.ErrAbsent,
	} {
		if v, err := d.Get([]byte(path)); !errors.Is(err, want) {
			t.Errorf("%s: %s, %v; want %v", path, v, err, want)
		}
	}
	if v, err := d.Get(nil); err != nil || !bytes.Equal(v, d.Bytes()) {
		t.Errorf("whole document: %s, %v", v, err)
	}
	if s, err := d.AppendString([]byte(">"), []byte("/s")); err != nil || string(s) != ">A😀\ufffd" {
		t.Errorf("string: %q, %v", s, err)
	}
	if s, err := d.AppendString([]byte(">"), []byte("/a")); !errors.Is(err, plugins.ErrMalformed) || string(s) != ">" {
		t.Errorf("number as a string: %q, %v", s, err)
	}
	if f, err := d.GetNumber([]byte("/n")); err != nil || f != -150 {
		t.Errorf("number: %v, %v", f, err)
	}
	for _, path := range []string{"/s", "/big", "/list", ""} {
		if _, err := d.GetNumber([]byte(path)); !errors.Is(err, plugins.ErrMalformed) {
			t.Errorf("%s as a number: %v", path, err)
		}
	}
}

func TestEmptyDocument(t *testing.T) {
	var d Document
	for _, path := range []string{"", "/a"} {
		if _, err := d.Get([]byte(path)); !errors.Is(err, plugins.ErrAbsent) {
			t.Errorf("get %q: %v", path, err)
		}
	}
	if err := d.SetString([]byte("/a"), nil); !errors.Is(err, plugins.ErrAbsent) {
		t.Errorf("set: %v", err)
	}
	if d.Rollback(); d.Bytes() != nil || d.Len() != 0 || d.Edited() || d.MessageCount() != -1 || d.PromptChars() != -1 {
		t.Error("not empty")
	}
}

func TestCounts(t *testing.T) {
	for _, tt := range []struct {
		body            string
		messages, chars int
	}{
		{`{}`, -1, -1},
		{`{"messages":"x"}`, -1, 1},
		{`{"messages":[]}`, 0, 0},
		{`{"messages":[{"role":"user","content":"h\u00e9llo 北京\n\ud83d\ude00"},{"content":[{"type":"text","text":"ab"},{"type":"image_url","image_url":{"url":"data:xxxxx"}}]}, {"content":null}]}`, 3, 12},
		{`{"prompt":"abc"}`, -1, 3},
		{`{"prompt":["abc","d",[1,2]],"input":"x"}`, -1, 5},
		{`{"input":[{"role":"user","content":[{"type":"input_text","text":"\ud800x\ud800\u0041"}]}]}`, -1, 4},
		{`{"input":[[[[[[["no"]]]]]]]}`, -1, 0},
		{`{"input":{"content":"yes"},"instructions":"no"}`, -1, 3},
	} {
		d := parse(t, tt.body, Limits{})
		for range 2 {
			if m, c := d.MessageCount(), d.PromptChars(); m != tt.messages || c != tt.chars {
				t.Errorf("%s: %d messages, %d characters", tt.body, m, c)
			}
		}
	}
	d := parse(t, `{"messages":[]}`, Limits{})
	if d.MessageCount() != 0 {
		t.Fatal("count")
	}
	d.Begin()
	if err := d.Set([]byte("/messages/-"), []byte(`{"content":"abc"}`)); err != nil {
		t.Fatal(err)
	}
	if d.MessageCount() != 1 || d.PromptChars() != 3 {
		t.Error("not counted again after an edit")
	}
	d.Rollback()
	if d.MessageCount() != 0 || d.PromptChars() != 0 {
		t.Error("not counted again after a rollback")
	}
}

func TestNoAllocations(t *testing.T) {
	if raceEnabled {
		t.Log("race builds allocate; the assertions of this test do not apply")
		return
	}
	body := chatBody(4000, 100, english)
	many := []byte(manyMembers(200))
	var d Document
	var parts [][]byte
	run := func() {
		for _, b := range [][]byte{many, body} {
			if err := d.Parse(b, Limits{Bytes: 1 << 20}); err != nil {
				t.Fatal(err)
			}
		}
		d.Begin()
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		check(d.SetString(pathModel, textModel))
		check(d.SetNumber(pathTemperature, 0.25))
		check(d.Set(pathNew, rawNew))
		check(d.Set(pathNested, rawNew))
		check(d.Remove(pathUser))
		d.Commit()
		d.Begin()
		check(d.Set(pathAppend, rawNew))
		d.Rollback()
		if v, err := d.Get(pathNested); err != nil || string(v) != string(rawNew) {
			t.Fatal(err)
		}
		if f, err := d.GetNumber(pathTemperature); err != nil || f != 0.25 {
			t.Fatal(f, err)
		}
		if m, ok := d.Model(); !ok || string(m) != string(textModel) {
			t.Fatal("model")
		}
		parts = d.Parts(parts[:0])
		if held := d.Held(); held == 0 || len(parts) < 2 {
			t.Fatal("parts")
		}
		if len(d.Bytes()) != d.Len() || !d.Stream() || d.MessageCount() < 1 || d.PromptChars() < 1 {
			t.Fatal("document")
		}
	}
	run()
	run()
	if n := testing.AllocsPerRun(200, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var (
	pathModel, textModel = []byte("/model"), []byte("other \"model\"")
	pathTemperature      = []byte("/temperature")
	pathNew, rawNew      = []byte("/new~1member"), []byte(`[1, {"a":"b"}]`)
	pathNested           = []byte("/messages/1/content")
	pathAppend           = []byte("/messages/-")
	pathUser             = []byte("/user")
)
