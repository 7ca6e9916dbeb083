package sandbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// workDir keeps built guests and compiled code from one run of the tests to the
// next, by content: building and compiling a Go guest takes seconds.
var workDir string

func TestMain(m *testing.M) {
	dir, err := openCacheDir(filepath.Join(os.TempDir(), fmt.Sprintf("infinirouter-sandbox-test-%d", os.Getuid())))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	workDir = dir
	os.Exit(m.Run())
}

var goGuest = sync.OnceValues(func() (string, error) { return buildGuest("guest") })

// buildGuest compiles testdata/name with the Go toolchain.
func buildGuest(name string) (string, error) {
	source, err := os.ReadFile(filepath.Join("testdata", name, "main.go"))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append(source, runtime.Version()...))
	out := filepath.Join(workDir, name+"-"+hex.EncodeToString(sum[:8])+".wasm")
	if _, err := os.Stat(out); err == nil {
		return out, nil
	}
	tmp, err := os.CreateTemp(workDir, name+"-*.tmp")
	if err != nil {
		return "", err
	}
	tmp.Close()
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-o", tmp.Name(), "./testdata/"+name)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if b, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build of guest %s: %w\n%s", name, err, b)
	}
	return out, os.Rename(tmp.Name(), out)
}

// lab is a Loader whose log can be read, and a folder for modules.
type lab struct {
	*Loader
	t   testing.TB
	log *lockedBuffer
	dir string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{t: t, log: &lockedBuffer{}, dir: t.TempDir()}
	var err error
	l.Loader, err = New(Options{
		CacheDir: filepath.Join(workDir, "compiled"),
		Logger:   slog.New(slog.NewTextHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if n := l.policies.size() + l.programs.size(); n != 0 {
			t.Errorf("%d shared things are left", n)
		}
		if n := len(l.lane.places) + len(l.lane.host); n != 0 {
			t.Errorf("%d places are held by nobody", n)
		}
	})
	return l
}

// file writes a module and returns its path.
func (l *lab) file(name string, module []byte) string {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, module, 0o600); err != nil {
		l.t.Fatal(err)
	}
	// Written long ago: one that was written just now is read with more care.
	if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// spec is a policy of the module with default limits.
func (l *lab) spec(m wasmModule) plugins.Spec {
	l.t.Helper()
	return plugins.Spec{
		Name: "p", Plugin: "m.wasm", Path: l.file("m.wasm", m.bytes()), Config: []byte("{}"),
		Limits: plugins.DefaultLimits(),
	}
}

// goSpec is a policy of the Go guest with this to do.
func (l *lab) goSpec(do string) plugins.Spec {
	l.t.Helper()
	path, err := goGuest()
	if err != nil {
		l.t.Fatal(err)
	}
	return plugins.Spec{
		Name: "go", Plugin: "guest.wasm", Path: path, Config: []byte(`"do:` + do + `"`), Limits: plugins.DefaultLimits(),
	}
}

// load loads and releases with the test.
func (l *lab) load(spec plugins.Spec) *handle {
	l.t.Helper()
	p, err := l.Load(context.Background(), spec)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(p.Release)
	return p.(*handle)
}

// callFails calls a hook and returns its failure, which must be of that kind.
func callFails(t *testing.T, p plugins.Policy, h abi.Hook, x plugins.Exchange, kind plugins.FailureKind) *plugins.CallError {
	t.Helper()
	_, err := p.Call(h, x)
	e, ok := err.(*plugins.CallError)
	if !ok || e.Kind != kind || e.Policy != p.Name() || e.Hook != h {
		t.Fatalf("%v: got error %#v, want kind %s", h, err, kind)
	}
	return e
}
