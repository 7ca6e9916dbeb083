package openai

import (
	"encoding/json"
	"testing"
)

func TestAppendError(t *testing.T) {
	for _, tt := range []struct {
		format string
		e      Error
		want   string
	}{
		{FormatPlain, Error{Status: 400, Message: `bad "x"`, Code: "c"}, `{"error":"bad \"x\""}`},
		{"", Error{Message: ""}, `{"error":""}`},
		{FormatOpenAI, Error{Status: 400, Message: "m"}, `{"error":{"message":"m","type":"invalid_request_error","param":null,"code":null}}`},
		{FormatOpenAI, Error{Status: 404, Message: "m", Param: "model", Code: "model_not_found"}, `{"error":{"message":"m","type":"invalid_request_error","param":"model","code":"model_not_found"}}`},
		{FormatOpenAI, Error{Status: 401, Message: "m"}, `{"error":{"message":"m","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`},
		{FormatOpenAI, Error{Status: 403, Message: "m"}, `{"error":{"message":"m","type":"permission_error","param":null,"code":null}}`},
		{FormatOpenAI, Error{Status: 429, Message: "m"}, `{"error":{"message":"m","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}`},
		{FormatOpenAI, Error{Status: 500, Message: "m"}, `{"error":{"message":"m","type":"server_error","param":null,"code":null}}`},
		{FormatOpenAI, Error{Status: 502, Message: "m"}, `{"error":{"message":"m","type":"server_error","param":null,"code":"bad_gateway"}}`},
		{FormatOpenAI, Error{Status: 503, Message: "m", Type: "t"}, `{"error":{"message":"m","type":"t","param":null,"code":"service_unavailable"}}`},
		{FormatOpenAI, Error{Status: 504, Message: "m"}, `{"error":{"message":"m","type":"server_error","param":null,"code":"timeout"}}`},
	} {
		got := AppendError([]byte(">"), tt.format, tt.e)
		if string(got) != ">"+tt.want {
			t.Errorf("%s %+v: %s", tt.format, tt.e, got)
		}
	}
}

func TestAppendErrorIsJSON(t *testing.T) {
	for _, message := range []string{"a\nb\x00", "\xff\xfe broken", "</script>", "北京\u2028", "\"\\", "\xe5\x8c"} {
		for _, format := range []string{FormatPlain, FormatOpenAI} {
			got := AppendError(nil, format, Error{Status: 400, Message: message, Param: message})
			c := checker{b: got, depth: 3}
			if !c.whole() || !json.Valid(got) {
				t.Errorf("%q: %q: %s", message, got, c.reason)
			}
		}
	}
}
