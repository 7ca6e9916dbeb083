package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/host/openai"
	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// hookTrial is what one call of a hook on a sample came to.
type hookTrial struct {
	Hook   string `json:"hook"`
	Fuel   uint64 `json:"fuel"`
	Limit  uint64 `json:"fuel_limit"`
	Result string `json:"result"` // "returned 0", or why it failed
}

// tryHooks loads a plugin with a config and all grants, and calls each of its
// hooks on a chat request of about a kilobyte, its reply or one event of it.
func tryHooks(loader plugins.Loader, path, model string, config []byte) ([]hookTrial, error) {
	spec := plugins.Spec{
		Name: "inspect", Plugin: filepath.Base(path), Path: path, Config: config, Limits: plugins.DefaultLimits(),
		Grants: abi.GrantContent | abi.GrantCredentials | abi.GrantKV,
	}
	policy, err := loader.Load(context.Background(), spec)
	if err != nil {
		return nil, err
	}
	defer policy.Release()
	var out []hookTrial
	for h := range abi.Hook(abi.HookCount) {
		if !policy.Hooks().Has(h) {
			continue
		}
		t := hookTrial{Hook: h.String()}
		x, err := newSample(h, model)
		if err != nil {
			return nil, err
		}
		if action, err := policy.Call(h, x); err != nil {
			t.Result = "failed: " + err.Error()
		} else {
			t.Result = fmt.Sprintf("returned %d", action)
		}
		for _, s := range policy.Stats().Hooks {
			if s.Hook == h {
				t.Fuel, t.Limit = s.FuelLast, s.FuelLimit
			}
		}
		out = append(out, t)
	}
	return out, nil
}

// sample is an exchange that never was: a chat request, its reply, two services.
type sample struct {
	hook    abi.Hook
	model   []byte
	headers sampleHeaders
	doc     openai.Document
	vars    map[string][]byte
	random  uint64
}

var _ plugins.Exchange = (*sample)(nil)

func newSample(h abi.Hook, model string) (*sample, error) {
	x := &sample{
		hook: h, model: []byte(model), vars: map[string][]byte{},
		headers: sampleHeaders{"content-type": []byte("application/json"), "user-agent": []byte("sample"), "authorization": []byte("Bearer sample")},
	}
	text := strings.Repeat("A line of a prompt. ", 45)
	body := fmt.Sprintf(`{"model":%q,"temperature":0.7,"max_tokens":256,"stream":true,"user":"u","messages":[{"role":"user","content":%q}]}`, model, text)
	switch h {
	case abi.OnResponse:
		body = fmt.Sprintf(`{"id":"c","object":"chat.completion","model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":%q}}],"usage":{"prompt_tokens":9,"completion_tokens":9,"total_tokens":18}}`, model, text)
	case abi.OnEvent:
		body = fmt.Sprintf(`{"id":"c","object":"chat.completion.chunk","model":%q,"choices":[{"index":0,"delta":{"content":" word"}}]}`, model)
	}
	return x, x.doc.Parse([]byte(body), openai.Limits{})
}

func (x *sample) Property(key abi.Property) ([]byte, bool) {
	text := ""
	switch key {
	case abi.PropertyMethod:
		text = "POST"
	case abi.PropertyPath:
		text = "/v1/chat/completions"
	case abi.PropertyRoute:
		text = "default"
	case abi.PropertyModel, abi.PropertyRequestedModel:
		return x.model, true
	case abi.PropertyClientAddress:
		text = "192.0.2.1"
	case abi.PropertyRequestID:
		text = "sample"
	case abi.PropertyStream:
		text = "true"
	case abi.PropertyEndpoint:
		text = "chat/completions"
	case abi.PropertyService:
		if x.hook >= abi.OnResponse {
			text = "one"
		}
	case abi.PropertyOutcome:
		if x.hook == abi.OnDone {
			text = "ok"
		}
	}
	return []byte(text), text != ""
}

func (x *sample) Number(key abi.Number) float64 {
	switch key {
	case abi.NumberBodyBytes:
		return float64(x.doc.Len())
	case abi.NumberMessages, abi.NumberAttempt, abi.NumberEvents:
		return 1
	case abi.NumberStatus:
		return 200
	default:
		return math.NaN()
	}
}

func (x *sample) Headers(abi.Side) plugins.Headers { return x.headers }

func (x *sample) Document() plugins.Document {
	if x.hook == abi.OnDone {
		return nil
	}
	return &x.doc
}

func (x *sample) Candidates() plugins.Candidates {
	if x.hook != abi.OnRoute {
		return nil
	}
	return sampleCandidates{}
}

func (x *sample) SetModel(model []byte) error {
	x.model = bytes.Clone(model)
	return x.doc.SetString([]byte("/model"), model)
}

func (x *sample) SetReply(int, []byte, []byte) error { return nil }

func (x *sample) Var(name []byte) ([]byte, bool) {
	v, ok := x.vars[string(name)]
	return v, ok
}

func (x *sample) SetVar(name, value []byte) error {
	x.vars[string(name)] = bytes.Clone(value)
	return nil
}

func (x *sample) VarCount() int  { return len(x.vars) }
func (x *sample) Now() time.Time { return time.Now() }
func (x *sample) Random() uint64 { x.random++; return x.random * 0x9e3779b97f4a7c15 }
func (x *sample) Begin()         { x.doc.Begin() }
func (x *sample) Commit()        { x.doc.Commit() }
func (x *sample) Rollback()      { x.doc.Rollback() }

type sampleHeaders map[string][]byte

func (h sampleHeaders) Get(name []byte) ([]byte, bool) {
	v, ok := h[strings.ToLower(string(name))]
	return v, ok
}

func (h sampleHeaders) Set(name, value []byte) error {
	h[strings.ToLower(string(name))] = bytes.Clone(value)
	return nil
}

func (h sampleHeaders) Remove(name []byte) error {
	delete(h, strings.ToLower(string(name)))
	return nil
}

// sampleCandidates are two services alike.
type sampleCandidates struct{}

func (sampleCandidates) Len() int { return 2 }

func (sampleCandidates) Property(i int, key abi.CandidateProperty) ([]byte, bool) {
	switch key {
	case abi.CandidateName:
		return [][]byte{[]byte("one"), []byte("two")}[i], true
	case abi.CandidateURL:
		return []byte("http://192.0.2.2:8000"), true
	default:
		return []byte("{}"), true
	}
}

func (sampleCandidates) Label(int, []byte) ([]byte, bool)            { return nil, false }
func (sampleCandidates) Number(_ int, k abi.CandidateNumber) float64 { return float64(k % 2) }
func (sampleCandidates) SetScore(int, float64)                       {}
