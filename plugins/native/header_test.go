package native

import (
	"fmt"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

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
