package service

import (
	"encoding/json"
	"strings"
	"time"
)

// generation is a text on its way to a client.
type generation struct {
	id           string
	created      int64
	promptTokens int
	tokens       []string
	finish       string // "stop", or "length" when max_tokens cut it
}

// generate makes the reply to a prompt.
func (x *exchange) generate(prefix, prompt string, promptTokens int) generation {
	n, finish := x.svc.cfg.Tokens, "stop"
	switch q := x.req.maxTokens; {
	case q > 0 && q < n:
		n, finish = q, "length"
	case q > n && x.req.ignoreEOS:
		n, finish = q, "length"
	}
	tokens := generate(x.req.model, prompt, x.svc.cfg.Seed, n)
	if finish == "stop" { // it ended because it had said everything
		tokens[n-1] = strings.TrimRight(tokens[n-1], ",;:.") + "."
	}
	return generation{id: x.id(prefix), created: time.Now().Unix(), promptTokens: promptTokens, tokens: tokens, finish: finish}
}

func (g generation) text() string { return strings.Join(g.tokens, "") }

func (g generation) usage(n int) map[string]any {
	out := len(g.tokens) * n
	return map[string]any{
		"prompt_tokens": g.promptTokens, "completion_tokens": out,
		"total_tokens": g.promptTokens + out, "prompt_tokens_details": nil,
	}
}

func (x *exchange) chat() error {
	prompt, promptTokens, err := x.req.messages()
	if err != nil {
		return err
	}
	g := x.generate("chatcmpl-", prompt, promptTokens)
	if x.req.stream {
		return x.streamChoices(g, "chat.completion.chunk", true)
	}
	return x.reply(x.choices(g, "chat.completion", func() map[string]any {
		return map[string]any{"message": map[string]any{
			"role": "assistant", "content": g.text(), "refusal": nil, "tool_calls": []any{},
		}}
	}), len(g.tokens))
}

func (x *exchange) completion() error {
	prompts, err := x.req.texts("prompt")
	if err != nil {
		return err
	}
	prompt := strings.Join(prompts, "\n")
	g := x.generate("cmpl-", prompt, countTokens(prompt))
	if x.req.stream {
		return x.streamChoices(g, "text_completion", false)
	}
	return x.reply(x.choices(g, "text_completion", func() map[string]any {
		return map[string]any{"text": g.text()}
	}), len(g.tokens))
}

// choices is a whole reply with n equal choices.
func (x *exchange) choices(g generation, object string, choice func() map[string]any) map[string]any {
	list := make([]any, x.req.n)
	for i := range list {
		c := choice()
		c["index"], c["logprobs"], c["finish_reason"] = i, nil, g.finish
		list[i] = c
	}
	return map[string]any{
		"id": g.id, "object": object, "created": g.created, "model": x.req.model,
		"system_fingerprint": x.svc.cfg.Name, "choices": list, "usage": g.usage(x.req.n),
	}
}

// streamChoices streams a chat or a text completion: the role (chat), one
// chunk a token and choice, the finish reason, usage if asked for, [DONE].
func (x *exchange) streamChoices(g generation, object string, chat bool) error {
	if err := x.sleep(x.svc.cfg.FirstToken); err != nil {
		return err
	}
	head, err := json.Marshal(map[string]any{
		"id": g.id, "object": object, "created": g.created, "model": x.req.model,
		"system_fingerprint": x.svc.cfg.Name,
	})
	if err != nil {
		return err
	}
	head = head[:len(head)-1] // the members; a chunk goes on from there
	st := x.open(sse)
	if chat {
		if err := x.eachChoice(st, head, `"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null`); err != nil {
			return err
		}
	}
	for _, t := range g.tokens {
		if err := st.token(); err != nil {
			return err
		}
		member := `"text":` + quote(t)
		if chat {
			member = `"delta":{"content":` + quote(t) + `}`
		}
		if err := x.eachChoice(st, head, member+`,"logprobs":null,"finish_reason":null`); err != nil {
			return err
		}
	}
	last := `"text":"","logprobs":null,"finish_reason":"` + g.finish + `"`
	if chat {
		last = `"delta":{},"logprobs":null,"finish_reason":"` + g.finish + `"`
	}
	if err := x.eachChoice(st, head, last); err != nil {
		return err
	}
	if x.req.includeUsage {
		usage, err := json.Marshal(g.usage(x.req.n))
		if err != nil {
			return err
		}
		if err := st.event("", append(head[:len(head):len(head)], `,"choices":[],"usage":`+string(usage)+`}`...)); err != nil {
			return err
		}
	}
	return st.event("", []byte("[DONE]"))
}

// eachChoice sends one chunk for each of the n choices.
func (x *exchange) eachChoice(st *stream, head []byte, members string) error {
	for i := range x.req.n {
		chunk := append(head[:len(head):len(head)], `,"choices":[{"index":`+itoa(i)+`,`+members+`}]}`...)
		if err := st.event("", chunk); err != nil {
			return err
		}
	}
	return nil
}

// quote returns s as JSON.
func quote(s string) string {
	b, _ := json.Marshal(s) // a string always marshals
	return string(b)
}
