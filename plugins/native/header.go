package native

import (
	"bytes"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

const (
	maxHeaderName  = 256
	maxHeaderValue = 8 << 10
)

// header returns the headers of a side, and says why name may not be used.
func (c *Call) header(side uint64, name []byte, change bool) (h plugins.Headers, code int32) {
	if uint32(side) > uint32(abi.ReplySide) {
		return nil, abi.Malformed
	}
	if change || !c.open.has(name) {
		if code = c.headerName(name, change); code != 0 {
			return nil, code
		}
		if !change {
			c.open.add(name)
		}
	}
	if h = c.x.Headers(abi.Side(side)); h == nil {
		return nil, abi.NotAllowed
	}
	return h, 0
}

func (c *Call) headerName(name []byte, change bool) int32 {
	if !validHeaderName(name) {
		return abi.Malformed
	}
	var folded [maxHeaderName]byte
	lower := foldInto(folded[:], name)
	if change && framing(lower) {
		return abi.NotAllowed
	}
	if c.policy.Grants&abi.GrantCredentials == 0 && credential(lower) {
		c.policy.lack(abi.GrantCredentials, c.inside.name)
		return abi.NotAllowed
	}
	return 0
}

// openNames are names of headers that this policy may read. It asks for the
// same few in every call, and to work that out costs more than to read one.
type openNames [4][]byte

func (o *openNames) slot(name []byte) *[]byte { return &o[len(name)%len(o)] }

// has reports whether name is known to be open. The empty name never is.
func (o *openNames) has(name []byte) bool {
	return len(name) > 0 && string(*o.slot(name)) == string(name)
}

func (o *openNames) add(name []byte) {
	slot := o.slot(name)
	*slot = append((*slot)[:0], name...)
}

func headerGet(c *Call, s []uint64) {
	v, code := c.readHeader(s[0], c.view(s[1], s[2]))
	if code != 0 {
		s[0] = result(code)
		return
	}
	c.give(s, v, s[3], s[4])
}

func (c *Call) readHeader(side uint64, name []byte) ([]byte, int32) {
	h, code := c.header(side, name, false)
	if code != 0 {
		return nil, code
	}
	v, ok := h.Get(name)
	if !ok {
		return nil, abi.Absent
	}
	return v, 0
}

func headerSet(c *Call, s []uint64) {
	name := c.view(s[1], s[2])
	h, code := c.header(s[0], name, true)
	value := c.view(s[3], s[4])
	switch {
	case code != 0:
	case !validHeaderValue(value):
		code = abi.Malformed
	case len(value) > maxHeaderValue:
		c.notice("a value was refused", "header values may have 8192 bytes")
		code = abi.TooLarge
	default:
		c.edit()
		code = c.code(h.Set(name, value))
	}
	s[0] = result(code)
}

func headerRemove(c *Call, s []uint64) {
	name := c.view(s[1], s[2])
	h, code := c.header(s[0], name, true)
	if code == 0 {
		c.edit()
		code = c.code(h.Remove(name))
	}
	s[0] = result(code)
}

// framing reports headers that say how a message is delimited or how a
// connection is used: the router's alone.
func framing(lower []byte) bool {
	switch string(lower) {
	case "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer",
		"upgrade", "proxy-connection", "host", "expect", "http2-settings":
		return true
	}
	return false
}

// credential reports headers that carry a secret of the client or the service.
// The list is what common clients, gateways and clouds send; the suffixes take
// in their relatives. A header that only counts tokens ends otherwise.
func credential(lower []byte) bool {
	switch string(lower) {
	case "authorization", "cookie", "cookie2", "set-cookie", "set-cookie2", "x-api-key", "api-key", "apikey",
		"x-auth", "x-auth-key", "x-access-key", "x-functions-key", "ocp-apim-subscription-key",
		"authentication-info", "proxy-authentication-info",
		"x-forwarded-client-cert", "cf-access-jwt-assertion", "x-goog-iap-jwt-assertion",
		"x-amzn-oidc-data", "token", "secret", "password":
		return true
	}
	for _, suffix := range credentialSuffixes {
		if bytes.HasSuffix(lower, suffix) {
			return true
		}
	}
	return false
}

var credentialSuffixes = [][]byte{
	[]byte("authorization"), []byte("-api-key"), []byte("-apikey"), []byte("-token"),
	[]byte("-secret"), []byte("-password"), []byte("-accesstoken"), []byte("-credential"), []byte("-jwt"),
}

// foldInto writes name to dst in lower case. name fits: it has been checked.
func foldInto(dst, name []byte) []byte {
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		dst[i] = b
	}
	return dst[:len(name)]
}

// validHeaderName reports a token of RFC 9110 of reasonable length.
func validHeaderName(name []byte) bool {
	if len(name) == 0 || len(name) > maxHeaderName {
		return false
	}
	for _, b := range name {
		if !tokenBytes[b] {
			return false
		}
	}
	return true
}

var tokenBytes = func() (t [256]bool) {
	for b := range t {
		t[b] = '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
	}
	for _, b := range []byte("!#$%&'*+-.^_`|~") {
		t[b] = true
	}
	return t
}()

// validHeaderValue reports a value without control characters but tab.
func validHeaderValue(value []byte) bool {
	for _, b := range value {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}
