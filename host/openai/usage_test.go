package openai

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestParseUsage(t *testing.T) {
	for _, tt := range []struct {
		name, json string
		want       Usage
		ok         bool
	}{
		{"chat", `{"id":"x","usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4}}}`, Usage{10, 5, 15, 4}, true},
		{"embeddings", `{"usage":{"prompt_tokens":8,"total_tokens":8}}`, Usage{8, 0, 8, 0}, true},
		{"responses event", `{"type":"response.completed","response":{"usage":{"input_tokens":3,"input_tokens_details":{"cached_tokens":2},"output_tokens":4,"total_tokens":7}}}`, Usage{3, 4, 7, 2}, true},
		{"anthropic start", `{"type":"message_start","message":{"usage":{"input_tokens":25,"cache_read_input_tokens":5,"output_tokens":1}}}`, Usage{25, 1, 26, 5}, true},
		{"anthropic delta", `{"type":"message_delta","delta":{},"usage":{"output_tokens":15}}`, Usage{0, 15, 15, 0}, true},
		{"null, nested", `{"usage":null,"response":{"usage":{"input_tokens":1}}}`, Usage{1, 0, 1, 0}, true},
		{"null", `{"choices":[],"usage":null}`, Usage{}, false},
		{"none", `{"choices":[]}`, Usage{}, false},
		{"only mentioned", `{"choices":[{"usage":{"prompt_tokens":1}}],"text":"\"usage\""}`, Usage{}, false},
		{"details alone", `{"usage":{"input_tokens_details":{"cached_tokens":1}}}`, Usage{}, false},
		{"empty", `{"usage":{}}`, Usage{}, false},
		{"not JSON", `{"usage":{"prompt_tokens":1}`, Usage{}, false},
		{"an array", `["usage"]`, Usage{}, false},
		{"done", `[DONE]`, Usage{}, false},
		{"silly values", `{"usage":{"prompt_tokens":-1,"completion_tokens":"7","total_tokens":1e300,"prompt_tokens_details":null}}`, Usage{}, false},
		{"a float", ` {"usage":{"prompt_tokens":7.0,"completion_tokens":2e1}}`, Usage{7, 20, 27, 0}, true},
		{"behind it", `{"choices":[],"usage" : {"prompt_tokens":1} , "id":"\\\"usage\"","n":[1,{}]} `, Usage{1, 0, 1, 0}, true},
		{"deeper, at the end", `{"choices":[],"n":{"usage":{"prompt_tokens":1}}}`, Usage{}, false},
		{"in an array", `[{"usage":{"prompt_tokens":1}}]`, Usage{}, false},
		{"a value", `{"n":"usage"}`, Usage{}, false},
		{"cut behind it", `{"usage":{"prompt_tokens":1},`, Usage{}, false},
		{"two documents", `{"usage":{"prompt_tokens":1}}{}`, Usage{}, false},
		{"broken before it", `{"text":tru,"usage":{"prompt_tokens":1}}`, Usage{}, false},
		{"twins", `{"usage":{"prompt_tokens":1},"usage":{"prompt_tokens":2,"prompt_tokens":3}}`, Usage{3, 0, 3, 0}, true},
	} {
		if got, ok := ParseUsage([]byte(tt.json)); got != tt.want || ok != tt.ok {
			t.Errorf("%s: %+v, %v", tt.name, got, ok)
		}
	}
}

func TestUsageMerge(t *testing.T) {
	u := Usage{In: 25, Out: 1, Total: 26, Cached: 5}
	u.Merge(Usage{Out: 15, Total: 15})
	if want := (Usage{25, 15, 40, 5}); u != want {
		t.Errorf("%+v, want %+v", u, want)
	}
}

func TestParseUsageDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Log("race builds allocate; the assertions of this test do not apply")
		return
	}
	event := []byte(`{"choices":[{"delta":{"content":"x"}}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`)
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := ParseUsage(event); !ok {
			t.Fatal("no usage")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzUsage(f *testing.F) {
	f.Add([]byte(`{"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`))
	f.Add([]byte(`{"response":{"usage":{"input_tokens":1,"input_tokens_details":{"cached_tokens":1}}}}`))
	f.Add([]byte(`{"usage":[],"message":{"usage":{"output_tokens":1}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, ok := ParseUsage(b)
		if u.In < 0 || u.Out < 0 || u.Total < 0 || u.Cached < 0 || !ok && u != (Usage{}) {
			t.Fatalf("%q: %+v, %v", b, u, ok)
		}
		if !ok {
			return
		}
		var v map[string]any
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatalf("%q: %+v of %v", b, u, err)
		}
		for _, holder := range []any{v, v["response"], v["message"]} {
			if m, isObject := holder.(map[string]any); isObject && m["usage"] != nil {
				return
			}
		}
		t.Fatalf("%q: %+v out of nowhere", b, u)
	})
}

// TestNamesUsage: it finds the key wherever it stands, and nothing that is not it.
func TestNamesUsage(t *testing.T) {
	for _, s := range []string{
		"", "g", `"usage`, `"usage"`, `x"usage"`, `"usage"x`, `{"a":"usag","usage":{}}`, `"usag"usage"`, `"usagge"`, `gggg"usage"`, `sage"`,
		`"usa`, `"Usage"`, strings.Repeat("g", 100) + `"usage"`, strings.Repeat(`"usag `, 9),
	} {
		for i := range len(s) + 1 {
			if got, want := NamesUsage([]byte(s[i:])), strings.Contains(s[i:], `"usage"`); got != want {
				t.Errorf("%q: %v", s[i:], got)
			}
		}
	}
}
