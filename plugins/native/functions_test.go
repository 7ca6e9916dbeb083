package native

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestEveryFunctionHasARule(t *testing.T) {
	for _, f := range abi.Functions {
		if rules[f.Name] == nil {
			t.Errorf("%s is in the ABI and has no implementation", f.Name)
		}
	}
	if len(rules) != len(abi.Functions) {
		t.Errorf("%d implementations for %d functions", len(rules), len(abi.Functions))
	}
}

// step is one call of a host function and what it must answer.
type step struct {
	fn   string
	args []any
	want int32
	text string // what is in the buffer, for functions that fill one
}

func run(t *testing.T, g *guest, steps []step) {
	t.Helper()
	for _, s := range steps {
		t.Run(s.fn+fmt.Sprint(s.args), func(t *testing.T) {
			t.Helper()
			if s.text != "" {
				if got, code := g.text(s.fn, s.args...); got != s.text || int(code) != len(s.text) {
					t.Errorf("got %q (%d), want %q", got, code, s.text)
				}
				return
			}
			g.top = 1024
			if got := g.code(s.fn, s.args...); got != s.want {
				t.Errorf("got %d, want %d", got, s.want)
			}
		})
	}
}

func TestExchangeFunctions(t *testing.T) {
	g := newGuest(t)
	run(t, g, []step{
		{"config_get", nil, 0, `{"k":"v"}`},
		{"property_get", []any{int(abi.PropertyModel)}, 0, "gpt-4"},
		{"property_get", []any{int(abi.PropertyService), buffer, bufferSize}, abi.Absent, ""},
		{"property_get", []any{0, buffer, bufferSize}, abi.Malformed, ""},
		{"property_get", []any{int(abi.PropertyLast) + 1, buffer, bufferSize}, abi.Malformed, ""},
		{"property_get", []any{-1, buffer, bufferSize}, abi.Malformed, ""},
		{"property_get", []any{int(abi.PropertyModel), buffer, 2}, 5, ""}, // too small: only its length
		{"property_get", []any{int(abi.PropertyModel), buffer, 0}, 5, ""},
		{"model_set", []any{""}, abi.Malformed, ""},
		{"model_set", []any{"\xff"}, abi.Malformed, ""},
		{"model_set", []any{"qwen"}, 0, ""},
		{"reply", []any{199, "text/plain", ""}, abi.Malformed, ""},
		{"reply", []any{600, "text/plain", ""}, abi.Malformed, ""},
		{"reply", []any{429, "a\r\nb: c", ""}, abi.Malformed, ""},
		{"reply", []any{429, "text/plain", "no"}, 0, ""},
	})
	if g.x.model != "qwen" || g.x.replyStatus != 429 || g.x.replyBody != "no" || g.x.replyType != "text/plain" {
		t.Errorf("exchange got %+v", g.x)
	}
	if !g.call.Replied() || !g.call.Begun() || g.x.begins != 1 {
		t.Errorf("replied %v, begun %v, Begin called %d times", g.call.Replied(), g.call.Begun(), g.x.begins)
	}
	if got := math.Float64frombits(g.do("number_get", uint64(abi.NumberMessages))); got != 3 {
		t.Errorf("number_get: %v", got)
	}
	for _, key := range []uint64{0, uint64(abi.NumberLast) + 1, math.MaxUint32, uint64(abi.NumberStatus)} {
		if got := math.Float64frombits(g.do("number_get", key)); !math.IsNaN(got) {
			t.Errorf("number_get(%d) = %v, want NaN", key, got)
		}
	}
	if got := int64(g.do("now_ms")); got != g.x.now.UnixMilli() {
		t.Errorf("now_ms: %d", got)
	}
	if a, b := g.do("random"), g.do("random"); a != 1 || b != 2 {
		t.Errorf("random: %d, %d", a, b)
	}
	p := g.put("user-42")
	if got := g.do("hash", p, 7); got != xxhash.Sum64String("user-42") {
		t.Errorf("hash: %x", got)
	}
	if got := g.do("hash", 1<<31, 0); got != xxhash.Sum64(nil) {
		t.Errorf("hash of nothing: %x", got)
	}
}

func TestAValueThatDoesNotFitIsNotWritten(t *testing.T) {
	g := newGuest(t)
	g.mod.Memory().Write(buffer, []byte("xxxxxxxx"))
	g.do("property_get", uint64(abi.PropertyModel), buffer, 4)
	if b, _ := g.mod.Memory().Read(buffer, 8); string(b) != "xxxxxxxx" {
		t.Errorf("memory is %q", b)
	}
}

