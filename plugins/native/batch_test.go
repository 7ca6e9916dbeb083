package native

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// numbers asks json_numbers and returns "0.5" for a number and "(-1)" for a code.
func (g *guest) numbers(paths ...string) []string {
	g.t.Helper()
	text, n := g.text("json_numbers", strings.Join(paths, "\x00"))
	if int(n) != len(paths)*abi.NumberRecord {
		g.t.Fatalf("json_numbers%q: %d", paths, n)
	}
	var out []string
	for b := []byte(text); len(b) > 0; b = b[abi.NumberRecord:] {
		f, code := math.Float64frombits(binary.LittleEndian.Uint64(b)), int32(binary.LittleEndian.Uint32(b[8:]))
		switch {
		case binary.LittleEndian.Uint32(b[12:]) != 0 || code != 0 && f != 0:
			g.t.Fatalf("json_numbers%q: a record is % x", paths, b[:abi.NumberRecord])
		case code != 0:
			out = append(out, fmt.Sprintf("(%d)", code))
		default:
			out = append(out, fmt.Sprint(f))
		}
	}
	return out
}

// texts asks texts_get and returns the texts, and "(-1)" for a code.
func (g *guest) texts(names ...string) []string {
	g.t.Helper()
	text, n := g.text("texts_get", strings.Join(names, "\x00"))
	if n < 0 {
		g.t.Fatalf("texts_get%q: %d", names, n)
	}
	var out []string
	for i := range names {
		b := []byte(text)[i*abi.TextRecord:]
		start, size := binary.LittleEndian.Uint32(b), int32(binary.LittleEndian.Uint32(b[4:]))
		if size < 0 {
			out = append(out, fmt.Sprintf("(%d)", size))
		} else {
			out = append(out, text[start:][:size])
		}
	}
	return out
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestNumbersOfAList(t *testing.T) {
	g := newGuest(t)
	g.x.doc.m["/n"] = "3"
	same(t, "request", g.numbers("/temperature", "/none", "/model", "/tools", "/messages", "", "/n", "/messages/0/content"),
		"0.5", "(-1)", "(-2)", "(-3)", "(-3)", "(-3)", "3", "(-3)")
	g.logged(t, "missing_grant=content", "function=json_numbers")
	same(t, "the same again, another value", func() []string { g.x.doc.m["/n"] = "4"; return g.numbers("/n", "/n") }(), "4", "4")
	same(t, "a list that begins alike", g.numbers("/n"), "4")
	g.call.Start(abi.OnEvent, g.x) // what a request shows an event may not
	same(t, "event", g.numbers("/n"), "(-3)")
	g.x.doc = nil
	g.call.Start(abi.OnRequest, g.x)
	same(t, "no document", g.numbers("/n", "/messages"), "(-1)", "(-1)")

	g = newGuest(t, withGrants(abi.GrantContent))
	same(t, "with content", g.numbers("/tools", "/temperature"), "(-2)", "0.5")
	g.call.StartConfigure()
	run(t, g, []step{{"json_numbers", []any{"/n", buffer, bufferSize}, abi.NotAllowed, ""}})
}

func TestTextsOfAList(t *testing.T) {
	g := newGuest(t)
	g.x.headers[0].m = map[string]string{"x-user": "u-1", "authorization": "Bearer x", "x-empty": ""}
	g.x.doc.m["/long"] = `"` + strings.Repeat("a", 257) + `"`
	same(t, "request", g.texts("property:4", "header:x-user", "text:/user", "header:x-none", "header:x-empty", "property:10",
		"text:/none", "text:/temperature"), "gpt-4", "u-1", "u", "(-1)", "", "(-1)", "(-1)", "(-2)")
	same(t, "closed", g.texts("header:authorization", "text:/messages", "text:/long", "text:"), "(-3)", "(-3)", "(-3)", "(-3)")
	g.logged(t, "missing_grant=content", "missing_grant=credentials", "function=texts_get")
	malformed := []string{
		"", "property", "property:", "property:0", "property:99", "property:-4", "property: 4", "property:1000000004",
		"property:4x", "header:", "header:a b", "heade:x-user", "Header:x-user", ":", "text",
	}
	for _, name := range malformed {
		if name != "" { // alone that is the empty list
			same(t, name, g.texts(name), "(-2)")
		}
		same(t, name+" among others", g.texts("property:4", name, "header:x-user"), "gpt-4", "(-2)", "u-1")
	}
	g = newGuest(t, withGrants(abi.GrantContent|abi.GrantCredentials))
	g.x.headers[0].m = map[string]string{"authorization": "Bearer x"}
	same(t, "with grants", g.texts("header:authorization", "text:/user"), "Bearer x", "u")
	g.call.StartConfigure()
	run(t, g, []step{{"texts_get", []any{"property:4", buffer, bufferSize}, abi.NotAllowed, ""}})
}

// A name that was readable once must not become so for another policy's sake,
// nor one that is too long, nor for setting.
func TestAHeaderThatIsReadOftenIsNoMoreThanReadable(t *testing.T) {
	g := newGuest(t)
	g.x.headers[0].m = map[string]string{"x-user": "u-1", "host": "h", "x-key1": "k"}
	for range 3 {
		run(t, g, []step{
			{"header_get", []any{0, "host"}, 0, "h"},
			{"header_set", []any{0, "host", "x"}, abi.NotAllowed, ""},
			{"header_get", []any{0, "x-key1"}, 0, "k"}, // as long as one that is closed
			{"header_get", []any{0, "cookie", buffer, 9}, abi.NotAllowed, ""},
			{"header_get", []any{0, "", buffer, 9}, abi.Malformed, ""},
			{"header_get", []any{2, "host", buffer, 9}, abi.Malformed, ""},
			{"header_get", []any{0, strings.Repeat("x", maxHeaderName+1), buffer, 9}, abi.Malformed, ""},
		})
	}
}

func TestListsAndTheirBuffers(t *testing.T) {
	g := newGuest(t)
	for _, f := range []string{"json_numbers", "texts_get"} {
		run(t, g, []step{{f, []any{"", buffer, bufferSize}, 0, ""}, {f, []any{"", 0, 0}, 0, ""}})
	}
	need := 2 * abi.NumberRecord
	g.mod.Memory().Write(buffer, []byte("xxxxxxxx"))
	run(t, g, []step{
		{"json_numbers", []any{"/n\x00/m", buffer, need - 1}, int32(need), ""},
		{"json_numbers", []any{"/n\x00/m", buffer, 0}, int32(need), ""},
		{"texts_get", []any{"property:4\x00property:4", buffer, 25}, 2*abi.TextRecord + 10, ""}, // records fit, texts do not
		{"texts_get", []any{"property:4\x00property:4", buffer, 3}, 2*abi.TextRecord + 10, ""},  // nor do these
	})
	if b, _ := g.mod.Memory().Read(buffer, 8); string(b) != "xxxxxxxx" {
		t.Errorf("memory is %q", b)
	}
}

func TestEachQuestionCountsAsACall(t *testing.T) {
	for f, list := range map[string]string{"json_numbers": "/a\x00/b\x00/c", "texts_get": "property:1\x00property:2\x00text:/c"} {
		g := newGuest(t, func(o *Options) { o.Limits.HostCalls = 6 })
		for range 2 {
			g.code(f, list, buffer, bufferSize)
		}
		if _, err := g.try(f, g.args([]any{list, buffer, bufferSize})...); err == nil {
			t.Fatalf("%s: nine questions went through", f)
		}
		if fault, _ := g.call.Failure(); fault.Kind != plugins.FailureLimit || !strings.Contains(fault.Reason, "policies.limits.host_calls") {
			t.Errorf("%s: failure is %+v", f, fault)
		}
	}
}

func TestAListThatNoMemoryCouldAnswerIsRefused(t *testing.T) {
	g := newGuest(t, func(o *Options) { o.Limits.HostCalls = math.MaxInt32 })
	for _, f := range []string{"json_numbers", "texts_get"} { // all of memory, which is NULs
		if got := int32(uint32(g.do(f, 0, memoryEnd, buffer, bufferSize))); got != abi.TooLarge {
			t.Errorf("%s: %d, want %d", f, got, abi.TooLarge)
		}
	}
}

func TestLongListsAreNotKept(t *testing.T) {
	g := newGuest(t, func(o *Options) { o.Limits.HostCalls = 1 << 20 })
	list := strings.Repeat("/abc\x00", 2000)
	g.top = 1024
	g.code("json_numbers", list, 16384, 100_000)
	g.call.Finish()
	if c := g.call; cap(c.paths.questions) > maxNames || cap(c.paths.list) > maxScratch || cap(c.answers) > maxScratch {
		t.Errorf("an idle instance holds %d questions, %d bytes of list and %d of answers",
			cap(c.paths.questions), cap(c.paths.list), cap(c.answers))
	}
}

func TestAListAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Log("not measured under the race detector")
		return
	}
	for f, list := range map[string]string{"json_numbers": "/a\x00/b\x00/c", "texts_get": "property:1\x00header:x-user\x00text:/c"} {
		g := newGuest(t, func(o *Options) { o.Limits.HostCalls = 1 << 30 })
		args := g.args([]any{list, buffer, bufferSize})
		fn, stack, x := g.mod.ExportedFunction(f), make([]uint64, 10), quiet{fakeExchange: g.x}
		n := testing.AllocsPerRun(200, func() {
			g.call.Start(abi.OnRequest, x)
			copy(stack, args)
			if err := fn.CallWithStack(g.call, stack); err != nil {
				panic(err)
			}
			g.call.Finish()
		})
		if n != 0 || int32(uint32(stack[0])) <= 0 {
			t.Errorf("%s: %v allocations, result %d", f, n, int32(uint32(stack[0])))
		}
	}
}
