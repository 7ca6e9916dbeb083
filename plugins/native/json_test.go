package native

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestJSONWithContent(t *testing.T) {
	g := newGuest(t, withGrants(abi.GrantContent))
	run(t, g, []step{
		{"json_get", []any{""}, 0, `{"all":1}`},
		{"json_get", []any{"/messages/0/content"}, 0, `"hi"`},
		{"json_get", []any{"/nothing", buffer, bufferSize}, abi.Absent, ""},
		{"json_string", []any{"/messages/0/content"}, 0, "hi"},
		{"json_string", []any{"/temperature", buffer, bufferSize}, abi.Malformed, ""},
		{"json_string", []any{"/nothing", buffer, bufferSize}, abi.Absent, ""},
		{"json_set", []any{"/messages/-", `{"role":"user"}`}, 0, ""},
		{"json_set_string", []any{"/x", "text"}, 0, ""},
		{"json_set_number", []any{"/y", 1.5}, 0, ""},
		{"json_set_number", []any{"/y", math.NaN()}, abi.Malformed, ""},
		{"json_set_number", []any{"/y", math.Inf(1)}, abi.Malformed, ""},
		{"json_remove", []any{"/messages"}, 0, ""},
	})
	if got := math.Float64frombits(g.do("json_number", g.put("/temperature"), 12)); got != 0.5 {
		t.Errorf("json_number: %v", got)
	}
	if got := math.Float64frombits(g.do("json_number", g.put("/model"), 6)); !math.IsNaN(got) {
		t.Errorf("json_number of a string: %v", got)
	}
	g.x.doc.err = plugins.ErrMalformed
	run(t, g, []step{{"json_set", []any{"/a", "{"}, abi.Malformed, ""}})
	g.x.doc.err = fmt.Errorf("body over routes.max_body: %w", plugins.ErrTooLarge)
	run(t, g, []step{{"json_set", []any{"/a", "1"}, abi.TooLarge, ""}})
	g.logged(t, "routes.max_body")
	g.x.doc.err = plugins.ErrNotAllowed
	run(t, g, []step{{"json_remove", []any{"/a"}, abi.NotAllowed, ""}})
	if g.x.begins != 1 {
		t.Errorf("Begin was called %d times", g.x.begins)
	}
	g.x.doc = nil
	run(t, g, []step{
		{"json_get", []any{"/model", buffer, bufferSize}, abi.Absent, ""},
		{"json_set", []any{"/model", "1"}, abi.Absent, ""},
		{"json_string", []any{"/model", buffer, bufferSize}, abi.Absent, ""},
		{"json_remove", []any{"/model"}, abi.Absent, ""},
		{"json_set_number", []any{"/model", 1.0}, abi.Absent, ""},
		{"json_set_string", []any{"/model", "1"}, abi.Absent, ""},
	})
}

func TestRequestWithoutContent(t *testing.T) {
	g := newGuest(t)
	g.x.doc.m["/short"] = `"` + strings.Repeat("a", 256) + `"`
	g.x.doc.m["/long"] = `"` + strings.Repeat("a", 257) + `"`
	denied := func(fn string, args ...any) step { return step{fn, args, abi.NotAllowed, ""} }
	run(t, g, []step{
		{"json_get", []any{"/model"}, 0, `"gpt-4"`},
		{"json_get", []any{"/temperature"}, 0, `0.5`},
		{"json_get", []any{"/stream"}, 0, `true`},
		{"json_string", []any{"/user"}, 0, `u`},
		{"json_get", []any{"/short", buffer, 1}, 258, ""},
		{"json_string", []any{"/short", buffer, 1}, 256, ""},
		{"json_get", []any{"/none", buffer, 1}, abi.Absent, ""},
		denied("json_get", "/long", buffer, bufferSize), denied("json_string", "/long", buffer, bufferSize),
		denied("json_get", "", buffer, bufferSize), denied("json_get", "/", buffer, bufferSize),
		denied("json_get", "model", buffer, bufferSize),
		denied("json_get", "/tools", buffer, bufferSize), denied("json_get", "/messages", buffer, bufferSize),
		denied("json_get", "/messages/0/content", buffer, bufferSize),
		denied("json_string", "/messages/0/content", buffer, bufferSize),
		denied("json_get", "/prompt", buffer, 1), denied("json_get", "/input", buffer, 1),
		denied("json_get", "/instructions", buffer, 1), denied("json_get", "/system", buffer, 1),
		denied("json_set", "/messages", "1"), denied("json_set", "/messages/0", "1"), denied("json_set", "/x", "[]"),
		denied("json_set", "/x", " {}"), denied("json_set", "/x", `"`+strings.Repeat("a", 257)+`"`),
		denied("json_set_string", "/x", strings.Repeat("a", 257)), denied("json_set_string", "/x", strings.Repeat("\"", 129)),
		denied("json_set_string", "/prompt", "x"), denied("json_set_number", "/input", 1.0),
		denied("json_remove", "/messages"), denied("json_remove", "/a/b"), denied("json_remove", ""),
		{"json_set", []any{"/x", "null"}, 0, ""},
		{"json_set", []any{"/x", `"short"`}, 0, ""},
		{"json_set_string", []any{"/x", strings.Repeat("a", 256)}, 0, ""},
		{"json_set_number", []any{"/temperature", 1.0}, 0, ""},
		{"json_remove", []any{"/tools"}, 0, ""}, // an array may go, unseen
	})
	if got := math.Float64frombits(g.do("json_number", g.put("/messages/0/n"), 13)); !math.IsNaN(got) {
		t.Errorf("json_number inside messages: %v", got)
	}
	g.logged(t, "missing_grant=content")
	if _, ok := g.x.doc.m["/messages"]; !ok {
		t.Error("messages are gone")
	}
	if _, ok := g.x.doc.m["/tools"]; ok {
		t.Error("tools are still there")
	}
}

func TestRepliesAndEventsWithoutContent(t *testing.T) {
	for _, hook := range []abi.Hook{abi.OnResponse, abi.OnEvent, abi.OnDone} {
		g := newGuest(t)
		g.call.Start(hook, g.x)
		g.x.doc.m = map[string]string{
			"/model": `"m"`, "/message/model": `"m2"`, "/response/model": `"m3"`, "/id": `"1"`,
		}
		run(t, g, []step{
			{"json_get", []any{"/model"}, 0, `"m"`},
			{"json_string", []any{"/message/model"}, 0, `m2`},
			{"json_string", []any{"/response/model"}, 0, `m3`},
			{"json_get", []any{"/id", buffer, bufferSize}, abi.NotAllowed, ""},
			{"json_set_string", []any{"/model", "n"}, 0, ""},
			{"json_set", []any{"/model", "{}"}, abi.NotAllowed, ""},
			{"json_set", []any{"/id", "1"}, abi.NotAllowed, ""},
			{"json_remove", []any{"/model"}, abi.NotAllowed, ""},
		})
		g.x.doc.m["/model"] = `{"secret":"text"}` // a service cannot smuggle either
		run(t, g, []step{{"json_get", []any{"/model", buffer, bufferSize}, abi.NotAllowed, ""}})
	}
}
