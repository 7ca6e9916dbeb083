package service

import "encoding/json"

// messages answers in the shape of Anthropic's Messages API.
func (x *exchange) messages() error {
	prompt, promptTokens, err := x.req.messages()
	if err != nil {
		return err
	}
	if x.req.maxTokens == 0 {
		return invalid("max_tokens", "max_tokens: field required.")
	}
	g := x.generate("msg_", prompt, promptTokens)
	reason := map[string]string{"stop": "end_turn", "length": "max_tokens"}[g.finish]
	message := map[string]any{
		"id": g.id, "type": "message", "role": "assistant", "model": x.req.model,
		"content": []any{}, "stop_reason": nil, "stop_sequence": nil,
		"usage": map[string]any{"input_tokens": g.promptTokens, "output_tokens": 0},
	}
	if x.req.stream {
		return x.streamMessage(g, message, reason)
	}
	message["content"] = []any{map[string]any{"type": "text", "text": g.text()}}
	message["stop_reason"] = reason
	message["usage"] = map[string]any{"input_tokens": g.promptTokens, "output_tokens": len(g.tokens)}
	return x.reply(message, len(g.tokens))
}

func (x *exchange) streamMessage(g generation, message map[string]any, reason string) error {
	if err := x.sleep(x.svc.cfg.FirstToken); err != nil {
		return err
	}
	st := x.open(sse)
	if err := st.named("message_start", map[string]any{"message": message}); err != nil {
		return err
	}
	if err := st.named("content_block_start", map[string]any{
		"index": 0, "content_block": map[string]any{"type": "text", "text": ""},
	}); err != nil {
		return err
	}
	for _, t := range g.tokens {
		if err := st.token(); err != nil {
			return err
		}
		if err := st.named("content_block_delta", map[string]any{
			"index": 0, "delta": map[string]any{"type": "text_delta", "text": t},
		}); err != nil {
			return err
		}
	}
	if err := st.named("content_block_stop", map[string]any{"index": 0}); err != nil {
		return err
	}
	if err := st.named("message_delta", map[string]any{
		"delta": map[string]any{"stop_reason": reason, "stop_sequence": nil},
		"usage": map[string]any{"output_tokens": len(g.tokens)},
	}); err != nil {
		return err
	}
	return st.named("message_stop", map[string]any{})
}

// named sends an event whose data repeats its name as type.
func (st *stream) named(name string, data map[string]any) error {
	data["type"] = name
	b, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return st.event(name, b)
}

// responses answers in the shape of OpenAI's Responses API.
func (x *exchange) responses() error {
	prompt, err := x.responsesInput()
	if err != nil {
		return err
	}
	g := x.generate("resp_", prompt, countTokens(prompt))
	if x.req.stream {
		return x.streamResponse(g)
	}
	return x.reply(x.response(g, "completed"), len(g.tokens))
}

// responsesInput is the text of input: a string, or a list of messages.
func (x *exchange) responsesInput() (string, error) {
	raw, ok := x.req.fields["input"]
	if !ok {
		return "", invalid("input", "input: field required.")
	}
	var items []message
	if json.Unmarshal(raw, &items) == nil && len(items) > 0 {
		return items[len(items)-1].text(), nil
	}
	var text string
	if err := x.req.read("input", &text, "a string or a list of items"); err != nil {
		return "", err
	}
	return text, nil
}

func (x *exchange) response(g generation, status string) map[string]any {
	r := map[string]any{
		"id": g.id, "object": "response", "created_at": g.created, "model": x.req.model, "status": status,
		"error": nil, "incomplete_details": nil, "instructions": nil, "metadata": map[string]any{},
		"output": []any{}, "parallel_tool_calls": true, "tool_choice": "auto", "tools": []any{},
		"temperature": 1.0, "top_p": 1.0, "usage": nil,
	}
	if status == "completed" {
		r["output"] = []any{outputItem(g, status, g.text())}
		r["usage"] = map[string]any{
			"input_tokens": g.promptTokens, "input_tokens_details": map[string]any{"cached_tokens": 0},
			"output_tokens": len(g.tokens), "output_tokens_details": map[string]any{"reasoning_tokens": 0},
			"total_tokens": g.promptTokens + len(g.tokens),
		}
	}
	return r
}

func outputItem(g generation, status, text string) map[string]any {
	item := map[string]any{"id": "item_" + g.id, "type": "message", "role": "assistant", "status": status, "content": []any{}}
	if status == "completed" {
		item["content"] = []any{map[string]any{"type": "output_text", "text": text, "annotations": []any{}}}
	}
	return item
}

func (x *exchange) streamResponse(g generation) error {
	if err := x.sleep(x.svc.cfg.FirstToken); err != nil {
		return err
	}
	st := x.open(sse)
	seq := 0
	send := func(name string, data map[string]any) error {
		data["sequence_number"] = seq
		seq++
		return st.named(name, data)
	}
	at := func(more map[string]any) map[string]any {
		more["item_id"], more["output_index"], more["content_index"] = "item_"+g.id, 0, 0
		return more
	}
	if err := send("response.created", map[string]any{"response": x.response(g, "in_progress")}); err != nil {
		return err
	}
	if err := send("response.output_item.added", map[string]any{"output_index": 0, "item": outputItem(g, "in_progress", "")}); err != nil {
		return err
	}
	part := func(text string) map[string]any {
		return map[string]any{"part": map[string]any{"type": "output_text", "text": text, "annotations": []any{}}}
	}
	if err := send("response.content_part.added", at(part(""))); err != nil {
		return err
	}
	for _, t := range g.tokens {
		if err := st.token(); err != nil {
			return err
		}
		if err := send("response.output_text.delta", at(map[string]any{"delta": t, "logprobs": []any{}})); err != nil {
			return err
		}
	}
	if err := send("response.output_text.done", at(map[string]any{"text": g.text(), "logprobs": []any{}})); err != nil {
		return err
	}
	if err := send("response.content_part.done", at(part(g.text()))); err != nil {
		return err
	}
	if err := send("response.output_item.done", map[string]any{"output_index": 0, "item": outputItem(g, "completed", g.text())}); err != nil {
		return err
	}
	return send("response.completed", map[string]any{"response": x.response(g, "completed")})
}
