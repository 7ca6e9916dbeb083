package template_test

import (
	"bytes"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/sdk/template"
)

// write puts a new policy into dir.
func write(t *testing.T, dir, name string) {
	t.Helper()
	files, err := template.Files(name)
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range files {
		full := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// A new policy, in a module of its own that has nothing but this one, passes
// its tests and builds for the router.
func TestANewPolicyStandsOnItsOwn(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "my-policy2")
	mod := "module example.com/my-policy2\n\ngo 1.26\n\nrequire github.com/infinirouter/infinirouter v0.0.0\n\n" +
		"replace github.com/infinirouter/infinirouter => " + root + "\n"
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(env []string, args ...string) {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off"), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run(nil, "vet", ".")
	run(nil, "test", "-count=1", ".")
	run([]string{"GOOS=wasip1", "GOARCH=wasm"}, "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid=", "-o", "my-policy2.wasm", ".")
	wasm, err := os.ReadFile(filepath.Join(dir, "my-policy2.wasm"))
	if err != nil || !bytes.HasPrefix(wasm, []byte("\x00asm")) {
		t.Fatalf("not a WebAssembly module: %.8q, %v", wasm, err)
	}
}

func TestFilesAreFormattedAndFilledIn(t *testing.T) {
	files, err := template.Files("x")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"main.go", "main_test.go", "README.md", "testdata/cases.json"} {
		if len(files[path]) == 0 {
			t.Errorf("%s is missing", path)
		}
	}
	for path, text := range files {
		if bytes.Contains(text, []byte("<<")) {
			t.Errorf("%s has an action left", path)
		}
		if filepath.Ext(path) != ".go" {
			continue
		}
		if formatted, err := format.Source(text); err != nil || !bytes.Equal(formatted, text) {
			t.Errorf("%s is not formatted: %v", path, err)
		}
	}
}

func TestNamesThatAreNone(t *testing.T) {
	for _, name := range []string{"", "A", "1a", "-a", "a/b", "..", "a b", "a.b", "ä", strings.Repeat("a", 65)} {
		if _, err := template.Files(name); err == nil {
			t.Errorf("Files(%q) took the name", name)
		}
	}
}
