package sdk

import "github.com/infinirouter/infinirouter/sdk/abi"

// Property returns a text value of the exchange, and false when it is absent.
func Property(key abi.Property) (string, bool) {
	n := rawPropertyGet(int32(key), room(), left())
	if n > left() {
		grow(n)
		n = rawPropertyGet(int32(key), room(), left())
	}
	return keep(n)
}

// Number returns a numeric value of the exchange, and false when it is absent.
func Number(key abi.Number) (float64, bool) {
	f := rawNumberGet(int32(key))
	return f, f == f
}

// Model returns the model as it is now, and false when the request names none.
func Model() (string, bool) { return Property(abi.PropertyModel) }

// SetModel changes the model from here on, in the body too.
func SetModel(model string) error { return done(rawModelSet(model)) }

// RequestHeader returns a header of the request. Several of one name are
// joined by ", ".
func RequestHeader(name string) (string, bool) { return header(abi.RequestSide, name) }

// ReplyHeader returns a header of the reply.
func ReplyHeader(name string) (string, bool) { return header(abi.ReplySide, name) }

func header(side abi.Side, name string) (string, bool) {
	n := rawHeaderGet(int32(side), name, room(), left())
	if n > left() {
		grow(n)
		n = rawHeaderGet(int32(side), name, room(), left())
	}
	return keep(n)
}

// SetRequestHeader puts one header, in place of all that have its name.
func SetRequestHeader(name, value string) error {
	return done(rawHeaderSet(int32(abi.RequestSide), name, value))
}

// SetReplyHeader puts one header, in place of all that have its name.
func SetReplyHeader(name, value string) error {
	return done(rawHeaderSet(int32(abi.ReplySide), name, value))
}

// RemoveRequestHeader removes every header of that name.
func RemoveRequestHeader(name string) error {
	return done(rawHeaderRemove(int32(abi.RequestSide), name))
}

// RemoveReplyHeader removes every header of that name.
func RemoveReplyHeader(name string) error {
	return done(rawHeaderRemove(int32(abi.ReplySide), name))
}

// Var returns a value that an earlier hook or policy left on the exchange.
func Var(name string) (string, bool) {
	n := rawVarGet(name, room(), left())
	if n > left() {
		grow(n)
		n = rawVarGet(name, room(), left())
	}
	return keep(n)
}

// SetVar leaves a value for later hooks and policies. One whose name starts
// with "log." stands in the access log.
func SetVar(name, value string) error { return done(rawVarSet(name, value)) }
