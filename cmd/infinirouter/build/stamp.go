package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// stamps remember, per module, which source it was built from and what it was
// when it was built. dir "" remembers nothing.
type stamps struct{ dir string }

// stamp is one file in dir.
type stamp struct {
	Source string `json:"source"` // sourceHash
	Output string `json:"output"` // sha256 of the module
}

func newStamps(dir string) stamps {
	if dir != "" {
		return stamps{dir}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return stamps{}
	}
	return stamps{filepath.Join(cache, "infinirouter", "build")}
}

// stampName is a file name that is one module's own.
func stampName(out string) string {
	if abs, err := filepath.Abs(out); err == nil {
		out = abs
	}
	sum := sha256.Sum256([]byte(out))
	return filepath.Base(out) + "-" + hex.EncodeToString(sum[:8])
}

// fresh reports whether the module at out is what was built from source.
func (s stamps) fresh(out, source string) (size int64, ok bool) {
	if s.dir == "" {
		return 0, false
	}
	b, err := os.ReadFile(filepath.Join(s.dir, stampName(out)))
	if err != nil {
		return 0, false
	}
	var was stamp
	if json.Unmarshal(b, &was) != nil || was.Source != source {
		return 0, false
	}
	sum, size, err := fileSum(out)
	return size, err == nil && sum == was.Output
}

// put remembers a build. That it cannot is no failure: the next one builds again.
func (s stamps) put(out, source string) {
	sum, _, err := fileSum(out)
	if s.dir == "" || err != nil {
		return
	}
	b, err := json.Marshal(stamp{Source: source, Output: sum})
	if err != nil || os.MkdirAll(s.dir, 0o700) != nil {
		return
	}
	_ = os.WriteFile(filepath.Join(s.dir, stampName(out)), b, 0o600)
}

func fileSum(path string) (sum string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}

// sourceHash is a hash of everything that a module is made of.
func sourceHash(ctx context.Context, t Target) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "1 %s %s\n", t.Kind, t.Name)
	var err error
	switch t.Kind {
	case Go:
		err = goSources(ctx, t, h)
	case Rust:
		err = rustSources(ctx, t, h)
	}
	return hex.EncodeToString(h.Sum(nil)), err
}

// hashFile writes a file's name, length and bytes.
func hashFile(w io.Writer, name, path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s %d\n", name, len(b))
	_, err = w.Write(b)
	return err
}

// hashTree writes every file below dir but what builds leave there.
func hashTree(w io.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != dir && (name == "target" || name == "node_modules" || strings.HasPrefix(name, ".")) {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() || strings.HasSuffix(name, ".wasm") {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return hashFile(w, filepath.ToSlash(rel), path)
	})
}
