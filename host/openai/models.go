package openai

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// What a service may answer when asked for its models.
const (
	maxModelsBytes = 8 << 20
	maxModels      = 10_000
	maxModelID     = 256
)

// Model is one entry of a model list.
type Model struct {
	ID  string
	Raw []byte // the full object as the service has it; may be nil
}

// ParseModels reads a service's list of models: {"data":[...]} as OpenAI has
// it, {"models":[...]} or the array itself. An entry is an object with an "id",
// "name" or "model", the first that is there, or the id alone. Of entries with
// the same id the first is kept. The result does not alias body.
func ParseModels(body []byte) ([]Model, error) {
	if len(body) > maxModelsBytes {
		return nil, fmt.Errorf("model list of %d bytes is over the limit of %d", len(body), maxModelsBytes)
	}
	c := checker{b: body, depth: 128}
	if !c.whole() {
		return nil, fmt.Errorf("model list: %w", c.err())
	}
	list := bytes.Trim(body, " \t\r\n")
	if list[0] == '{' {
		object := list
		if list = field(object, "data"); len(list) == 0 || list[0] != '[' {
			list = field(object, "models")
		}
	}
	if len(list) == 0 || list[0] != '[' {
		return nil, fmt.Errorf(`model list: neither an array nor an object with a "data" or "models" array`)
	}
	models := []Model{}
	known := map[string]bool{}
	for w, n := walkArray(list), 0; w.next(); n++ {
		if n == maxModels {
			return nil, fmt.Errorf("model list: more than %d entries", maxModels)
		}
		m, err := parseModel(w.value())
		if err != nil {
			return nil, fmt.Errorf("model list: entry %d: %w", n, err)
		}
		if !known[m.ID] {
			known[m.ID] = true
			models = append(models, m)
		}
	}
	return models, nil
}

// parseModel reads a checked entry.
func parseModel(v []byte) (Model, error) {
	id := v
	if v[0] == '{' {
		for _, name := range [...]string{"id", "name", "model"} {
			if id = field(v, name); id != nil {
				break
			}
		}
	}
	if len(id) == 0 || id[0] != '"' {
		return Model{}, fmt.Errorf("no id that is a string")
	}
	if len(id) > 6*maxModelID+2 {
		return Model{}, fmt.Errorf("id is longer than %d bytes", maxModelID)
	}
	text := string(appendUnquoted(nil, id))
	if err := checkModelID(text); err != nil {
		return Model{}, err
	}
	m := Model{ID: text}
	if v[0] == '{' {
		m.Raw = bytes.Clone(v)
	}
	return m, nil
}

// checkModelID says what is wrong with a model's name, if anything.
func checkModelID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("id is empty")
	case len(id) > maxModelID:
		return fmt.Errorf("id is longer than %d bytes", maxModelID)
	case !utf8.ValidString(id):
		return fmt.Errorf("id is not UTF-8")
	}
	for _, r := range id {
		if unicode.IsControl(r) {
			return fmt.Errorf("id %s has a control character", strconv.QuoteToASCII(id))
		}
	}
	return nil
}

// AppendModels appends {"object":"list","data":[...]} with the models in their
// order. What a model's object lacks of "id", "object" and "created", or has in
// another type, is put in: the model's ID, "model" and 0, for a time unknown.
func AppendModels(dst []byte, models []Model) []byte {
	dst = append(dst, `{"object":"list","data":[`...)
	var d Document
	for i := range models {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendModel(dst, &d, &models[i])
	}
	return append(dst, "]}"...)
}

// AppendModel appends one model's object, made complete as in AppendModels.
func AppendModel(dst []byte, m Model) []byte {
	var d Document
	return appendModel(dst, &d, &m)
}

func appendModel(dst []byte, d *Document, m *Model) []byte {
	if d.Parse(m.Raw, Limits{AnyModel: true}) != nil || completeModel(d, m.ID) != nil {
		dst = appendQuotedString(append(dst, `{"id":`...), m.ID)
		return append(dst, `,"object":"model","created":0}`...)
	}
	return append(dst, bytes.Trim(d.Bytes(), " \t\r\n")...)
}

func completeModel(d *Document, id string) error {
	if err := d.SetString([]byte("/id"), []byte(id)); err != nil {
		return err
	}
	if v, err := d.Get([]byte("/object")); err != nil || v[0] != '"' {
		if err := d.SetString([]byte("/object"), []byte("model")); err != nil {
			return err
		}
	}
	if v, err := d.Get([]byte("/created")); err != nil || !isNumber(v) {
		return d.SetNumber([]byte("/created"), 0)
	}
	return nil
}

func isNumber(v []byte) bool {
	_, ok := parseNumber(v)
	return ok
}
