package openai

import (
	"fmt"
	"strings"
)

// FormModel returns the "model" field of a multipart form; ok is false without
// one. It is an error, and the client's fault, when there are two, when it is a
// file or not a valid model's name, or when the form may be read in two ways.
func FormModel(contentType, body []byte) (model string, ok bool, err error) {
	p, _, err := formField(contentType, body, "model")
	if err != nil || p == nil {
		return "", false, err
	}
	if err := checkModelID(string(p.value)); err != nil {
		return "", false, &SyntaxError{Offset: p.at, Reason: "model: " + err.Error()}
	}
	return string(p.value), true, nil
}

// FormSetModel appends the form with another model: the "model" field's value
// replaced or, without such a field, one put before the others. All other bytes
// stay as they are.
func FormSetModel(dst []byte, contentType, body []byte, model string) ([]byte, error) {
	if err := checkModelID(model); err != nil {
		return dst, fmt.Errorf("model: %w", err)
	}
	p, boundary, err := formField(contentType, body, "model")
	if err != nil {
		return dst, err
	}
	if p == nil {
		dst = append(append(append(dst, "--"...), boundary...), "\r\n"...)
		dst = append(dst, "Content-Disposition: form-data; name=\"model\"\r\n\r\n"...)
		dst = append(append(dst, model...), "\r\n"...)
		return append(dst, body...), nil
	}
	dst = append(append(dst, body[:p.at]...), model...)
	return append(dst, body[p.at+len(p.value):]...), nil
}

// FormStream reports whether a form asks for a stream: its "stream" field is
// what a service's form reader takes for true.
func FormStream(contentType, body []byte) bool {
	p, _, err := formField(contentType, body, "stream")
	if err != nil || p == nil || len(p.value) > 8 {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(string(p.value))) {
	case "true", "1", "yes", "y", "on", "t":
		return true
	}
	return false
}

// formField finds the field of this name, nil if there is none. Twice, as a
// file or encoded, it is an error.
func formField(contentType, body []byte, name string) (found *part, limit string, err error) {
	limit, err = boundary(contentType)
	if err != nil {
		return nil, "", err
	}
	err = eachPart(limit, body, func(p *part) error {
		switch {
		case p.name != name:
		case found != nil:
			return &SyntaxError{Offset: p.header, Reason: "second " + name + " field"}
		case p.file:
			return &SyntaxError{Offset: p.header, Reason: name + " is a file"}
		case p.coded:
			return &SyntaxError{Offset: p.header, Reason: name + " has a Content-Transfer-Encoding"}
		default:
			found = p
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return found, limit, nil
}
