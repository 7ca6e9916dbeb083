package host

import (
	"bytes"

	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/plugins"
)

// body is a request's body as routing sees it: a JSON document, a multipart
// form of which only the model is known, or nothing.
type body struct {
	kind        bodyKind
	raw         []byte // as the client sent it
	contentType []byte
	doc         openai.Document

	formStream bool
	formModel  []byte // the model now, when the body is a form
	formEdited bool
	saved      struct {
		model  []byte
		edited bool
	}
	rendered []byte   // the form as edited
	sent     [][]byte // what parts returned
}

type bodyKind uint8

const (
	bodyNone bodyKind = iota
	bodyJSON
	bodyForm
)

// parse finds the model in a request body. The error is the client's fault.
func (b *body) parse(contentType, raw []byte, limits openai.Limits) error {
	b.raw, b.contentType = raw, contentType
	if hasPrefixFold(contentType, "multipart/form-data") {
		model, ok, err := openai.FormModel(contentType, raw)
		if err != nil {
			return err
		}
		b.kind = bodyForm
		if ok {
			b.formModel = append(b.formModel[:0], model...)
		} else {
			b.formModel = b.formModel[:0]
		}
		b.formStream = openai.FormStream(contentType, raw)
		return nil
	}
	if err := b.doc.Parse(raw, limits); err != nil {
		return err
	}
	b.kind = bodyJSON
	return nil
}

// model returns the model as it is now.
func (b *body) model() ([]byte, bool) {
	switch b.kind {
	case bodyJSON:
		return b.doc.Model()
	case bodyForm:
		return b.formModel, len(b.formModel) > 0
	}
	return nil, false
}

func (b *body) setModel(model []byte) error {
	switch b.kind {
	case bodyJSON:
		return b.doc.SetString(modelPath, model)
	case bodyForm:
		b.formModel = append(b.formModel[:0], model...)
		b.formEdited = true
		return nil
	}
	return plugins.ErrAbsent
}

var modelPath = []byte("/model")

func (b *body) stream() bool {
	if b.kind == bodyForm {
		return b.formStream
	}
	return b.kind == bodyJSON && b.doc.Stream()
}

func (b *body) length() int {
	if b.kind == bodyJSON {
		return b.doc.Len()
	}
	return len(b.raw)
}

// parts returns what is sent to a service, part by part: the client's very bytes
// but for what a policy edited. Valid until the next edit or reset.
func (b *body) parts() ([][]byte, error) {
	clear(b.sent)
	b.sent = b.sent[:0]
	switch {
	case b.kind == bodyJSON:
		b.sent = b.doc.Parts(b.sent)
		return b.sent, nil
	case b.kind == bodyForm && b.formEdited:
		var err error
		b.rendered, err = openai.FormSetModel(b.rendered[:0], b.contentType, b.raw, string(b.formModel))
		b.sent = append(b.sent, b.rendered)
		return b.sent, err
	}
	b.sent = append(b.sent, b.raw)
	return b.sent, nil
}

// begin and rollback cover the form; the document has its own.
func (b *body) begin() {
	b.saved.model = append(b.saved.model[:0], b.formModel...)
	b.saved.edited = b.formEdited
}

func (b *body) rollback() {
	b.formModel = append(b.formModel[:0], b.saved.model...)
	b.formEdited = b.saved.edited
}

func (b *body) reset() {
	b.doc.Reset()
	clear(b.sent)
	b.sent = b.sent[:0]
	b.kind, b.raw, b.contentType = bodyNone, nil, nil
	b.formModel, b.formEdited, b.formStream = b.formModel[:0], false, false
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && bytes.EqualFold(b[:len(prefix)], []byte(prefix))
}
