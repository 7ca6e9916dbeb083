// Package openai is the OpenAI wire format as bytes: request and reply bodies,
// server-sent events, forms, token usage, errors and model lists. It knows what
// the bytes mean and nothing of where they come from or go to.
//
// Its centre is Document. Parse checks a whole body once, strictly, and keeps
// where its top-level members lie; nothing is decoded and nothing is copied.
// After that every walk may trust the bytes. An edit replaces one member's
// value; Bytes puts the body together again, and what nobody edited leaves as
// the very bytes that came in.
//
// Strict is the point. Whatever this package reads differently from the service
// behind it is a way around a policy: so two equal keys at the top level, bad
// escapes, control characters, and text that is not UTF-8 are refused, and an
// edit below a doubled key takes the earlier twins out.
//
// The files: check.go says what JSON is (longtext_*: the inside of strings, many
// bytes at once; joints.go: what comes between them again and again); walk.go walks
// checked bytes (skip_*.go: by sonic, where sonic has it); text.go reads and writes
// strings and numbers. document.go, members.go, pointer.go, edit.go, splice.go,
// arena.go and render.go are the Document, prompt.go its counts. events.go and
// framer.go are server-sent events, form.go and part.go multipart bodies, usage.go,
// errors.go and models.go what their names say.
package openai
