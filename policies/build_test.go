package policies

import (
	"crypto/sha256"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// build compiles the policy alias as it is in the module at root, from another
// working directory each time, and returns the module's hash.
func build(t *testing.T, root, dir, pkg string) [32]byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "alias.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false",
		"-ldflags=-s -w -buildid=", "-o", out, pkg)
	cmd.Dir = filepath.Join(root, dir)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWORK=off")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build in %s: %v\n%s", cmd.Dir, err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(wasm)
}

// Two builds of the same source are the same bytes, wherever it lies.
func TestABuildIsReproducible(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := t.TempDir()
	for _, dir := range []string{"sdk", "policies/alias"} {
		if err := os.CopyFS(filepath.Join(elsewhere, dir), os.DirFS(filepath.Join(root, dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(elsewhere, file), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	here := build(t, root, "policies/alias", ".")
	there := build(t, elsewhere, ".", "./policies/alias")
	if here != there {
		t.Errorf("two builds differ: %x and %x", here, there)
	}
}
