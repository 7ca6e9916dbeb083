package openai

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestParseModels(t *testing.T) {
	for _, tt := range []struct {
		body string
		want string // "id raw" of each, joined by "; "
	}{
		{`{"object":"list","data":[{"id":"a","object":"model","x":[1]} , {"id":"b"}]}`, `a {"id":"a","object":"model","x":[1]}; b {"id":"b"}`},
		{`{"models":[{"name":"a:latest","model":"m"},{"model":"m"},{"id":"i","name":"n"}]}`, `a:latest {"name":"a:latest","model":"m"}; m {"model":"m"}; i {"id":"i","name":"n"}`},
		{`{"models":[{"name":"no"}],"data":[{"id":"yes"}]}`, `yes {"id":"yes"}`},
		{`{"data":null,"models":[{"name":"yes"}]}`, `yes {"name":"yes"}`},
		{` ["a", {"id":"\u0062\/"} ] `, `a ; b/ {"id":"\u0062\/"}`},
		{`{"data":[{"id":"a","n":1},{"id":"a","n":2}]}`, `a {"id":"a","n":1}`},
		{`{"data":[]}`, ``},
		{`[]`, ``},
	} {
		models, err := ParseModels([]byte(tt.body))
		var got []string
		for _, m := range models {
			got = append(got, m.ID+" "+string(m.Raw))
		}
		if err != nil || models == nil || strings.Join(got, "; ") != tt.want {
			t.Errorf("%s: %q, %v", tt.body, got, err)
		}
	}
}

func TestParseModelsRefuses(t *testing.T) {
	long := strings.Repeat("x", 257)
	for body, reason := range map[string]string{
		``:                                  "unexpected end",
		`not found`:                         "at byte 0",
		`{}`:                                "neither an array",
		`{"data":{}}`:                       "neither an array",
		`"a"`:                               "neither an array",
		`{"data":[{}]}`:                     "entry 0: no id",
		`{"data":["a",{"id":1}]}`:           "entry 1: no id",
		`{"data":[{"id":null,"name":"a"}]}`: "entry 0: no id",
		`[null]`:                            "entry 0: no id",
		`[""]`:                              "entry 0: id is empty",
		`["` + long + `"]`:                  "longer than 256 bytes",
		`["` + strings.Repeat(`\u0041`, 300) + `"]`: "longer than 256 bytes",
		`["a\nb"]`:   "control character",
		`["\u0085"]`: "control character",
		`["a"`:       "unexpected end",
		`[` + strings.Repeat(`"a",`, maxModels) + `"a"]`:          "more than 10000 entries",
		`[` + strings.Repeat(" ", maxModelsBytes) + `"too long"]`: "over the limit of 8388608",
	} {
		if models, err := ParseModels([]byte(body)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%.60s: %v, %v; want %q", body, models, err, reason)
		}
	}
	if _, err := ParseModels([]byte(`["` + long[:256] + `"]`)); err != nil {
		t.Errorf("id of 256 bytes: %v", err)
	}
}

func TestAppendModels(t *testing.T) {
	for _, tt := range []struct {
		models []Model
		want   string
	}{
		{nil, ``},
		{[]Model{{ID: "a"}}, `{"id":"a","object":"model","created":0}`},
		{[]Model{{"a", []byte(`{"id":"a","object":"model","created":1705312200,"owned_by":"x"}`)}}, `{"id":"a","object":"model","created":1705312200,"owned_by":"x"}`},
		{[]Model{{"a", []byte(`{ "name":"a" }`)}, {ID: "b\""}}, `{ "name":"a","id":"a","object":"model","created":0 },{"id":"b\"","object":"model","created":0}`},
		{[]Model{{"a", []byte(`{"id":1,"object":null,"created":"x","model":[]}`)}}, `{"id":"a","object":"model","created":0,"model":[]}`},
		{[]Model{{"a", []byte(`{"id":"\u0061"}`)}}, `{"id":"a","object":"model","created":0}`},
		{[]Model{{"a", []byte(`{"x":1,"x":2}`)}}, `{"id":"a","object":"model","created":0}`},
	} {
		got := AppendModels([]byte(">"), tt.models)
		if want := `>{"object":"list","data":[` + tt.want + `]}`; string(got) != want {
			t.Errorf("%v: %s, want %s", tt.models, got, want)
		}
	}
	if got := AppendModel(nil, Model{ID: "a"}); string(got) != `{"id":"a","object":"model","created":0}` {
		t.Errorf("one model: %s", got)
	}
}

func FuzzModels(f *testing.F) {
	f.Add([]byte(`{"data":[{"id":"a","created":1},{"id":"b","x":{}}]}`))
	f.Add([]byte(`{"models":[{"name":"a","id":null}]}`))
	f.Add([]byte(`["a","\ud800","a"]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		models, err := ParseModels(b)
		if err != nil {
			return
		}
		list := AppendModels(nil, models)
		var v struct {
			Data []struct {
				ID      string
				Object  string
				Created float64
			}
		}
		if err := json.Unmarshal(list, &v); err != nil || len(v.Data) != len(models) {
			t.Fatalf("%q: %s: %v", b, list, err)
		}
		again, err := ParseModels(list)
		if err != nil || len(again) != len(models) {
			t.Fatalf("%q: %s: %v", b, list, err)
		}
		for i, m := range models {
			if again[i].ID != m.ID || checkModelID(m.ID) != nil {
				t.Fatalf("%q: %s", fmt.Sprint(m.ID, again[i].ID), list)
			}
		}
	})
}
