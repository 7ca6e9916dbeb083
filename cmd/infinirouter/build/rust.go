package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// wasmTarget is the bare one: a policy needs no WASI.
const wasmTarget = "wasm32-unknown-unknown"

// compileRust builds the crate in t.Dir with cargo. Its target folder lies in
// the cache, or beside the output where there is none.
func compileRust(ctx context.Context, t Target, out, cacheDir string) error {
	if cacheDir == "" {
		cacheDir = filepath.Dir(out)
	}
	src, err := filepath.Abs(t.Dir)
	if err != nil {
		return err
	}
	targetDir, err := filepath.Abs(filepath.Join(cacheDir, "cargo", stampName(t.Out)))
	if err != nil {
		return err
	}
	meta, err := cargoMetadata(ctx, t.Dir)
	if err != nil {
		if _, missing := exec.LookPath("cargo"); missing != nil {
			return fmt.Errorf(`%s: to build a policy in rust, "cargo" must be installed and in PATH`, t.Name)
		}
		return runCompiler(ctx, exec.CommandContext(ctx, "cargo", "metadata", "--format-version=1", "--no-deps"), t, os.Environ())
	}
	library := meta.library(src)
	if library == "" {
		return fmt.Errorf("%s: Cargo.toml has no library with crate-type = [\"cdylib\"]", t.Dir)
	}
	// Paths in panic messages would tell one checkout's bytes from another's.
	flags := strings.Join([]string{"--remap-path-prefix=" + src + "=/policy", "--remap-path-prefix=" + cargoHome() + "=/cargo", "-Cstrip=symbols"}, "\x1f")
	env := append(os.Environ(), "CARGO_TARGET_DIR="+targetDir, "CARGO_ENCODED_RUSTFLAGS="+flags, "CARGO_TERM_COLOR=never")
	cmd := exec.CommandContext(ctx, "cargo", "build", "--quiet", "--release", "--lib", "--target", wasmTarget)
	if err := runCompiler(ctx, cmd, t, env); err != nil {
		return err
	}
	built := filepath.Join(targetDir, wasmTarget, "release", strings.ReplaceAll(library, "-", "_")+".wasm")
	b, err := os.ReadFile(built)
	if err != nil {
		return fmt.Errorf("%s: cargo left no module: %w", t.Name, err)
	}
	return os.WriteFile(out, b, 0o644)
}

func cargoHome() string {
	if dir := os.Getenv("CARGO_HOME"); dir != "" {
		return dir
	}
	home, _ := os.UserHomeDir() // "" remaps nothing that exists
	return filepath.Join(home, ".cargo")
}

// metadata is the part of `cargo metadata` that a build needs.
type metadata struct {
	Packages []struct {
		Manifest string  `json:"manifest_path"`
		Source   *string `json:"source"` // null: a folder on this machine
		Targets  []struct {
			Name       string   `json:"name"`
			CrateTypes []string `json:"crate_types"`
		} `json:"targets"`
	} `json:"packages"`
}

// library returns the name of the cdylib of the package in dir.
func (m metadata) library(dir string) string {
	for _, p := range m.Packages {
		if filepath.Dir(p.Manifest) != dir {
			continue
		}
		for _, t := range p.Targets {
			for _, kind := range t.CrateTypes {
				if kind == "cdylib" {
					return t.Name
				}
			}
		}
	}
	return ""
}

func cargoMetadata(ctx context.Context, dir string) (metadata, error) {
	var m metadata
	out, err := output(ctx, dir, os.Environ(), "cargo", "metadata", "--format-version=1")
	if err != nil {
		return m, err
	}
	return m, json.Unmarshal(out, &m)
}

// rustSources writes what a Rust module is made of: the compiler's version and
// every file of the crate and of the crates that it takes from this machine;
// those of a registry are fixed by Cargo.lock.
func rustSources(ctx context.Context, t Target, w io.Writer) error {
	version, err := output(ctx, t.Dir, os.Environ(), "rustc", "-vV")
	if err != nil {
		return err
	}
	if _, err := w.Write(version); err != nil {
		return err
	}
	m, err := cargoMetadata(ctx, t.Dir)
	if err != nil {
		return err
	}
	for _, p := range m.Packages {
		if p.Source != nil {
			continue
		}
		if err := hashTree(w, filepath.Dir(p.Manifest)); err != nil {
			return err
		}
	}
	lock := filepath.Join(t.Dir, "Cargo.lock")
	if err := hashFile(w, "Cargo.lock", lock); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
