package build

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Kind is what a policy is written in.
type Kind string

// The kinds that Run can build.
const (
	Go   Kind = "go"
	Rust Kind = "rust"
)

// Target is one policy to build.
type Target struct {
	Name string // the folder's name, and the module's
	Dir  string // the source
	Out  string // the module: NAME.wasm beside the folder
	Kind Kind
}

// errNoPolicy says that a folder holds no source that can become a module.
var errNoPolicy = errors.New("no policy source here")

// Find returns the policies below root, a folder of policy folders, by name.
// Folders that hold none are passed over.
func Find(root string) ([]Target, error) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var targets []Target
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), "_") {
			continue
		}
		t, err := At(filepath.Join(root, e.Name()))
		if errors.Is(err, errNoPolicy) {
			continue
		}
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// At returns the policy whose source is in dir.
func At(dir string) (Target, error) {
	dir = filepath.Clean(dir)
	if base := filepath.Base(dir); base == "." || base == ".." {
		abs, err := filepath.Abs(dir) // a folder with a name
		if err != nil {
			return Target{}, err
		}
		dir = abs
	}
	t := Target{Name: filepath.Base(dir), Dir: dir, Out: dir + ".wasm"}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return t, err
	}
	t.Kind, err = kindOf(dir, entries)
	if err != nil {
		return t, fmt.Errorf("%s: %w", dir, err)
	}
	return t, nil
}

// Resolve returns the policies in dirs, each a policy's folder or a folder of
// such folders.
func Resolve(dirs ...string) ([]Target, error) {
	var targets []Target
	for _, dir := range dirs {
		t, err := At(dir)
		if err == nil {
			targets = append(targets, t)
			continue
		}
		if !errors.Is(err, errNoPolicy) {
			return nil, err
		}
		below, findErr := Find(dir)
		if findErr != nil {
			return nil, findErr
		}
		if len(below) == 0 {
			return nil, err
		}
		targets = append(targets, below...)
	}
	return sortTargets(targets), nil
}

// foreign are sources that no toolchain here is called for.
var foreign = map[string]string{
	".c": "C", ".cc": "C++", ".cpp": "C++", ".zig": "Zig", ".wat": "WebAssembly text", ".ts": "AssemblyScript",
}

func kindOf(dir string, entries []fs.DirEntry) (Kind, error) {
	language := ""
	for _, e := range entries {
		name := e.Name()
		switch {
		case e.IsDir():
		case name == "Cargo.toml":
			return Rust, nil
		case strings.HasSuffix(name, "_test.go"):
		case strings.HasSuffix(name, ".go"):
			// A folder whose package is not main is a library of its neighbours.
			if f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.PackageClauseOnly); err != nil || f.Name.Name == "main" {
				return Go, nil // a broken file: the compiler says it better
			}
		case foreign[filepath.Ext(name)] != "":
			language = foreign[filepath.Ext(name)]
		}
	}
	if language != "" {
		return "", fmt.Errorf("a policy in %s: build it with its own toolchain and put the .wasm beside the folder; only Go and Rust are built from here", language)
	}
	return "", fmt.Errorf("%w (want a Go package main or a Cargo.toml)", errNoPolicy)
}

// sortTargets orders targets by name and drops doubles.
func sortTargets(targets []Target) []Target {
	out := slices.Clone(targets)
	slices.SortStableFunc(out, func(a, b Target) int { return strings.Compare(a.Out, b.Out) })
	return slices.CompactFunc(out, func(a, b Target) bool { return a.Out == b.Out })
}
