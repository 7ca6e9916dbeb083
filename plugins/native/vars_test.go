package native

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

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
