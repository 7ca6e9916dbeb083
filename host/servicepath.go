package host

// servicePath is path, which is decoded, as a service is asked for it: with
// escapes for the bytes that a URL may not have, and for "%" itself, so that a
// service that decodes it gets what the route matched. It is path where there
// are none of them, as in all endpoints.
func servicePath(path []byte) []byte {
	for i, c := range path {
		if !isPathByte(c) {
			return appendEscaped(append(make([]byte, 0, len(path)+32), path[:i]...), path[i:])
		}
	}
	return path
}

func appendEscaped(dst, path []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range path {
		if isPathByte(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

// isPathByte reports whether RFC 3986 lets c stand in a path as it is.
func isPathByte(c byte) bool {
	switch c {
	case '/', '-', '.', '_', '~', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=', ':', '@':
		return true
	}
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
