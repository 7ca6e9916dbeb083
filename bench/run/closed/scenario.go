package closed

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Scenario is one kind of request, sent over and over.
type Scenario struct {
	Name   string
	Path   string
	Body   []byte
	Stream bool // the reply must be an SSE stream that ends with [DONE]
}

// Chat is a chat request whose prompt has about promptBytes.
func Chat(model string, promptBytes, maxTokens int, stream bool) (Scenario, error) {
	const line = "Tell me how a router keeps its promises when it is busy. "
	prompt := strings.Repeat(line, 1+promptBytes/len(line))[:max(promptBytes, 1)]
	body, err := json.Marshal(map[string]any{
		"model":       model,
		"messages":    []any{map[string]string{"role": "user", "content": prompt}},
		"temperature": 0.7,
		"max_tokens":  maxTokens,
		"ignore_eos":  true,
		"stream":      stream,
	})
	name := "chat"
	if stream {
		name = "stream"
	}
	return Scenario{Name: name, Path: "/v1/chat/completions", Body: body, Stream: stream}, err
}

// wire is the whole request as it goes onto a connection to host.
func (s Scenario) wire(host, prefix string) []byte {
	return fmt.Appendf(nil, "POST %s%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		prefix, s.Path, host, len(s.Body), s.Body)
}
