package native

import (
	"fmt"
	"math"
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