func TestHeaders(t *testing.T) {
	g := newGuest(t)
	run(t, g, []step{
		{"header_get", []any{0, "x-team"}, 0, "blue"},
		{"header_get", []any{0, "x-none", buffer, bufferSize}, abi.Absent, ""},
		{"header_get", []any{1, "x-team", buffer, bufferSize}, abi.NotAllowed, ""}, // no reply yet
		{"header_get", []any{2, "x-team", buffer, bufferSize}, abi.Malformed, ""},
		{"header_get", []any{-1, "x-team", buffer, bufferSize}, abi.Malformed, ""},
		{"header_get", []any{0, "", buffer, bufferSize}, abi.Malformed, ""},
		{"header_get", []any{0, "a b", buffer, bufferSize}, abi.Malformed, ""},
		{"header_get", []any{0, strings.Repeat("a", maxHeaderName+1), buffer, bufferSize}, abi.Malformed, ""},
		{"header_get", []any{0, "host"}, 0, "h"},
		{"header_set", []any{0, "x-new", "1\t2"}, 0, ""},
		{"header_set", []any{0, "x-new", "a\rb"}, abi.Malformed, ""},
		{"header_set", []any{0, "x-new", "a\nb"}, abi.Malformed, ""},
		{"header_set", []any{0, "x-new", "a\x00b"}, abi.Malformed, ""},
		{"header_set", []any{0, "x-new", "a\x7fb"}, abi.Malformed, ""},
		{"header_set", []any{0, "x-new:", "a"}, abi.Malformed, ""},
		{"header_set", []any{0, "x-new", strings.Repeat("a", maxHeaderValue+1)}, abi.TooLarge, ""},
		{"header_set", []any{1, "x-new", "a"}, abi.NotAllowed, ""},
		{"header_remove", []any{0, "x-new"}, 0, ""},
		{"header_remove", []any{1, "x-new"}, abi.NotAllowed, ""},
	})
	for _, h := range []string{
		"Content-Length", "transfer-encoding", "CONNECTION", "keep-alive", "TE", "trailer", "upgrade",
		"proxy-connection", "host", "expect",
	} {
		run(t, g, []step{
			{"header_set", []any{0, h, "a"}, abi.NotAllowed, ""},
			{"header_remove", []any{0, h}, abi.NotAllowed, ""},
		})
	}
	if _, ok := g.x.headers[0].m["x-new"]; ok || g.x.headers[0].m["host"] != "h" {
		t.Errorf("headers are %v", g.x.headers[0].m)
	}
	g.x.headers[0].err = fmt.Errorf("more than 16 KiB of headers: %w", plugins.ErrTooLarge)
	run(t, g, []step{{"header_set", []any{0, "x-new", "a"}, abi.TooLarge, ""}})
	g.logged(t, "more than 16 KiB of headers")
}

func TestCredentialsNeedTheGrant(t *testing.T) {
	names := []string{
		"authorization", "Proxy-Authorization", "COOKIE", "set-cookie", "x-api-key", "api-key", "X-Goog-Api-Key",
		"x-auth-token", "x-amz-security-token", "client-secret",
	}
	g := newGuest(t)
	for _, n := range names {
		run(t, g, []step{
			{"header_get", []any{0, n, buffer, bufferSize}, abi.NotAllowed, ""},
			{"header_set", []any{0, n, "a"}, abi.NotAllowed, ""},
			{"header_remove", []any{0, n}, abi.NotAllowed, ""},
		})
	}
	g.logged(t, "missing_grant=credentials", "function=header_get")
	if n := strings.Count(g.log.String(), "missing_grant"); n != 1 {
		t.Errorf("the missing grant was logged %d times, want once", n)
	}
	if g.x.begins != 0 {
		t.Error("a denied call began a transaction")
	}
	// Near misses are no credentials.
	run(t, g, []step{
		{"header_get", []any{0, "x-ratelimit-remaining-tokens", buffer, bufferSize}, abi.Absent, ""},
		{"header_get", []any{0, "idempotency-key", buffer, bufferSize}, abi.Absent, ""},
	})
	g = newGuest(t, withGrants(abi.GrantCredentials))
	run(t, g, []step{
		{"header_get", []any{0, "authorization"}, 0, "Bearer s"},
		{"header_set", []any{0, "x-api-key", "k"}, 0, ""},
		{"header_remove", []any{0, "authorization"}, 0, ""},
	})
}

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

