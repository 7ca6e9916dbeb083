package openai

import (
	"net/http"
	"unsafe"
)

// The formats of AppendError.
const (
	FormatPlain  = "plain"
	FormatOpenAI = "openai"
)

// Error is an error that the router itself raises.
type Error struct {
	Status  int
	Message string
	Type    string // "": by Status
	Param   string // "": null
	Code    string // "": by Status, or null
}

// AppendError appends e as JSON: {"error":"message"} or, in format "openai",
// {"error":{"message","type","param","code"}}. The message may be any bytes.
func AppendError(dst []byte, format string, e Error) []byte {
	dst = append(dst, `{"error":`...)
	if format != FormatOpenAI {
		return append(appendQuotedString(dst, e.Message), '}')
	}
	kind, code := defaults(e.Status)
	if e.Type != "" {
		kind = e.Type
	}
	if e.Code != "" {
		code = e.Code
	}
	dst = appendQuotedString(append(dst, `{"message":`...), e.Message)
	dst = appendQuotedString(append(dst, `,"type":`...), kind)
	dst = appendOrNull(append(dst, `,"param":`...), e.Param)
	dst = appendOrNull(append(dst, `,"code":`...), code)
	return append(dst, "}}"...)
}

// defaults are the type and code that OpenAI's clients know for a status.
func defaults(status int) (kind, code string) {
	switch status {
	case http.StatusUnauthorized:
		return "invalid_request_error", "invalid_api_key"
	case http.StatusForbidden:
		return "permission_error", ""
	case http.StatusTooManyRequests:
		return "rate_limit_error", "rate_limit_exceeded"
	case http.StatusBadGateway:
		return "server_error", "bad_gateway"
	case http.StatusServiceUnavailable:
		return "server_error", "service_unavailable"
	case http.StatusGatewayTimeout:
		return "server_error", "timeout"
	}
	if status >= 500 {
		return "server_error", ""
	}
	return "invalid_request_error", ""
}

func appendOrNull(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return appendQuotedString(dst, s)
}

func appendQuotedString(dst []byte, s string) []byte {
	return appendQuoted(dst, unsafe.Slice(unsafe.StringData(s), len(s)))
}
