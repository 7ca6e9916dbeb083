package sandbox

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLinksOutOfTheFolder: who may put a file into the folder of plugins must
// not thereby read others, nor what another user puts elsewhere become code.
func TestLinksOutOfTheFolder(t *testing.T) {
	l := newLab(t)
	outside, folder := l.file("outside.wasm", noop.bytes()), filepath.Join(l.dir, "plugins")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(folder, "..data"), 0o700))
	must(os.WriteFile(filepath.Join(folder, "..data", "in.wasm"), noop.bytes(), 0o600))
	must(os.Symlink(outside, filepath.Join(folder, "absolute.wasm")))
	must(os.Symlink("../outside.wasm", filepath.Join(folder, "relative.wasm")))
	must(os.Symlink("..data/in.wasm", filepath.Join(folder, "mounted.wasm"))) // as Kubernetes mounts a ConfigMap
	must(os.Symlink(folder, filepath.Join(l.dir, "link")))
	load := func(folder, name string) error {
		spec := l.spec(noop)
		spec.Folder, spec.Path = folder, filepath.Join(folder, name)
		p, err := l.Load(t.Context(), spec)
		if err == nil {
			p.Release()
		}
		return err
	}
	for _, name := range []string{"absolute.wasm", "relative.wasm"} {
		if err := load(folder, name); err == nil || !strings.Contains(err.Error(), "is a link that leads out of "+folder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(load(folder, "mounted.wasm"))
	must(load(filepath.Join(l.dir, "link"), "mounted.wasm"))
	if err := load(folder, "none.wasm"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	spec := l.spec(noop)
	spec.Path = filepath.Join(folder, "absolute.wasm") // named by its path: the operator's own wish
	p, err := l.Load(t.Context(), spec)
	must(err)
	p.Release()
}

// changing is a file that has another time or size whenever one looks.
type changing struct {
	fs.File
	looks int
	look  func(looks int, info *looked)
}

type looked struct {
	fs.FileInfo
	size  int64
	mtime time.Time
}

func (l *looked) Size() int64        { return l.size }
func (l *looked) ModTime() time.Time { return l.mtime }

func (c *changing) Stat() (fs.FileInfo, error) {
	info, err := c.File.Stat()
	if err != nil {
		return nil, err
	}
	l := &looked{info, info.Size(), info.ModTime()}
	c.look(c.looks, l)
	c.looks++
	return l, nil
}

// TestAFileThatChangesWhileItIsRead: what is loaded was the file at one moment,
// and never half of one and half of another.
func TestAFileThatChangesWhileItIsRead(t *testing.T) {
	l := newLab(t)
	path := l.file("m.wasm", noop.bytes())
	for name, look := range map[string]func(int, *looked){
		"time":   func(n int, l *looked) { l.mtime = l.mtime.Add(time.Duration(n)) },
		"larger": func(n int, l *looked) { l.size += int64(n) },
		"cut":    func(n int, l *looked) { l.size++ },
	} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if file, err := readStill(&changing{File: f, look: look}, path); !errors.Is(err, errChanging) || file != nil {
			t.Errorf("%s: %v", name, err)
		}
		f.Close()
	}
	if file, err := readModule(path, ""); err != nil || !bytes.Equal(file.bytes, noop.bytes()) {
		t.Errorf("a file at rest: %v", err)
	}
}

// TestDamagedFiles cuts a module short everywhere and flips each of its bits.
func TestDamagedFiles(t *testing.T) {
	l := newLab(t)
	module := editor("on_request", returns(0)...).bytes()
	for n := range module {
		tryModule(t, l, module[:n])
	}
	for i := range 8 * len(module) {
		damaged := bytes.Clone(module)
		damaged[i/8] ^= 1 << (i % 8)
		tryModule(t, l, damaged)
	}
}
