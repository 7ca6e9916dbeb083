// Package wire reads what a client sends with one strict eye, before fasthttp's
// more lenient parser sees it.
//
// A Guard follows a connection byte by byte, through heads and bodies, and
// holds back whatever two parsers could read in two ways: then the request is
// refused and the connection closed. What it lets pass has one meaning, to
// fasthttp and to everybody else.
//
// guard.go follows the connection, head.go and target.go know a head's lines,
// chunk.go a body's, fault.go why a request was refused, chars.go which bytes
// may stand where.
package wire
