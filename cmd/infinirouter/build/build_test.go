package build

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// source is a policy that needs no SDK.
const source = `package main

func main() {}

//go:wasmexport on_request
func onRequest() int32 { return 0 }
`

// write writes files, given as name and text pairs, below a new folder.
func write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const mod = "module example.com/policies\n\ngo 1.24\n"

// runOne builds what is below root/policies, which must be one policy.
func runOne(t *testing.T, root, cache string) Result {
	t.Helper()
	targets, err := Resolve(filepath.Join(root, "policies"))
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	results, err := Run(t.Context(), targets, Options{CacheDir: cache, Progress: func(Result) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 1 || told != 1 {
		t.Fatalf("%d results, %d told", len(results), told)
	}
	return results[0]
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBuildsOnceUntilSomethingChanges(t *testing.T) {
	root := write(t, "go.mod", mod, "policies/one/main.go", strings.Replace(source, "func main() {}", "import _ \"example.com/policies/lib\"\n\nfunc main() {}", 1),
		"lib/lib.go", "package lib\n\nconst A = 1\n", "policies/one/main_test.go", "package main\n")
	cache := t.TempDir()
	out := filepath.Join(root, "policies", "one.wasm")
	if r := runOne(t, root, cache); r.UpToDate || r.Size == 0 || r.Out != out {
		t.Fatalf("first build: %+v", r)
	}
	first := read(t, out)
	if !bytes.HasPrefix(first, []byte("\x00asm\x01\x00\x00\x00")) {
		t.Fatal("no module")
	}
	for _, step := range []struct {
		name     string
		do       func() error
		upToDate bool
	}{
		{"nothing changed", func() error { return nil }, true},
		{"deleted", func() error { return os.Remove(out) }, false},
		{"tampered", func() error { return os.WriteFile(out, []byte("\x00asm"), 0o644) }, false},
		{"a test changed", func() error {
			return os.WriteFile(filepath.Join(root, "policies/one/main_test.go"), []byte("package main // x\n"), 0o644)
		}, true},
		{"a dependency changed", func() error {
			return os.WriteFile(filepath.Join(root, "lib/lib.go"), []byte("package lib\n\nconst A = 2\n"), 0o644)
		}, false},
		{"once more", func() error { return nil }, true},
		{"stamps gone", func() error { return os.RemoveAll(cache) }, false},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if r := runOne(t, root, cache); r.UpToDate != step.upToDate {
			t.Errorf("%s: up to date = %v", step.name, r.UpToDate)
		}
		if !bytes.Equal(read(t, out), first) {
			t.Errorf("%s: another module", step.name)
		}
	}
	left, err := filepath.Glob(filepath.Join(root, "policies", ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSameBytesFromAnyCheckout(t *testing.T) {
	var modules [][]byte
	for range 2 {
		root := write(t, "go.mod", mod, "policies/one/main.go", source)
		modules = append(modules, read(t, runOne(t, root, t.TempDir()).Out))
		if bytes.Contains(modules[0], []byte(root)) {
			t.Error("the module holds the path of its checkout")
		}
	}
	if !bytes.Equal(modules[0], modules[1]) {
		t.Error("two builds of one source differ")
	}
}

func TestCompileErrorsNameFileAndLine(t *testing.T) {
	root := write(t, "go.mod", mod, "policies/bad/main.go", strings.Replace(source, "return 0", "return zero", 1),
		"policies/good/main.go", source)
	t.Chdir(root)
	targets, err := Find("policies")
	if err != nil {
		t.Fatal(err)
	}
	results, err := Run(t.Context(), targets, Options{CacheDir: t.TempDir()})
	var failed *Error
	if !errors.As(err, &failed) || failed.Target.Name != "bad" {
		t.Fatalf("error %v", err)
	}
	if want := "policies/bad/main.go:6:33: undefined: zero"; failed.Output != want {
		t.Errorf("said %q, want %q", failed.Output, want)
	}
	if results[0].Err == nil || results[1].Err != nil || results[1].Out != filepath.Join("policies", "good.wasm") {
		t.Errorf("results %+v", results)
	}
	if _, err := os.Stat("policies/bad.wasm"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a module of a source that does not compile: %v", err)
	}
}

func TestFind(t *testing.T) {
	root := write(t, "go/main.go", source, "rust/Cargo.toml", "", "lib/lib.go", "package lib\n", "empty/README.md", "",
		".hidden/main.go", source, "onlytest/main_test.go", "package main\n", "file.go", source)
	targets, err := Find(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, target := range targets {
		got = append(got, target.Name+" "+string(target.Kind)+" "+filepath.Base(target.Out))
	}
	if want := "go go go.wasm,rust rust rust.wasm"; strings.Join(got, ",") != want {
		t.Errorf("found %s, want %s", strings.Join(got, ","), want)
	}
	t.Chdir(filepath.Join(root, "go"))
	if target, err := At("."); err != nil || target.Name != "go" || filepath.Base(target.Out) != "go.wasm" {
		t.Errorf("At(.) = %+v, %v", target, err)
	}
}

func TestResolveRefuses(t *testing.T) {
	root := write(t, "c/policy.c", "", "empty/README.md", "", "as/index.ts", "")
	for dir, want := range map[string]string{
		"c":       "a policy in C: build it with its own toolchain",
		"as":      "a policy in AssemblyScript",
		"empty":   "no policy source here (want a Go package main or a Cargo.toml)",
		"missing": "no such file",
	} {
		if _, err := Resolve(filepath.Join(root, dir)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want %q", dir, err, want)
		}
	}
}

func TestRunStopsWithItsContext(t *testing.T) {
	root := write(t, "go.mod", mod, "policies/one/main.go", source)
	targets, err := Find(filepath.Join(root, "policies"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, targets, Options{CacheDir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// cargo stands in for the real one: it says what crate there is, and leaves a
// module where cargo would.
const cargo = `#!/bin/sh
case "$1" in
metadata) printf '{"packages":[{"manifest_path":"%s/Cargo.toml","source":null,"targets":[{"name":"my-policy","crate_types":["cdylib"]}]}]}' "$PWD" ;;
build)
	if grep -q broken src/lib.rs; then echo 'error: broken' >&2; echo ' --> src/lib.rs:1:1' >&2; exit 101; fi
	mkdir -p "$CARGO_TARGET_DIR/wasm32-unknown-unknown/release"
	cp src/lib.rs "$CARGO_TARGET_DIR/wasm32-unknown-unknown/release/my_policy.wasm" ;;
esac
`

func TestRust(t *testing.T) {
	root := write(t, "policies/one/Cargo.toml", "", "policies/one/src/lib.rs", "first", "bin/cargo", cargo, "bin/rustc", "#!/bin/sh\necho rustc 1.0\n")
	for _, tool := range []string{"cargo", "rustc"} {
		if err := os.Chmod(filepath.Join(root, "bin", tool), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := os.Getenv("PATH")
	t.Setenv("PATH", filepath.Join(root, "bin")+string(os.PathListSeparator)+path)
	cache := t.TempDir()
	lib := filepath.Join(root, "policies/one/src/lib.rs")
	if r := runOne(t, root, cache); r.UpToDate || string(read(t, r.Out)) != "first" {
		t.Errorf("first build: %+v", r)
	}
	if r := runOne(t, root, cache); !r.UpToDate {
		t.Error("built again")
	}
	if err := os.WriteFile(lib, []byte("second"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := runOne(t, root, cache); r.UpToDate || string(read(t, r.Out)) != "second" {
		t.Errorf("after a change: %+v", r)
	}
	if err := os.WriteFile(lib, []byte("broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	targets, err := Find(filepath.Join(root, "policies"))
	if err != nil {
		t.Fatal(err)
	}
	var failed *Error
	if _, err := Run(t.Context(), targets, Options{CacheDir: cache}); !errors.As(err, &failed) || !strings.Contains(failed.Output, "src/lib.rs:1:1") {
		t.Errorf("error %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Run(t.Context(), targets, Options{CacheDir: cache}); err == nil || !strings.Contains(err.Error(), `"cargo" must be installed`) {
		t.Errorf("without cargo: %v", err)
	}
}
