package sdk

// The hook's JSON document is the request body in on_request and on_route, the
// reply body in on_response, the event's data in on_event. Paths are RFC 6901
// pointers: "/model", "/messages/0/content"; "/stop/-" appends when set.

// JSON returns the raw JSON at path.
func JSON(path string) (string, bool) {
	n := rawJSONGet(path, room(), left())
	if n > left() {
		grow(n)
		n = rawJSONGet(path, room(), left())
	}
	return keep(n)
}

// SetJSON puts raw JSON at path. The parent must exist.
func SetJSON(path, value string) error { return done(rawJSONSet(path, value)) }

// RemoveJSON removes what is at path; ErrAbsent when nothing is.
func RemoveJSON(path string) error { return done(rawJSONRemove(path)) }

// Text returns the string at path, unescaped; Err is ErrMalformed when
// something else stands there.
func Text(path string) (string, bool) {
	n := rawJSONString(path, room(), left())
	if n > left() {
		grow(n)
		n = rawJSONString(path, room(), left())
	}
	return keep(n)
}

// SetText puts text at path as a JSON string.
func SetText(path, text string) error { return done(rawJSONSetString(path, text)) }

// Float returns the number at path, and false when there is none. Why there is
// none (absent, something else, no grant) is JSON's to say.
func Float(path string) (float64, bool) {
	f := rawJSONNumber(path)
	return f, f == f
}

// SetFloat puts a number at path, as an integer when it is one.
func SetFloat(path string, f float64) error { return done(rawJSONSetNumber(path, f)) }
