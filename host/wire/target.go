package wire

import "bytes"

// target takes what a request asks for: a path, or a URL whose host has to be
// the one that Host names.
func (g *Guard) target(method, t []byte) *Fault {
	switch {
	case string(method) == "CONNECT":
		return faultConnect
	case t[0] == '/':
		// With this in it fasthttp takes "//" for the start of a host, and where there
		// is no Host, which HTTP/1.0 need not have.
		if len(t) > 1 && t[1] == '/' && (g.http10 || bytes.Contains(t, schemeEnd)) {
			return faultForm
		}
		return checkPath(t)
	case len(t) == 1 && t[0] == '*':
		if string(method) != "OPTIONS" {
			return faultForm
		}
		return nil
	}
	scheme, rest, ok := bytes.Cut(t, schemeEnd)
	if !ok || !EqualFold(scheme, "http") && !EqualFold(scheme, "https") {
		return faultForm
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if !isAuthority(rest[:end]) {
		return faultForm
	}
	g.authority = append([]byte(nil), rest[:end]...)
	return checkPath(rest[end:])
}

var schemeEnd = []byte("://")

// checkPath checks a path and its query. Dot segments and escapes are sound,
// the path that a service is asked for has none. An escape of a control
// character is not: a service could take it for the path's end.
func checkPath(t []byte) *Fault {
	class, inPath := uint8(classPath), true
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case byteClass[c]&class != 0:
		case c == '?':
			class, inPath = classQuery, false
		case c != '%':
			return faultTarget
		default:
			if i+2 >= len(t) || HexDigit[t[i+1]] < 0 || HexDigit[t[i+2]] < 0 {
				return faultEscape
			}
			if v := HexDigit[t[i+1]]<<4 | HexDigit[t[i+2]]; inPath && (v >= 0 && v < ' ' || v == 0x7f) {
				return faultEscape
			}
			i += 2
		}
	}
	return nil
}

// isAuthority reports whether b is HOST or HOST:PORT, HOST a name, an IPv4
// address or an IPv6 address in brackets.
func isAuthority(b []byte) bool {
	host, port := b, []byte(nil)
	if len(b) > 0 && b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 2 || !isIPv6(b[1:end]) {
			return false
		}
		if port = b[end+1:]; len(port) == 0 {
			return true
		}
		if port[0] != ':' {
			return false
		}
		return isPort(port[1:])
	}
	if colon := bytes.IndexByte(b, ':'); colon >= 0 {
		host, port = b[:colon], b[colon+1:]
		if !isPort(port) {
			return false
		}
	}
	return len(host) > 0 && len(host) <= 255 && allOf(host, classHost)
}

// isIPv6 knows the letters of an address, not its grammar.
func isIPv6(b []byte) bool {
	for _, c := range b {
		if HexDigit[c] < 0 && c != ':' && c != '.' {
			return false
		}
	}
	return true
}

func isPort(b []byte) bool {
	if len(b) == 0 || len(b) > 5 {
		return false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
