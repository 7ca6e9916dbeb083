package sdktest

import (
	"strings"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// header returns a side's headers, or why the name may not be used.
func (h *host) header(side int32, name string, change bool) (*Headers, int32) {
	lower := strings.ToLower(name)
	switch {
	case !h.in():
		return nil, abi.NotAllowed
	case side < 0 || side > int32(abi.ReplySide) || !validToken(name):
		return nil, abi.Malformed
	case change && framing[lower]:
		return nil, abi.NotAllowed
	case !h.has(abi.GrantCredentials) && credential(lower):
		return nil, abi.NotAllowed
	}
	headers := h.x.Headers(abi.Side(side))
	if headers == nil {
		return nil, abi.NotAllowed
	}
	return headers, 0
}

func (h *host) HeaderGet(side int32, name string, room []byte) int32 {
	headers, c := h.header(side, name, false)
	if c != 0 {
		return c
	}
	v, ok := headers.Get([]byte(name))
	return giveIf(v, ok, room)
}

func (h *host) HeaderSet(side int32, name, value string) int32 {
	headers, c := h.header(side, name, true)
	switch {
	case c != 0:
		return c
	case !validHeaderValue(value):
		return abi.Malformed
	case len(value) > maxHeader:
		return abi.TooLarge
	}
	h.edit()
	return code(headers.Set([]byte(name), []byte(value)))
}

func (h *host) HeaderRemove(side int32, name string) int32 {
	headers, c := h.header(side, name, true)
	if c != 0 {
		return c
	}
	h.edit()
	return code(headers.Remove([]byte(name)))
}

// framing are the headers that are the router's alone.
var framing = set("content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
	"upgrade", "proxy-connection", "host", "expect", "http2-settings")

// credentials are the headers that carry a secret, as sdk/ABI.md lists them.
var credentials = set("authorization", "cookie", "cookie2", "set-cookie", "set-cookie2", "x-api-key",
	"api-key", "apikey", "x-auth", "x-auth-key", "x-access-key", "x-functions-key",
	"ocp-apim-subscription-key", "authentication-info", "proxy-authentication-info",
	"x-forwarded-client-cert", "cf-access-jwt-assertion", "x-goog-iap-jwt-assertion",
	"x-amzn-oidc-data", "token", "secret", "password")

var credentialSuffixes = []string{
	"authorization", "-api-key", "-apikey", "-token", "-secret", "-password",
	"-accesstoken", "-credential", "-jwt",
}

func credential(lower string) bool {
	for _, suffix := range credentialSuffixes {
		if strings.HasSuffix(lower, suffix) {
			return true
		}
	}
	return credentials[lower]
}

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, name := range names {
		m[name] = true
	}
	return m
}

const lowerDigits = "abcdefghijklmnopqrstuvwxyz0123456789_"

// validWord reports 1 to 64 bytes of a-z, 0-9, _ and what more allows.
func validWord(word, more string) bool {
	return word != "" && len(word) <= 64 && strings.Trim(word, lowerDigits+more) == ""
}

// validMetric reports `name` or `name;label=value`.
func validMetric(metric string) bool {
	name, rest, labelled := strings.Cut(metric, ";")
	label, value, ok := strings.Cut(rest, "=")
	if !labelled {
		return validWord(name, "")
	}
	printable := strings.IndexFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
	return validWord(name, "") && ok && validWord(label, "") && value != "" && len(value) <= 64 && printable
}

func validToken(name string) bool {
	const token = lowerDigits + "!#$%&'*+-.^`|~"
	return name != "" && len(name) <= 256 && strings.Trim(strings.ToLower(name), token) == ""
}

func validHeaderValue(value string) bool {
	return strings.IndexFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) < 0
}
