package forward

import (
	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/wire"
)

// field is what a header field means to a proxy.
type field uint8

const (
	endToEnd         field = iota
	hopByHop               // for this connection only, never passed on
	connectionField        // hopByHop, and names more of its kind
	contentLength          // written anew, from the body
	transferEncoding       // likewise
	hostField              // the service's own
	authorization
	acceptEncoding
	requestID
	viaField
	forwardedFor
	forwardedProto
	forwardedHost
	forwardedOther // a client's word on where it came from
	expectField
)

// fieldOf classifies a field name, in any case. Spelled with an underscore,
// which some services take for a hyphen, a field with a meaning is never passed
// on: "X_Forwarded_For" would be a client's word on where it came from.
func fieldOf(name []byte) field {
	var low [20]byte
	if len(name) > len(low) {
		return endToEnd
	}
	underscore := false
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		} else if c == '_' {
			c, underscore = '-', true
		}
		low[i] = c
	}
	f := meaningOf(low[:len(name)])
	if underscore && f != endToEnd {
		return hopByHop
	}
	return f
}

// meaningOf knows the names, in small letters.
func meaningOf(low []byte) field {
	switch string(low) {
	case "connection":
		return connectionField
	case "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
		"te", "trailer", "upgrade", "http2-settings":
		return hopByHop
	case "content-length":
		return contentLength
	case "transfer-encoding":
		return transferEncoding
	case "host":
		return hostField
	case "authorization":
		return authorization
	case "accept-encoding":
		return acceptEncoding
	case "x-request-id":
		return requestID
	case "via":
		return viaField
	case "x-forwarded-for":
		return forwardedFor
	case "x-forwarded-proto":
		return forwardedProto
	case "x-forwarded-host":
		return forwardedHost
	case "forwarded", "x-real-ip", "x-forwarded-port", "x-forwarded-server",
		"x-forwarded-scheme", "x-forwarded-ssl", "x-forwarded-prefix", "x-forwarded-uri":
		return forwardedOther
	case "expect":
		return expectField
	}
	return endToEnd
}

// StripHopByHop takes off a client's request header what is meant for the
// client's connection alone: the fields of that kind, and those that the
// Connection field names. Send does as much on its own; a caller that lets
// policies edit the header calls this first, so that a client cannot name a
// policy's field in Connection and have it dropped.
func StripHopByHop(h *fasthttp.RequestHeader) {
	var named [][]byte
	var drop [][]byte
	for name, value := range h.All() {
		switch fieldOf(name) {
		case connectionField:
			named = appendNamed(named, append([]byte(nil), value...))
			drop = append(drop, append([]byte(nil), name...))
		case hopByHop:
			drop = append(drop, append([]byte(nil), name...))
		}
	}
	for _, name := range drop {
		h.DelBytes(name)
	}
	for _, name := range named {
		switch fieldOf(name) {
		case contentLength, transferEncoding, hostField: // never a client's to drop
		default:
			h.DelBytes(name)
		}
	}
}

// appendNamed appends the names in a Connection field's value, but for those
// that are dropped, or written anew, anyway. They alias value.
func appendNamed(dst [][]byte, value []byte) [][]byte {
	for len(value) > 0 {
		var name []byte
		name, value = nextElement(value)
		if len(name) == 0 || wire.EqualFold(name, "close") {
			continue
		}
		switch fieldOf(name) {
		case hopByHop, connectionField, contentLength, transferEncoding, hostField:
			continue
		}
		dst = append(dst, name)
	}
	return dst
}

// isNamed reports whether name is one of named, in any case.
func isNamed(named [][]byte, name []byte) bool {
	for _, n := range named {
		if len(n) == len(name) && foldEqual(n, name) {
			return true
		}
	}
	return false
}

func foldEqual(a, b []byte) bool {
	for i, c := range a {
		d := b[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if d >= 'A' && d <= 'Z' {
			d += 'a' - 'A'
		}
		if c != d {
			return false
		}
	}
	return true
}
