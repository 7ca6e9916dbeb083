package sdktest

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/infinirouter/infinirouter/sdk"
)

// Document is a JSON object whose edits leave every byte alone that they do
// not mean.
type Document struct {
	text []byte
	json bool // text is an object without a key twice at its top
	body bool // a request's: its model is a string
}

func parse(text string) Document {
	d := Document{text: []byte(text)}
	trimmed := bytes.TrimLeft(d.text, " \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' || !json.Valid(d.text) {
		return d
	}
	seen := map[string]bool{}
	for _, c := range children(d.text) {
		if seen[c.key] {
			return d
		}
		seen[c.key] = true
	}
	d.json = true
	return d
}

// Get returns the raw JSON at path; "" is the whole document.
func (d *Document) Get(path []byte) ([]byte, error) {
	if !d.json {
		return nil, sdk.ErrAbsent
	}
	if len(path) == 0 {
		return d.text, nil
	}
	tokens, err := pointer(path)
	if err != nil {
		return nil, err
	}
	v := d.text
	for _, token := range tokens {
		i, kids := find(v, token)
		if i < 0 {
			return nil, sdk.ErrAbsent
		}
		v = v[kids[i].val:kids[i].end]
	}
	return v, nil
}

// AppendString appends the text of the string at path to dst.
func (d *Document) AppendString(dst, path []byte) ([]byte, error) {
	raw, err := d.Get(path)
	if err != nil {
		return dst, err
	}
	var s string
	if raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return dst, sdk.ErrMalformed
	}
	return append(dst, s...), nil
}

// GetNumber returns the number at path.
func (d *Document) GetNumber(path []byte) (float64, error) {
	raw, err := d.Get(path)
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return 0, sdk.ErrMalformed
	}
	return f, nil
}

// Set puts raw JSON at path.
func (d *Document) Set(path, raw []byte) error {
	if !json.Valid(raw) {
		return sdk.ErrMalformed
	}
	return d.put(path, bytes.Trim(raw, " \t\r\n"))
}

// SetString puts text at path.
func (d *Document) SetString(path, text []byte) error {
	if !utf8.Valid(text) {
		return sdk.ErrMalformed
	}
	return d.put(path, sdk.AppendQuoted(nil, string(text)))
}

// SetNumber puts a number at path, a whole one as an integer.
func (d *Document) SetNumber(path []byte, f float64) error {
	switch a := math.Abs(f); {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return sdk.ErrMalformed
	case f == 0:
		return d.put(path, []byte("0"))
	case a < 1e-6 || a >= 1e21:
		return d.put(path, strconv.AppendFloat(nil, f, 'e', -1, 64))
	default:
		return d.put(path, strconv.AppendFloat(nil, f, 'f', -1, 64))
	}
}

// Remove removes what is at path.
func (d *Document) Remove(path []byte) error { return d.put(path, nil) }

// put sets raw at path, or removes what is there when raw is nil.
func (d *Document) put(path, raw []byte) error {
	tokens, err := pointer(path)
	switch {
	case !d.json:
		return sdk.ErrAbsent
	case err != nil:
		return err
	case d.body && raw != nil && len(tokens) == 1 && tokens[0] == "model" && raw[0] != '"':
		return sdk.ErrMalformed
	}
	text, ok := edit(d.text, tokens, raw)
	if !ok {
		return sdk.ErrAbsent
	}
	d.text = text
	return nil
}

// messages is the number of entries of messages.
func (d *Document) messages() float64 {
	raw, err := d.Get([]byte("/messages"))
	if err != nil || raw[0] != '[' {
		return math.NaN()
	}
	return float64(len(children(raw)))
}

// promptChars counts the characters of text in messages, prompt and input.
func (d *Document) promptChars() float64 {
	n, found := 0, false
	for _, path := range []string{"/messages", "/prompt", "/input"} {
		if raw, err := d.Get([]byte(path)); err == nil {
			n, found = n+textChars(raw, 7), true
		}
	}
	if !found {
		return math.NaN()
	}
	return float64(n)
}

func textChars(raw []byte, levels int) (n int) {
	if levels == 0 {
		return 0
	}
	switch raw[0] {
	case '"':
		var s string
		_ = json.Unmarshal(raw, &s)
		return utf8.RuneCountInString(s)
	case '[', '{':
		for _, c := range children(raw) {
			if raw[0] == '[' || c.key == "content" || c.key == "text" {
				n += textChars(raw[c.val:c.end], levels-1)
			}
		}
	}
	return n
}

// pointer splits an RFC 6901 pointer into its tokens.
func pointer(path []byte) ([]string, error) {
	if len(path) == 0 || path[0] != '/' || !utf8.Valid(path) {
		return nil, sdk.ErrMalformed
	}
	tokens := strings.Split(string(path[1:]), "/")
	for i, t := range tokens {
		rest := strings.NewReplacer("~0", "", "~1", "").Replace(t)
		if strings.Contains(rest, "~") {
			return nil, sdk.ErrMalformed
		}
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(t)
	}
	return tokens, nil
}

func labelsJSON(labels map[string]string) []byte {
	if labels == nil {
		return []byte("{}")
	}
	text, _ := json.Marshal(labels) // strings always encode
	return text
}
