package sandbox

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// BenchmarkCallBare is the measure for BenchmarkPolicyCall: wazero alone, the
// same hook, not metered.
func BenchmarkCallBare(b *testing.B) {
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2))
	defer rt.Close(ctx)
	mod, err := rt.Instantiate(ctx, noop.bytes())
	if err != nil {
		b.Fatal(err)
	}
	f, stack := mod.ExportedFunction("on_request"), make([]uint64, 1)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.CallWithStack(ctx, stack); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPolicyCall(b *testing.B) {
	l := newLab(b)
	p, x := l.load(l.spec(noop)), newFake()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Call(abi.OnRequest, x); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPolicyCallParallel(b *testing.B) {
	l := newLab(b)
	p := l.load(l.spec(noop))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		x := newFake()
		for pb.Next() {
			if _, err := p.Call(abi.OnRequest, x); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkPolicyCallEdit has one host call that opens a transaction.
func BenchmarkPolicyCallEdit(b *testing.B) {
	l := newLab(b)
	p, x := l.load(l.spec(editor("on_request", returns(0)...))), newFake()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Call(abi.OnRequest, x); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPolicyCallGo is a Go guest that reads the model and sets another.
func BenchmarkPolicyCallGo(b *testing.B) {
	l := newLab(b)
	p, x := l.load(l.goSpec("alias")), newFake()
	b.ReportAllocs()
	for b.Loop() {
		x.model = append(x.model[:0], "gpt-4"...)
		if _, err := p.Call(abi.OnRequest, x); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNewInstanceGo is what a failed call of a Go guest costs the next.
func BenchmarkNewInstanceGo(b *testing.B) {
	l := newLab(b)
	p := l.load(l.goSpec("alias"))
	for b.Loop() {
		in, err := p.newInstance()
		if err != nil {
			b.Fatal(err)
		}
		if err := in.close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoadGoFromCache(b *testing.B) {
	l := newLab(b)
	spec := l.goSpec("alias")
	for b.Loop() {
		p, err := l.Load(context.Background(), spec)
		if err != nil {
			b.Fatal(err)
		}
		p.Release()
	}
}
