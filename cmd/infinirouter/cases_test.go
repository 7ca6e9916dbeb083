package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/sandbox"
	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
	"github.com/infinirouter/infinirouter/sdk/sdktest"
)

// TestCasesOnWasm runs every shipped policy's table of cases, which its own
// test runs natively, on its .wasm in the sandbox.
func TestCasesOnWasm(t *testing.T) {
	tables, err := filepath.Glob(filepath.Join("..", "..", "policies", "*", "testdata", "cases.json"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	dir := builtPolicies(t)
	for _, table := range tables {
		name := filepath.Base(filepath.Dir(filepath.Dir(table)))
		t.Run(name, func(t *testing.T) {
			cases, err := sdktest.Load(table)
			if err != nil {
				t.Fatal(err)
			}
			for i := range cases {
				c := &cases[i]
				t.Run(c.Name, func(t *testing.T) {
					p := &wasmPlayer{t: t, path: filepath.Join(dir, name+".wasm")}
					for _, difference := range c.Check(sdktest.Play(c, p)) {
						t.Error(difference)
					}
				})
			}
		})
	}
}

// wasmPlayer plays cases on a .wasm.
type wasmPlayer struct {
	t      *testing.T
	path   string
	policy plugins.Policy
}

// Configure implements sdktest.Player.
func (p *wasmPlayer) Configure(c *sdktest.Case, w *sdktest.World) (uint8, error) {
	loader, err := sandbox.New(sandbox.Options{
		CacheDir: filepath.Join(filepath.Dir(p.path), "cache"), Store: &w.Store, Metrics: w.Metrics,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := loader.Close(); err != nil {
			p.t.Error(err)
		}
	})
	grants, err := c.GrantSet()
	if err != nil {
		return 0, err
	}
	p.policy, err = loader.Load(context.Background(), plugins.Spec{
		Name: "test", Plugin: filepath.Base(p.path), Path: p.path, Config: c.Config, Grants: grants, Limits: plugins.DefaultLimits(),
	})
	if err != nil {
		return 0, err
	}
	p.t.Cleanup(p.policy.Release)
	return uint8(p.policy.Hooks()), nil
}

// Call implements sdktest.Player.
func (p *wasmPlayer) Call(h abi.Hook, x *sdktest.Exchange) (abi.Action, error) {
	return p.policy.Call(h, pretended{x})
}

// pretended gives sdktest's exchange the router's types and errors.
type pretended struct{ *sdktest.Exchange }

var _ plugins.Exchange = pretended{}

func (x pretended) Headers(side abi.Side) plugins.Headers {
	if h := x.Exchange.Headers(side); h != nil {
		return pretendedHeaders{h}
	}
	return nil
}

func (x pretended) Document() plugins.Document {
	if d := x.Exchange.Document(); d != nil {
		return pretendedDocument{d}
	}
	return nil
}

func (x pretended) Candidates() plugins.Candidates {
	if c := x.Exchange.Candidates(); c != nil {
		return c
	}
	return nil
}

func (x pretended) SetModel(model []byte) error { return routers(x.Exchange.SetModel(model)) }
func (x pretended) SetVar(name, value []byte) error {
	return routers(x.Exchange.SetVar(name, value))
}

func (x pretended) SetReply(status int, contentType, body []byte) error {
	return routers(x.Exchange.SetReply(status, contentType, body))
}

type pretendedHeaders struct{ *sdktest.Headers }

func (h pretendedHeaders) Set(name, value []byte) error { return routers(h.Headers.Set(name, value)) }
func (h pretendedHeaders) Remove(name []byte) error     { return routers(h.Headers.Remove(name)) }

type pretendedDocument struct{ *sdktest.Document }

func (d pretendedDocument) Get(path []byte) ([]byte, error) {
	raw, err := d.Document.Get(path)
	return raw, routers(err)
}

func (d pretendedDocument) AppendString(dst, path []byte) ([]byte, error) {
	text, err := d.Document.AppendString(dst, path)
	return text, routers(err)
}

func (d pretendedDocument) GetNumber(path []byte) (float64, error) {
	f, err := d.Document.GetNumber(path)
	return f, routers(err)
}

func (d pretendedDocument) Set(path, raw []byte) error { return routers(d.Document.Set(path, raw)) }
func (d pretendedDocument) SetString(path, text []byte) error {
	return routers(d.Document.SetString(path, text))
}

func (d pretendedDocument) SetNumber(path []byte, f float64) error {
	return routers(d.Document.SetNumber(path, f))
}
func (d pretendedDocument) Remove(path []byte) error { return routers(d.Document.Remove(path)) }
func (d pretendedDocument) Size() int                { return 0 }

// routers turns an error of the SDK into the router's.
func routers(err error) error {
	var e sdk.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e {
	case sdk.ErrAbsent:
		return plugins.ErrAbsent
	case sdk.ErrNotAllowed:
		return plugins.ErrNotAllowed
	case sdk.ErrTooLarge:
		return plugins.ErrTooLarge
	}
	return plugins.ErrMalformed
}
