package service

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"math"
	"sort"
)

// dimensions of an embedding where the request asks for none.
const dimensions = 16

// embed returns a unit vector that depends on the text alone.
func embed(text string, n int) []float32 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	state := h.Sum64() | 1
	v := make([]float32, n)
	var sum float64
	for i := range v {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		f := float64(int64(state)) / math.MaxInt64
		v[i] = float32(f)
		sum += f * f
	}
	norm := float32(math.Sqrt(sum))
	for i := range v {
		v[i] /= norm
	}
	return v
}

// likeness is the cosine of two texts' embeddings, moved into 0 to 1,
// to six digits.
func likeness(a, b string) float64 {
	va, vb := embed(a, dimensions), embed(b, dimensions)
	var dot float64
	for i := range va {
		dot += float64(va[i]) * float64(vb[i])
	}
	return math.Round((dot+1)/2*1e6) / 1e6
}

func (x *exchange) embeddings() error {
	inputs, err := x.req.texts("input")
	if err != nil {
		return err
	}
	n, format := dimensions, "float"
	if err := x.req.read("dimensions", &n, "an integer"); err != nil {
		return err
	}
	if err := x.req.read("encoding_format", &format, "a string"); err != nil {
		return err
	}
	if n < 1 || n > 4096 {
		return invalid("dimensions", "dimensions must be in [1, 4096], got "+itoa(n)+".")
	}
	if format != "float" && format != "base64" {
		return invalid("encoding_format", "encoding_format must be float or base64.")
	}
	tokens, data := 0, make([]any, len(inputs))
	for i, in := range inputs {
		tokens += countTokens(in)
		vector := embed(in, n)
		var value any = vector
		if format == "base64" {
			b := make([]byte, 0, 4*n)
			for _, f := range vector {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
			}
			value = base64.StdEncoding.EncodeToString(b)
		}
		data[i] = map[string]any{"object": "embedding", "index": i, "embedding": value}
	}
	return x.reply(map[string]any{
		"id": x.id("embd-"), "object": "list", "model": x.req.model, "data": data,
		"usage": map[string]any{"prompt_tokens": tokens, "total_tokens": tokens, "completion_tokens": 0},
	}, 1)
}

func (x *exchange) rerank() error {
	var query string
	var documents []string
	if err := x.req.read("query", &query, "a string"); err != nil {
		return err
	}
	if err := x.req.read("documents", &documents, "a list of strings"); err != nil {
		return err
	}
	if query == "" || len(documents) == 0 {
		return invalid("documents", "query and documents must not be empty.")
	}
	top := len(documents)
	if err := x.req.read("top_n", &top, "an integer"); err != nil {
		return err
	}
	type result struct {
		Index    int               `json:"index"`
		Document map[string]string `json:"document"`
		Score    float64           `json:"relevance_score"`
	}
	results, tokens := make([]result, len(documents)), 0
	for i, d := range documents {
		tokens += countTokens(query) + countTokens(d)
		results[i] = result{i, map[string]string{"text": d}, likeness(query, d)}
	}
	sort.SliceStable(results, func(i, j int) bool { return results[i].Score > results[j].Score })
	if top >= 1 && top < len(results) {
		results = results[:top]
	}
	return x.reply(map[string]any{
		"id": x.id("rerank-"), "model": x.req.model, "results": results,
		"usage": map[string]any{"total_tokens": tokens},
	}, 1)
}

func (x *exchange) score() error {
	one, err := x.req.texts("text_1")
	if err != nil {
		return err
	}
	two, err := x.req.texts("text_2")
	if err != nil {
		return err
	}
	if len(one) != 1 && len(one) != len(two) {
		return invalid("text_1", "text_1 must have one entry, or as many as text_2.")
	}
	data, tokens := make([]any, len(two)), 0
	for i, b := range two {
		a := one[i%len(one)]
		tokens += countTokens(a) + countTokens(b)
		data[i] = map[string]any{"index": i, "object": "score", "score": likeness(a, b)}
	}
	return x.reply(map[string]any{
		"id": x.id("score-"), "object": "list", "model": x.req.model, "data": data,
		"usage": map[string]any{"prompt_tokens": tokens, "total_tokens": tokens},
	}, 1)
}

func (x *exchange) tokenize() error {
	var text string
	if _, ok := x.req.fields["messages"]; ok {
		prompt, _, err := x.req.messages()
		if err != nil {
			return err
		}
		text = prompt
	} else {
		texts, err := x.req.texts("prompt")
		if err != nil {
			return err
		}
		text = texts[0]
	}
	ids := tokenize(text)
	return x.reply(map[string]any{"count": len(ids), "max_model_len": 32768, "tokens": ids, "token_strs": nil}, 1)
}

func (x *exchange) detokenize() error {
	var ids []int
	if err := json.Unmarshal(x.req.fields["tokens"], &ids); err != nil {
		return invalid("tokens", "tokens must be a list of integers.")
	}
	return x.reply(map[string]any{"prompt": untokenize(ids)}, 1)
}

func (x *exchange) moderations() error {
	inputs, err := x.req.texts("input")
	if err != nil {
		return err
	}
	results := make([]any, len(inputs))
	for i, in := range inputs {
		score := likeness(in, "violence") / 100
		results[i] = map[string]any{
			"flagged":                      false,
			"categories":                   map[string]bool{"violence": false, "harassment": false},
			"category_scores":              map[string]float64{"violence": score, "harassment": score},
			"category_applied_input_types": map[string][]string{"violence": {"text"}, "harassment": {"text"}},
		}
	}
	return x.reply(map[string]any{"id": x.id("modr-"), "model": x.req.model, "results": results}, 1)
}
