package service

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxBody bounds what one request may send.
const maxBody = 256 << 20

// endpoints answer an inference request, by path without "/v1".
var endpoints = map[string]func(*exchange) error{
	"/chat/completions":     (*exchange).chat,
	"/completions":          (*exchange).completion,
	"/responses":            (*exchange).responses,
	"/messages":             (*exchange).messages,
	"/embeddings":           (*exchange).embeddings,
	"/rerank":               (*exchange).rerank,
	"/score":                (*exchange).score,
	"/tokenize":             (*exchange).tokenize,
	"/detokenize":           (*exchange).detokenize,
	"/moderations":          (*exchange).moderations,
	"/audio/transcriptions": (*exchange).transcribe,
	"/audio/translations":   (*exchange).transcribe,
	"/audio/speech":         (*exchange).speech,
	"/images/generations":   (*exchange).images,
	"/images/edits":         (*exchange).images,
}

func (s *Service) handle(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/fake/"):
		s.control(w, r)
		return
	case path == "/health":
		s.health(w)
		return
	case path == "/metrics" && s.cfg.Metrics:
		s.metrics(w)
		return
	case !s.authorized(r):
		writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "Unauthorized"})
		return
	case path == "/v1/models" || path == "/models":
		s.listModels(w)
		return
	case strings.HasPrefix(path, "/v1/models/"):
		s.getModel(w, strings.TrimPrefix(path, "/v1/models/"))
		return
	}
	answer := endpoints[strings.TrimPrefix(path, "/v1")]
	if answer == nil {
		writeJSON(w, http.StatusNotFound, map[string]any{"detail": "Not Found"})
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST")
		writeJSON(w, http.StatusMethodNotAllowed, map[string]any{"detail": "Method Not Allowed"})
		return
	}
	s.infer(w, r, answer)
}

func (s *Service) authorized(r *http.Request) bool {
	return s.cfg.APIKey == "" ||
		r.Header.Get("Authorization") == "Bearer "+s.cfg.APIKey ||
		r.Header.Get("X-Api-Key") == s.cfg.APIKey
}

func (s *Service) health(w http.ResponseWriter) {
	switch f := s.currentFaults(); {
	case f.HealthStatus != 0:
		w.WriteHeader(f.HealthStatus)
	case s.cfg.Health:
		w.WriteHeader(http.StatusOK)
	default:
		writeJSON(w, http.StatusNotFound, map[string]any{"detail": "Not Found"})
	}
}

func (s *Service) modelObject(id string) map[string]any {
	return map[string]any{
		"id": id, "object": "model", "created": s.created, "owned_by": s.cfg.Name,
		"root": id, "parent": nil, "max_model_len": 32768,
	}
}

func (s *Service) listModels(w http.ResponseWriter) {
	if f := s.currentFaults(); f.ModelsStatus != 0 {
		writeError(w, &apiError{f.ModelsStatus, "", "The models list is out of order."})
		return
	}
	data := []any{}
	for _, m := range s.Models() {
		data = append(data, s.modelObject(m))
	}
	writeJSON(w, http.StatusOK, map[string]any{"object": "list", "data": data})
}

func (s *Service) getModel(w http.ResponseWriter, id string) {
	if !s.serves(id) {
		writeError(w, unknownModel(id))
		return
	}
	writeJSON(w, http.StatusOK, s.modelObject(id))
}

