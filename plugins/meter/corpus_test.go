package meter

import (
	"context"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// compilers are other toolchains, whose modules are run where they are
// installed. Where INFINIROUTER_TOOLCHAINS is "all" they must be.
var compilers = map[string][]string{
	"C -O0":             {"clang", "-O0"},
	"C -O2":             {"clang", "-O2"},
	"C -Os, bulk":       {"clang", "-Os", "-mbulk-memory", "-msign-ext"},
	"C -O3, vectors":    {"clang", "-O3", "-msimd128", "-mbulk-memory", "-mmultivalue"},
	"Rust":              {"/usr/bin/rustc", "-Copt-level=2"},
	"Rust for its size": {"/usr/bin/rustc", "-Copt-level=s", "-Cpanic=abort", "-Clto=fat"},
}

// target are the arguments that make a compiler write a module, before the file
// that it goes to.
var target = map[string][]string{
	"clang":          {"--target=wasm32", "-nostdlib", "-Wl,--no-entry", "testdata/corpus/guest.c", "-o"},
	"/usr/bin/rustc": {"--target=wasm32-unknown-unknown", "--crate-type=cdylib", "-Clinker=wasm-ld", "-Cstrip=debuginfo", "testdata/corpus/guest.rs", "-o"},
}

// TestRewriteCompiled holds what other toolchains write to what FuzzRewrite
// holds what is generated to.
func TestRewriteCompiled(t *testing.T) {
	for name, command := range compilers {
		t.Run(name, func(t *testing.T) {
			for _, need := range []string{command[0], "wasm-ld"} {
				if _, err := exec.LookPath(need); err != nil && os.Getenv("INFINIROUTER_TOOLCHAINS") != "all" {
					t.Logf("left out: %v", err)
					return
				}
			}
			out := filepath.Join(t.TempDir(), "guest.wasm")
			args := slices.Concat(command[1:], target[command[0]], []string{out})
			if text, err := exec.Command(command[0], args...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			wasm, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			info, err := Inspect(wasm, DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			var calls []generatedCall
			for _, e := range info.Exports {
				for arg := range uint64(5) {
					if e.Kind == KindFunction && string(e.Params) == tI32 {
						calls = append(calls, generatedCall{e.Name, []uint64{arg}})
					}
				}
			}
			if len(calls) < 20 {
				t.Fatalf("only %d calls in %d exports", len(calls), len(info.Exports))
			}
			diff(t, wasm, calls, DefaultCosts())
		})
	}
}

// TestRewritePolicies runs the policies that we ship, bare, metered and
// counted, against a host that answers with small numbers.
func TestRewritePolicies(t *testing.T) {
	for _, name := range []string{"alias", "canary", "clamp"} {
		t.Run(name, func(t *testing.T) {
			wasm := buildPolicy(t, name)
			calls := []generatedCall{{name: "_initialize"}, {name: "configure"}}
			for range 20 {
				for _, hook := range []string{"on_request", "on_route", "on_response", "on_event", "on_done"} {
					calls = append(calls, generatedCall{name: hook})
				}
			}
			info, err := Inspect(wasm, DefaultLimits())
			if err != nil {
				t.Fatal(err)
			}
			calls = slices.DeleteFunc(calls, func(c generatedCall) bool {
				_, ok := info.Export(c.name)
				return !ok
			})
			answerer(t, info)
			// The interpreter: what is counted takes the compiler long, and the
			// compiler runs Go guests in other tests.
			const engine = "interpreter"
			d := &differ{TB: t, wasm: wasm, calls: calls, costs: DefaultCosts()}
			bare := newSubject(t, engine, wasm, calls).run(t, -1, 0)
			metered := newSubject(t, engine, metered(t, wasm), calls).run(t, -1, 0)
			d.same("metered", bare, metered)
			d.covers(metered, newSubject(t, engine, counted(wasm, d.costs, 0), calls).run(t, -1, 0))
			if len(bare.trace.lines) < 20 {
				t.Errorf("only %d calls of the host", len(bare.trace.lines))
			}
		})
	}
}

// answerer puts a host into the engines that answers what a module imports: WASI
// as it is, and any other function with a small number that hangs on how it was
// called, and how often.
func answerer(t *testing.T, info *Info) {
	t.Helper()
	ctx := context.Background()
	for _, r := range engines() {
		wasi, err := wasi_snapshot_preview1.Instantiate(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { wasi.Close(ctx) })
		const module = "router_v1"
		b := r.NewHostModuleBuilder(module)
		for _, imp := range info.Imports {
			if imp.Module != module {
				continue
			}
			f := api.GoModuleFunc(func(ctx context.Context, m api.Module, stack []uint64) {
				see(ctx, m, imp.Name, string(imp.Params), stack)
				h := fnv.New32a()
				for _, line := range ctx.Value(hostTraceKey{}).(*hostTrace).lines {
					h.Write([]byte(line[:4]))
				}
				if len(imp.Results) > 0 {
					stack[0] = uint64(h.Sum32() % 3)
				}
			})
			b.NewFunctionBuilder().WithGoModuleFunction(f, imp.Params, imp.Results).Export(imp.Name)
		}
		host, err := b.Instantiate(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { host.Close(ctx) })
	}
}
