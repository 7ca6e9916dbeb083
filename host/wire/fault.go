package wire

import "net/http"

// Fault is why a request was refused, in words that hold nothing of it.
type Fault struct {
	Status int
	Reason string
}

// Error implements error.
func (f *Fault) Error() string { return f.Reason }

func bad(reason string) *Fault { return &Fault{http.StatusBadRequest, reason} }

var (
	faultLineEnd     = bad("a line does not end with CRLF")
	faultBlankLines  = bad("too many empty lines before the request")
	faultRequestLine = bad("the first line is not METHOD TARGET VERSION")
	faultMethod      = bad("the method is not a short token")
	faultVersion     = bad("the version is neither HTTP/1.1 nor HTTP/1.0")
	faultTarget      = bad("the target has characters that a URL may not have")
	faultEscape      = bad("the target has a malformed percent-escape, or one of a control character")
	faultForm        = bad("the target is neither a path nor an http URL")
	faultConnect     = bad("CONNECT is not served")
	faultFold        = bad("a field is folded over lines")
	faultFieldName   = bad("a field's name is not a token before a colon")
	faultFieldValue  = bad("a field's value has a control character")
	faultUnderscore  = bad("a field that frames the request is spelled with an underscore")
	faultRepeated    = bad("a field that must be alone is repeated")
	faultLength      = bad("Content-Length is not a number in range")
	faultCoding      = bad("Transfer-Encoding is not chunked, or not allowed in HTTP/1.0")
	faultBothFrames  = bad("both Content-Length and Transfer-Encoding")
	faultNoHost      = bad("no Host")
	faultHost        = bad("Host is not a host name with an optional port")
	faultHosts       = bad("the target and Host name two hosts")
	faultChunkSize   = bad("a chunk size is not a hexadecimal number in range")
	faultChunkLine   = bad("a chunk size line is malformed or too long")
	faultChunkEnd    = bad("a chunk does not end with CRLF where its size says")
	faultTrailer     = bad("a trailer is malformed, or a field that must not be one")

	faultExpect   = &Fault{http.StatusExpectationFailed, "the only expectation that is met is 100-continue"}
	faultHeadSize = &Fault{http.StatusRequestHeaderFieldsTooLarge, "the request's head is over 16 KiB"}
	faultFields   = &Fault{http.StatusRequestHeaderFieldsTooLarge, "the request has over 128 header fields"}
	faultTrailers = &Fault{http.StatusRequestHeaderFieldsTooLarge, "the request's trailers are over 8 KiB"}
)
