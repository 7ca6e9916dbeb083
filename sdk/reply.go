package sdk

import "github.com/infinirouter/infinirouter/sdk/abi"

// Reply answers the client at once, from on_request or on_response. Use it as
// `return sdk.Reply(...)`.
func Reply(status int, contentType, body string) Action {
	if done(rawReply(int32(status), contentType, body)) != nil {
		return Fail("reply refused: " + Err().Error())
	}
	return abi.Replied
}

// Refuse answers the client with an error as the router's own errors look:
// {"error": message}.
func Refuse(status int, message string) Action {
	body := append(make([]byte, 0, len(message)+16), `{"error":`...)
	body = append(AppendQuoted(body, message), '}')
	return Reply(status, "application/json", string(body))
}

// AppendQuoted appends text, which is UTF-8, to dst as a JSON string.
func AppendQuoted(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