// infer records the request, runs one endpoint and reports how it ended.
func (s *Service) infer(w http.ResponseWriter, r *http.Request, answer func(*exchange) error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		writeError(w, &apiError{http.StatusBadRequest, "", "The request body could not be read."})
		return
	}
	seen := &Seen{
		ID: r.Header.Get("X-Fake-Id"), Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header,
		Host: r.Host, Body: body, Remote: r.RemoteAddr, Time: time.Now(),
	}
	if seen.ID == "" {
		seen.ID = r.Header.Get("X-Request-Id")
	}
	x := &exchange{svc: s, w: w, r: r, body: body, seen: seen, ctx: r.Context()}
	x.parse()
	s.log.begin(seen)
	// net/http cancels the context when the client's connection closes, and
	// when the handler returns. Until then it is the client, even where the
	// handler saw the end before the function below was started.
	left := func() {
		s.log.change(func() { seen.Left, seen.LeftAfter = true, time.Since(seen.Time) })
	}
	stop := func() bool { return true }
	if s.log.keep > 0 {
		stop = context.AfterFunc(x.ctx, left)
	}
	if x.gate != nil {
		defer s.gates.drop(seen.ID)
	}
	defer func() {
		gone := x.ctx.Err() != nil
		if stop() && gone {
			left()
		}
		s.log.end(seen, gone)
	}()
	if x.err == nil {
		x.err = x.misbehave()
	}
	if x.err == nil {
		x.err = answer(x)
	}
	x.finish()
}

// finish turns the error that an endpoint ended with into what the client gets.
func (x *exchange) finish() {
	var api *apiError
	switch {
	case x.err == nil || x.ctx.Err() != nil:
	case errors.As(x.err, &api):
		x.status(api.status)
		writeError(x.w, api)
	case errors.Is(x.err, errCut):
		panic(http.ErrAbortHandler) // closes the connection, no clean end
	default: // the write failed: the client is gone
	}
}

var errCut = errors.New("cut")

// exchange is one inference request being answered.
type exchange struct {
	svc    *Service
	w      http.ResponseWriter
	r      *http.Request
	ctx    context.Context
	body   []byte
	req    request
	faults Faults
	gate   *gate // nil: events do not wait
	seen   *Seen
	err    error
}

// parse reads what every endpoint needs; a failure is left in err.
func (x *exchange) parse() {
	x.faults, x.err = x.svc.currentFaults().override(x.r.Header)
	if x.err != nil {
		x.err = &apiError{http.StatusBadRequest, "", x.err.Error()}
		return
	}
	x.req, x.err = readRequest(x.r.Header.Get("Content-Type"), x.body)
	x.seen.Model, x.seen.Stream = x.req.model, x.req.stream
	if x.req.stream && (x.svc.cfg.Step || x.r.Header.Get("X-Fake-Step") == "1") {
		x.gate = x.svc.gates.get(x.seen.ID)
	}
	if x.err != nil {
		return
	}
	switch {
	case x.req.model == "" && len(x.svc.Models()) > 0:
		x.req.model = x.svc.Models()[0]
	case !x.svc.serves(x.req.model):
		x.err = unknownModel(x.req.model)
	}
}

// misbehave does what the faults ask for before a reply.
func (x *exchange) misbehave() error {
	f := x.faults
	if err := x.sleep(f.Delay); err != nil {
		return err
	}
	switch {
	case f.Reset:
		return errCut
	case f.Hang:
		<-x.ctx.Done()
		return x.ctx.Err()
	case f.Status != 0:
		if f.RetryAfter > 0 {
			x.w.Header().Set("Retry-After", itoa(f.RetryAfter))
		}
		return &apiError{f.Status, "", "This service was told to answer with status " + itoa(f.Status) + "."}
	}
	return nil
}

// sleep waits d, or less when the client leaves.
func (x *exchange) sleep(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-x.ctx.Done():
		return x.ctx.Err()
	}
}

func (x *exchange) status(code int) {
	x.svc.log.change(func() { x.seen.Status = code })
}

// reply answers with v as JSON after the time that tokens take.
func (x *exchange) reply(v any, tokens int) error {
	d := x.svc.cfg.FirstToken
	if tokens > 1 {
		d += time.Duration(tokens-1) * x.svc.cfg.TokenDelay
	}
	if err := x.sleep(d); err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", itoa(len(b)))
	x.status(http.StatusOK)
	if x.faults.CutAfterTokens > 0 {
		_, _ = x.w.Write(b[:len(b)/2])
		_ = http.NewResponseController(x.w).Flush()
		return errCut
	}
	_, err = x.w.Write(b)
	return err
}
