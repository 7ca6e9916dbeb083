package sdktest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/sdk"
)

func TestDocumentEdits(t *testing.T) {
	const remove = "remove"
	for _, c := range []struct {
		name, text, path, value, want string
		err                           error
	}{
		{"replace keeps the rest", "{ \"a\" : 1 ,\n\"b\":[ 2 ] }", "/a", "7", "{ \"a\" : 7 ,\n\"b\":[ 2 ] }", nil},
		{"a new member stands last", `{"a":1 }`, "/b", `"x"`, `{"a":1,"b":"x" }`, nil},
		{"into an empty object", `{ }`, "/b", `1`, `{"b":1 }`, nil},
		{"nested", `{"a":{"b":[1,{"c":2}]}}`, "/a/b/1/c", "3", `{"a":{"b":[1,{"c":3}]}}`, nil},
		{"append", `{"a":[1]}`, "/a/-", "2", `{"a":[1,2]}`, nil},
		{"append to nothing", `{"a":[ ]}`, "/a/-", "2", `{"a":[2 ]}`, nil},
		{"escapes in path and key", `{"a\u002fb":{"m~n":1}}`, "/a~1b/m~0n", "2", `{"a\u002fb":{"m~n":2}}`, nil},
		{"the last of two counts, the other goes", `{"a":{"b":1,"c":0,"b":2}}`, "/a/b", "3", `{"a":{"c":0,"b":3}}`, nil},
		{"remove takes them all", `{"a":{"b":1,"c":0,"b":2}}`, "/a/b", remove, `{"a":{"c":0}}`, nil},
		{"remove first", `{"a":1, "b":2}`, "/a", remove, `{"b":2}`, nil},
		{"remove last", `{"a":1 , "b":2 }`, "/b", remove, `{"a":1 }`, nil},
		{"remove only", `{ "a":1 }`, "/a", remove, `{  }`, nil},
		{"remove an element", `{"a":[1, 2, 3]}`, "/a/1", remove, `{"a":[1, 3]}`, nil},
		{"remove what is not there", `{"a":1}`, "/b", remove, "", sdk.ErrAbsent},
		{"no parent", `{"a":1}`, "/b/c", "1", "", sdk.ErrAbsent},
		{"a scalar is no parent", `{"a":1}`, "/a/c", "1", "", sdk.ErrAbsent},
		{"past the end", `{"a":[1]}`, "/a/1", "1", "", sdk.ErrAbsent},
		{"no leading zero", `{"a":[1]}`, "/a/00", "1", "", sdk.ErrAbsent},
		{"not a pointer", `{"a":1}`, "a", "1", "", sdk.ErrMalformed},
		{"the whole document", `{"a":1}`, "", "{}", "", sdk.ErrMalformed},
		{"a bad escape", `{"a":1}`, "/~2", "1", "", sdk.ErrMalformed},
		{"not JSON", `{"a":1}`, "/a", "{", "", sdk.ErrMalformed},
		{"two values", `{"a":1}`, "/a", "1 2", "", sdk.ErrMalformed},
		{"not an object", `[1]`, "/0", "2", "", sdk.ErrAbsent},
		{"a key twice", `{"a":1,"\u0061":2}`, "/a", "2", "", sdk.ErrAbsent},
	} {
		d := parse(c.text)
		var err error
		if c.value == remove {
			err = d.Remove([]byte(c.path))
		} else {
			err = d.Set([]byte(c.path), []byte(c.value))
		}
		if c.err != nil {
			c.want = c.text // an edit that fails changes nothing
		}
		if err != c.err || string(d.text) != c.want {
			t.Errorf("%s: got %s, %v; want %s, %v", c.name, d.text, err, c.want, c.err)
		}
	}
}

func TestDocumentWritesValues(t *testing.T) {
	d := parse(`{"a":0}`)
	for value, want := range map[float64]string{8: "8", 0.5: "0.5", -3: "-3", 1e21: "1e+21", 1e20: "100000000000000000000", 1e-7: "1e-07"} {
		if err := d.SetNumber([]byte("/a"), value); err != nil || string(d.text) != `{"a":`+want+`}` {
			t.Errorf("SetNumber(%v): %s, %v", value, d.text, err)
		}
	}
	if err := d.SetString([]byte("/a"), []byte("é\"\n\u2028")); err != nil || string(d.text) != "{\"a\":\"é\\\"\\n\u2028\"}" {
		t.Errorf("SetString: %s, %v", d.text, err)
	}
	if err := d.SetString([]byte("/a"), []byte("\xff")); err != sdk.ErrMalformed {
		t.Errorf("SetString of what is not UTF-8: %v", err)
	}
	d.body = true
	if err := d.Set([]byte("/model"), []byte("1")); err != sdk.ErrMalformed {
		t.Errorf("a model that is no string: %v", err)
	}
}

func TestDocumentCounts(t *testing.T) {
	d := parse(`{"messages":[{"role":"user","content":"h\u00e9"},{"content":[{"type":"text","text":"abc"},{"image":"xxxx"}]}],"prompt":["a","b"]}`)
	if m, n := d.messages(), d.promptChars(); m != 2 || n != 7 {
		t.Errorf("%v messages of %v characters, want 2 of 7", m, n)
	}
	if d := parse(`{}`); d.messages() == d.messages() || d.promptChars() == d.promptChars() {
		t.Error("without messages the counts are NaN")
	}
}

func TestXXHash64(t *testing.T) {
	for text, want := range map[string]uint64{
		"":    0xef46db3751d8e999,
		"a":   0xd24ec4f1a98c6e5b,
		"abc": 0x44bc2cf5ad770999,
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+-.": 0x0c36bdadf32b5e92,
	} {
		if got := Hash(text); got != want {
			t.Errorf("Hash(%q) = %#x, want %#x", text, got, want)
		}
	}
}

// An edit leaves valid JSON, and what it set is what is there.
func FuzzDocumentStaysJSON(f *testing.F) {
	f.Add(`{"a":[1,{"b":null}],"c":"x"}`, "/a/1/b", `{"d":1}`)
	f.Add(`{ "a" : {} , "a~/b":[]}`, "/a~0~1b/-", `"\u0000"`)
	f.Fuzz(func(t *testing.T, text, path, value string) {
		d := parse(text)
		if err := d.Set([]byte(path), []byte(value)); err == nil {
			if !json.Valid(d.text) {
				t.Fatalf("%q with %q at %q: %q", text, value, path, d.text)
			}
			if !strings.HasSuffix(path, "/-") {
				if got, err := d.Get([]byte(path)); err != nil || string(got) != strings.Trim(value, " \t\r\n") {
					t.Fatalf("%q with %q at %q: reads %q, %v", text, value, path, got, err)
				}
			}
		}
		if err := d.Remove([]byte(path)); err == nil && !json.Valid(d.text) {
			t.Fatalf("%q without %q: %q", text, path, d.text)
		}
	})
}
