package sandbox

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestCacheFolder(t *testing.T) {
	dir := t.TempDir()
	made := filepath.Join(dir, "a", "b")
	l, err := New(Options{CacheDir: made})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(made); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder is %v, %v", info, err)
	}
	wide := filepath.Join(dir, "wide")
	for _, mode := range []os.FileMode{0o701, 0o750, 0o777} {
		if err := os.MkdirAll(wide, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(wide, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := New(Options{CacheDir: wide}); err == nil || !strings.Contains(err.Error(), cacheKnob) ||
			!strings.Contains(err.Error(), "others may use it") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{CacheDir: file}); err == nil {
		t.Error("a file became the folder")
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(made, link); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{CacheDir: link}); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("a symbolic link: %v", err)
	}
}

func TestAnotherOwnersCacheFolder(t *testing.T) {
	if os.Geteuid() != 0 {
		if _, err := New(Options{CacheDir: "/"}); err == nil {
			t.Error("the root's folder was taken")
		}
		return
	}
	dir := filepath.Join(t.TempDir(), "theirs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{CacheDir: dir}); err == nil || !strings.Contains(err.Error(), "belongs to user 12345") {
		t.Errorf("got %v", err)
	}
}

func TestADamagedCacheIsMadeAnew(t *testing.T) {
	l := newLab(t)
	cache := filepath.Join(l.dir, "cache")
	use := func() {
		t.Helper()
		loader, err := New(Options{CacheDir: cache, Logger: l.logger})
		if err != nil {
			t.Fatal(err)
		}
		defer loader.Close()
		p, err := loader.Load(context.Background(), l.spec(noop))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Release()
		if _, err := p.Call(abi.OnRequest, newFake()); err != nil {
			t.Error(err)
		}
	}
	entries := func() []string {
		t.Helper()
		files, err := filepath.Glob(filepath.Join(cache, "wazero-*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	use()
	if len(entries()) == 0 {
		t.Fatal("nothing was cached")
	}
	use()
	if strings.Contains(l.log.String(), "unusable") {
		t.Errorf("a good cache was given up:\n%s", l.log)
	}
	for _, f := range entries() {
		if err := os.Truncate(f, 40); err != nil {
			t.Fatal(err)
		}
	}
	use()
	if !strings.Contains(l.log.String(), "unusable") {
		t.Errorf("log:\n%s", l.log)
	}
	// Where nothing can be written, everything is compiled in memory.
	loader, err := New(Options{CacheDir: cache, Logger: l.logger})
	if err != nil {
		t.Fatal(err)
	}
	defer loader.Close()
	if err := os.RemoveAll(cache); err != nil {
		t.Fatal(err)
	}
	p, err := loader.Load(context.Background(), l.spec(noop))
	if err != nil {
		t.Fatal(err)
	}
	p.Release()
}

// TestCacheIsTrimmed: what was compiled longest ago goes first, and no more
// than needed.
func TestCacheIsTrimmed(t *testing.T) {
	dir := t.TempDir()
	version := filepath.Join(dir, "wazero-v9-arch")
	if err := os.Mkdir(version, 0o700); err != nil {
		t.Fatal(err)
	}
	for age, name := range []string{"newest", "middle", "oldest"} {
		path := filepath.Join(version, name)
		if err := os.WriteFile(path, make([]byte, 1000), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-time.Duration(age)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		limit int64
		want  string
	}{{3000, "middle newest oldest"}, {2999, "middle newest"}, {1500, "newest"}, {0, ""}} {
		if err := trimCache(dir, c.limit); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(version)
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, e := range entries {
			left = append(left, e.Name())
		}
		if got := strings.Join(left, " "); got != c.want {
			t.Errorf("within %d bytes: %q, want %q", c.limit, got, c.want)
		}
	}
}

// TestNoFolderForTheCache: a home that is not there, or that is read-only, keeps
// nobody from running policies; a folder that was named must be had.
func TestNoFolderForTheCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, home := range []string{"", file} {
		t.Setenv("XDG_CACHE_HOME", home)
		t.Setenv("HOME", home)
		var log lockedBuffer
		l, err := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), "kept in memory alone") {
			t.Errorf("home %q: the log is %q", home, log.String())
		}
		p, err := l.Load(t.Context(), (&lab{t: t, dir: t.TempDir()}).spec(noop))
		if err != nil {
			t.Fatal(err)
		}
		p.Release()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := New(Options{CacheDir: filepath.Join(file, "below")}); err == nil {
		t.Error("a folder below a file was had")
	}
}
