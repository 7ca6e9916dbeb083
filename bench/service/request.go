package service

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
)

// request is what the endpoints need to know of a request's body.
type request struct {
	fields       map[string]json.RawMessage // of a JSON body
	form         map[string]string          // of a multipart body; a file's value is its name
	files        map[string][]byte          // of a multipart body
	model        string
	stream       bool
	includeUsage bool
	maxTokens    int  // 0: not given
	ignoreEOS    bool // go on up to maxTokens
	n            int
}

// readRequest reads a JSON or multipart body and checks the parameters that
// all of them share, as strictly as vLLM does.
func readRequest(contentType string, body []byte) (request, error) {
	kind, params, _ := mime.ParseMediaType(contentType)
	if kind == "multipart/form-data" {
		return readForm(body, params["boundary"])
	}
	var q request
	if err := json.Unmarshal(body, &q.fields); err != nil {
		return q, &apiError{http.StatusBadRequest, "", "The body is not a JSON object: " + err.Error()}
	}
	q.n = 1
	if err := q.read("model", &q.model, "a string"); err != nil {
		return q, err
	}
	if err := q.read("stream", &q.stream, "a boolean"); err != nil {
		return q, err
	}
	return q, q.check()
}

// read decodes one optional member; null counts as absent.
func (q *request) read(name string, to any, want string) error {
	raw := q.fields[name]
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return invalid(name, name+" must be "+want+".")
	}
	return nil
}

// ranges are the bounds of sampling parameters.
var ranges = []struct {
	name     string
	min, max float64
}{
	{"temperature", 0, 2},
	{"top_p", 0, 1},
	{"min_p", 0, 1},
	{"presence_penalty", -2, 2},
	{"frequency_penalty", -2, 2},
	{"repetition_penalty", 0, 2},
}

func (q *request) check() error {
	for _, p := range ranges {
		v := p.min
		if err := q.read(p.name, &v, "a number"); err != nil {
			return err
		}
		if v < p.min || v > p.max {
			return invalid(p.name, p.name+" must be in ["+ftoa(p.min)+", "+ftoa(p.max)+"], got "+ftoa(v)+".")
		}
	}
	var topK int
	if err := q.read("top_k", &topK, "an integer"); err != nil {
		return err
	}
	for _, name := range []string{"max_tokens", "max_completion_tokens", "max_output_tokens"} {
		n := 0
		if err := q.read(name, &n, "an integer"); err != nil {
			return err
		}
		if _, given := q.fields[name]; given && n < 1 && string(q.fields[name]) != "null" {
			return invalid(name, name+" must be at least 1, got "+itoa(n)+".")
		}
		if n > 0 {
			q.maxTokens = n
		}
	}
	if err := q.read("n", &q.n, "an integer"); err != nil {
		return err
	}
	if q.n < 1 || q.n > 128 {
		return invalid("n", "n must be in [1, 128], got "+itoa(q.n)+".")
	}
	if err := q.read("ignore_eos", &q.ignoreEOS, "a boolean"); err != nil {
		return err
	}
	var options struct {
		IncludeUsage bool `json:"include_usage"`
	}
	if err := q.read("stream_options", &options, "an object"); err != nil {
		return err
	}
	q.includeUsage = options.IncludeUsage
	return nil
}

func ftoa(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func readForm(body []byte, boundary string) (request, error) {
	q := request{form: map[string]string{}, files: map[string][]byte{}, n: 1}
	bad := &apiError{http.StatusBadRequest, "", "There was an error parsing the body."}
	if boundary == "" {
		return q, bad
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return q, bad
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return q, bad
		}
		if part.FileName() != "" {
			q.form[part.FormName()], q.files[part.FormName()] = part.FileName(), data
			continue
		}
		q.form[part.FormName()] = string(data)
	}
	q.model = q.form["model"]
	q.stream = q.form["stream"] == "true"
	return q, nil
}

// message is a chat message; its content is a string or a list of parts.
type message struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

func (m message) text() string { return contentText(m.Content) }

// contentText returns the text in a string, or in the parts of a list.
func contentText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return ""
	}
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

// messages reads the chat: the last message's text and the tokens of all.
func (q *request) messages() (prompt string, tokens int, err error) {
	var list []message
	if _, ok := q.fields["messages"]; !ok {
		return "", 0, invalid("messages", "messages: field required.")
	}
	if err := q.read("messages", &list, "a list of messages"); err != nil {
		return "", 0, err
	}
	if len(list) == 0 {
		return "", 0, invalid("messages", "messages must not be empty.")
	}
	for _, m := range list {
		if m.Role == "" {
			return "", 0, invalid("messages", "messages: role: field required.")
		}
		prompt = m.text()
		tokens += countTokens(prompt) + 4
	}
	return prompt, tokens, nil
}

// texts reads a member that is a string or a list of strings or token lists.
func (q *request) texts(name string) ([]string, error) {
	raw, ok := q.fields[name]
	if !ok {
		return nil, invalid(name, name+": field required.")
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if json.Unmarshal(raw, &many) == nil && len(many) > 0 {
		return many, nil
	}
	var ids []int
	if json.Unmarshal(raw, &ids) == nil && len(ids) > 0 {
		return []string{untokenize(ids)}, nil
	}
	var lists [][]int
	if json.Unmarshal(raw, &lists) == nil && len(lists) > 0 {
		for _, ids := range lists {
			many = append(many, untokenize(ids))
		}
		return many, nil
	}
	return nil, invalid(name, name+" must be a string, or a list that is not empty of strings or tokens.")
}