func TestCandidates(t *testing.T) {
	g := newGuest(t)
	g.call.Start(abi.OnRoute, g.x)
	run(t, g, []step{
		{"candidate_count", nil, 2, ""},
		{"candidate_get", []any{1, int(abi.CandidateName)}, 0, "b"},
		{"candidate_get", []any{1, int(abi.CandidateURL), buffer, bufferSize}, abi.Absent, ""},
		{"candidate_get", []any{2, int(abi.CandidateName), buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_get", []any{-1, int(abi.CandidateName), buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_get", []any{0, 0, buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_get", []any{0, 4, buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_label", []any{0, "zone"}, 0, "za"},
		{"candidate_label", []any{0, "none", buffer, bufferSize}, abi.Absent, ""},
		{"candidate_label", []any{0, "", buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_label", []any{9, "zone", buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_score", []any{0, 0.0}, 0, ""},
		{"candidate_score", []any{1, 2.5}, 0, ""},
		{"candidate_score", []any{2, 1.0}, abi.Malformed, ""},
	})
	if g.x.candidates.scores[0] != 0 || g.x.candidates.scores[1] != 2.5 || len(g.x.candidates.scores) != 2 {
		t.Errorf("scores are %v", g.x.candidates.scores)
	}
	if got := math.Float64frombits(g.do("candidate_number", 1, uint64(abi.CandidateWeight))); got != 2 {
		t.Errorf("weight: %v", got)
	}
	for _, args := range [][]uint64{{2, 1}, {0, 0}, {0, 7}, {math.MaxUint32, 1}, {0, uint64(abi.CandidateQueue)}} {
		if got := math.Float64frombits(g.do("candidate_number", args...)); !math.IsNaN(got) {
			t.Errorf("candidate_number%v = %v, want NaN", args, got)
		}
	}
	if _, failed := g.call.Failure(); failed {
		t.Error("the call failed without a bad score")
	}
}

func TestAScoreThatCannotBeRankedFailsTheCall(t *testing.T) {
	for _, score := range []float64{math.NaN(), -0.1, math.Inf(1), math.Inf(-1)} {
		g := newGuest(t)
		g.call.Start(abi.OnRoute, g.x)
		if got := g.code("candidate_score", 0, score); got != abi.Malformed {
			t.Errorf("%v: got %d", score, got)
		}
		f, failed := g.call.Failure()
		if !failed || f.Kind != plugins.FailureResult || !strings.Contains(f.Reason, "candidate_score") {
			t.Errorf("%v: failure is %+v", score, f)
		}
		if len(g.x.candidates.scores) != 0 {
			t.Errorf("%v was set", score)
		}
	}
}

func TestFunctionsInTheirHooks(t *testing.T) {
	anywhere := []step{{"config_get", []any{buffer, 0}, 9, ""}, {"metric_add", []any{"n", 1.0}, 0, ""}}
	for hook := range abi.Hook(abi.HookCount) {
		g := newGuest(t)
		g.call.Start(hook, g.x)
		run(t, g, anywhere)
		allowed := func(ok bool, code int32) int32 {
			if ok {
				return code
			}
			return abi.NotAllowed
		}
		run(t, g, []step{
			{"model_set", []any{"m"}, allowed(hook == abi.OnRequest, 0), ""},
			{"candidate_count", nil, allowed(hook == abi.OnRoute, 2), ""},
			{"candidate_get", []any{0, 1, buffer, 0}, allowed(hook == abi.OnRoute, 1), ""},
			{"candidate_label", []any{0, "zone", buffer, 0}, allowed(hook == abi.OnRoute, 2), ""},
			{"candidate_score", []any{0, 1.0}, allowed(hook == abi.OnRoute, 0), ""},
			{"reply", []any{200, "", ""}, allowed(hook == abi.OnRequest || hook == abi.OnResponse, 0), ""},
			{"interest_set", []any{1}, abi.NotAllowed, ""},
			{"var_set", []any{"a", "b"}, 0, ""},
		})
		if got := math.Float64frombits(g.do("candidate_number", 0, 1)); math.IsNaN(got) == (hook == abi.OnRoute) {
			t.Errorf("%v: candidate_number is %v", hook, got)
		}
	}
}

func TestConfigure(t *testing.T) {
	store := &fakeStore{m: map[string][]byte{}, n: map[string]int64{}}
	g := newGuest(t, withGrants(abi.GrantKV), func(o *Options) { o.Store = store })
	if got := g.call.Interest(); got != plugins.HookSet(abi.AllHooks) {
		t.Errorf("interest at first: %b", got)
	}
	g.call.StartConfigure()
	run(t, g, []step{
		{"config_get", nil, 0, `{"k":"v"}`},
		{"interest_set", []any{1 << abi.HookCount}, abi.Malformed, ""},
		{"interest_set", []any{-1}, abi.Malformed, ""},
		{"interest_set", []any{1<<abi.OnRequest | 1<<abi.OnDone}, 0, ""},
		{"property_get", []any{1, buffer, 9}, abi.NotAllowed, ""},
		{"header_get", []any{0, "a", buffer, 9}, abi.NotAllowed, ""},
		{"header_set", []any{0, "a", "b"}, abi.NotAllowed, ""},
		{"header_remove", []any{0, "a"}, abi.NotAllowed, ""},
		{"json_get", []any{"/a", buffer, 9}, abi.NotAllowed, ""},
		{"json_string", []any{"/a", buffer, 9}, abi.NotAllowed, ""},
		{"json_set", []any{"/a", "1"}, abi.NotAllowed, ""},
		{"json_set_string", []any{"/a", "1"}, abi.NotAllowed, ""},
		{"json_set_number", []any{"/a", 1.0}, abi.NotAllowed, ""},
		{"json_remove", []any{"/a"}, abi.NotAllowed, ""},
		{"model_set", []any{"m"}, abi.NotAllowed, ""},
		{"reply", []any{200, "", ""}, abi.NotAllowed, ""},
		{"candidate_count", nil, abi.NotAllowed, ""},
		{"candidate_score", []any{0, 1.0}, abi.NotAllowed, ""},
		{"var_get", []any{"a", buffer, 9}, abi.NotAllowed, ""},
		{"var_set", []any{"a", "b"}, abi.NotAllowed, ""},
		{"kv_set", []any{"a", "b", 0}, 0, ""},
		{"kv_get", []any{"a"}, 0, "b"},
	})
	for _, f := range []string{"number_get", "candidate_number", "json_number"} {
		if got := math.Float64frombits(g.do(f, 1, 1)); !math.IsNaN(got) {
			t.Errorf("%s: %v", f, got)
		}
	}
	if got := g.call.Interest(); got != plugins.HookSet(0).With(abi.OnRequest).With(abi.OnDone) {
		t.Errorf("interest: %b", got)
	}
	if got := time.UnixMilli(int64(g.do("now_ms"))); got.UnixMilli() != g.policy.loaded.UnixMilli() {
		t.Errorf("now_ms is %v, loaded at %v", got, g.policy.loaded)
	}
	first := g.do("random")
	other := newGuest(t)
	other.call.StartConfigure()
	if again := other.do("random"); again != first {
		t.Error("randomness differs between instances of one plugin")
	}
	if next := g.do("random"); next == first {
		t.Error("randomness repeats itself")
	}
	differs := newGuest(t, func(o *Options) { o.SHA256 = [32]byte{9} })
	differs.call.StartConfigure()
	if differs.do("random") == first {
		t.Error("randomness is the same for another plugin")
	}
}

func TestVars(t *testing.T) {
	g := newGuest(t, func(o *Options) { o.Limits.VarBytes, o.Limits.Vars = 4, 2 })
	run(t, g, []step{
		{"var_get", []any{"a", buffer, 9}, abi.Absent, ""},
		{"var_set", []any{"a", "1234"}, 0, ""},
		{"var_get", []any{"a"}, 0, "1234"},
		{"var_set", []any{"a", "12345"}, abi.TooLarge, ""},
		{"var_set", []any{"", "1"}, abi.Malformed, ""},
		{"var_set", []any{"A", "1"}, abi.Malformed, ""},
		{"var_set", []any{"a b", "1"}, abi.Malformed, ""},
		{"var_set", []any{strings.Repeat("a", 65), "1"}, abi.Malformed, ""},
		{"var_get", []any{"A", buffer, 9}, abi.Malformed, ""},
		{"var_set", []any{strings.Repeat("a", 64), "1"}, 0, ""},
		{"var_set", []any{"log.a-b_c", "1"}, abi.TooLarge, ""},
		{"var_set", []any{"a", "new"}, 0, ""}, // not another one
	})
	g.logged(t, "policies.limits.var_bytes", "policies.limits.vars")
	if string(g.x.vars["a"]) != "new" {
		t.Errorf("vars are %q", g.x.vars)
	}
}

func TestKV(t *testing.T) {
	store := &fakeStore{m: map[string][]byte{}, n: map[string]int64{}}
	g := newGuest(t, withGrants(abi.GrantKV), func(o *Options) { o.Store, o.Limits.KVBytes = store, 4 })
	run(t, g, []step{
		{"kv_get", []any{"k", buffer, 9}, abi.Absent, ""},
		{"kv_set", []any{"k", "1234", 1500}, 0, ""},
		{"kv_get", []any{"k"}, 0, "1234"},
		{"kv_set", []any{"k", "12345", 0}, abi.TooLarge, ""},
		{"kv_set", []any{"k", "1", -1}, abi.Malformed, ""},
		{"kv_set", []any{"", "1", 0}, abi.Malformed, ""},
		{"kv_set", []any{strings.Repeat("k", 257), "1", 0}, abi.Malformed, ""},
		{"kv_get", []any{strings.Repeat("k", 256), buffer, 9}, abi.Absent, ""},
	})
	if store.ttl != 1500*time.Millisecond {
		t.Errorf("ttl: %v", store.ttl)
	}
	if string(store.m["p/k"]) != "1234" {
		t.Errorf("store is %q: scoped wrongly", store.m)
	}
	g.logged(t, "policies.limits.kv_bytes")
	add := func(key string, delta, ttl int64) int64 {
		return int64(g.do("kv_add", g.put(key), uint64(len(key)), uint64(delta), uint64(ttl)))
	}
	if a, b := add("n", 5, 0), add("n", -7, math.MaxInt64); a != 5 || b != -2 {
		t.Errorf("kv_add: %d, %d", a, b)
	}
	if store.ttl <= 0 {
		t.Errorf("the longest ttl became %v", store.ttl)
	}
	if add("n", 1, -1) != abi.KVFailed || add("", 1, 0) != abi.KVFailed {
		t.Error("kv_add took a bad ttl or key")
	}
	store.err = errors.New("connection refused")
	run(t, g, []step{
		{"kv_get", []any{"k", buffer, 9}, abi.Absent, ""},
		{"kv_set", []any{"k", "1", 0}, abi.Absent, ""},
	})
	if add("n", 1, 0) != abi.KVFailed {
		t.Error("kv_add hid a failure of the store")
	}
	g.logged(t, "key-value store failed", "connection refused")
}

func TestKVWithoutGrantOrStore(t *testing.T) {
	store := &fakeStore{m: map[string][]byte{}, n: map[string]int64{}}
	for name, g := range map[string]*guest{
		"grant": newGuest(t, func(o *Options) { o.Store = store }),
		"store": newGuest(t, withGrants(abi.GrantKV)),
	} {
		t.Run(name, func(t *testing.T) {
			run(t, g, []step{
				{"kv_get", []any{"k", buffer, 9}, abi.NotAllowed, ""},
				{"kv_set", []any{"k", "1", 0}, abi.NotAllowed, ""},
			})
			if got := int64(g.do("kv_add", g.put("k"), 1, 1, 0)); got != abi.KVFailed {
				t.Errorf("kv_add: %d", got)
			}
			if name == "grant" {
				g.logged(t, "missing_grant=kv")
			}
		})
	}
	if len(store.m)+len(store.n) != 0 {
		t.Error("the store was reached without a grant")
	}
}

func TestMetrics(t *testing.T) {
	m := &fakeMetrics{}
	g := newGuest(t, func(o *Options) { o.Metrics = m })
	long := strings.Repeat("a", 65)
	for name, want := range map[string]int32{
		"hits": 0, "hits;arm=B 1": 0, "a;b=ü": 0, "": abi.Malformed, "Hits": abi.Malformed, long: abi.Malformed,
		"a;": abi.Malformed, "a;b": abi.Malformed, "a;=c": abi.Malformed, "a;b=": abi.Malformed,
		"a;b=" + long: abi.Malformed, "a;b=\n": abi.Malformed, "a;b=\xff": abi.Malformed, "a;" + long + "=c": abi.Malformed,
		"a-b": abi.Malformed, ";b=c": abi.Malformed,
	} {
		if got := g.code("metric_add", name, 1.0); got != want {
			t.Errorf("%q: got %d, want %d", name, got, want)
		}
	}
	m.value = 0
	for _, v := range []float64{math.NaN(), math.Inf(1), -1} {
		if got := g.code("metric_add", "a", v); got != abi.Malformed {
			t.Errorf("%v: got %d", v, got)
		}
	}
	if g.code("metric_add", "a;b=c", 2.5); m.name != "p/a;b=c" || m.value != 2.5 {
		t.Errorf("metric is %+v", m)
	}
	for i := range 2 * maxNames {
		g.top = 1024
		g.code("metric_add", fmt.Sprintf("m%d", i), 1.0)
	}
	if len(g.call.names) > maxNames {
		t.Errorf("an instance remembers %d names", len(g.call.names))
	}
}
