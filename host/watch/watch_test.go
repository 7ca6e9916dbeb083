package watch

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// start runs a watch on dir/router.toml and dir/*.wasm from how they stand now
// and returns where changes are told.
func start(t *testing.T, dir string) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	told := make(chan struct{}, 16)
	done := make(chan error, 1)
	files := Files{Names: []string{filepath.Join(dir, "router.toml")}, Dir: dir, Ext: ".wasm"}
	since := Look(files)
	go func() { done <- Run(ctx, func() Files { return files }, since, func() { told <- struct{}{} }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return told
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, told <-chan struct{}) {
	t.Helper()
	select {
	case <-told:
	case <-time.After(30 * time.Second):
		t.Fatal("the change was not told")
	}
}

func TestChanges(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string){
		"written":  func(t *testing.T, dir string) { write(t, dir, "router.toml", "b = 22") },
		"a plugin": func(t *testing.T, dir string) { write(t, dir, "new.wasm", "x") },
		"removed": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "router.toml")); err != nil {
				t.Fatal(err)
			}
		},
		"renamed over": func(t *testing.T, dir string) {
			write(t, dir, "router.toml.tmp", "a = 2")
			if err := os.Rename(filepath.Join(dir, "router.toml.tmp"), filepath.Join(dir, "router.toml")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "router.toml", "a = 1")
			told := start(t, dir)
			change(t, dir)
			expect(t, told)
		})
	}
}

// TestSymlinks follows files to where their links lead: each is changed there
// twice, the second time surely under a watch.
func TestSymlinks(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	for _, name := range []string{"router.toml", "linked.wasm"} {
		write(t, elsewhere, name, "a")
		if err := os.Symlink(filepath.Join(elsewhere, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	told := start(t, dir)
	for _, text := range []string{"bb", "ccc"} {
		for _, name := range []string{"router.toml", "linked.wasm"} {
			write(t, elsewhere, name, text)
			expect(t, told)
		}
	}
}

// TestOtherFilesAreQuiet changes a file of no interest, then one of interest:
// exactly one change is told.
func TestOtherFilesAreQuiet(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "router.toml", "a = 1")
	told := start(t, dir)
	write(t, dir, "README.md", "hello")
	write(t, dir, "router.toml", "a = 100")
	expect(t, told)
	select {
	case <-told:
		t.Fatal("told twice")
	default:
	}
}
