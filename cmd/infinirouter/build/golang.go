package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// goFlags make a WASI reactor whose bytes depend on the source alone.
var goFlags = []string{"build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid="}

// goEnv is the environment of the Go toolchain. What a user set to tune his
// native builds must not reach the module.
func goEnv() []string {
	return append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWASM=", "GOEXPERIMENT=", "GODEBUG=")
}

// compileGo builds the package main in t.Dir with the plain Go toolchain.
func compileGo(ctx context.Context, t Target, out string) error {
	abs, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", append(goFlags[:len(goFlags):len(goFlags)], "-o", abs, ".")...)
	return runCompiler(ctx, cmd, t, goEnv())
}

// warmGo compiles the standard packages that every policy needs once, before
// several builds that would each do it at the same time. It may fail: then
// the builds themselves say why.
func warmGo(ctx context.Context, dir string) {
	cmd := exec.CommandContext(ctx, "go", append(goFlags[:len(goFlags):len(goFlags)], "-o", os.DevNull, "errors", "strconv", "strings")...)
	cmd.Dir, cmd.Env = dir, goEnv()
	_ = cmd.Run()
}

// goSources writes what a Go module is made of: the toolchain's version and
// every file that is not the standard library's.
func goSources(ctx context.Context, t Target, w io.Writer) error {
	version, err := output(ctx, t.Dir, goEnv(), "go", "env", "GOVERSION", "GOFLAGS")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s%q\n", version, goFlags)
	const list = `{{if not .Standard}}{{$d := .Dir}}{{.ImportPath}}{{range .GoFiles}}{{"\n"}}{{$d}}/{{.}}{{end}}{{range .EmbedFiles}}{{"\n"}}{{$d}}/{{.}}{{end}}{{range .SFiles}}{{"\n"}}{{$d}}/{{.}}{{end}}{{end}}`
	files, err := output(ctx, t.Dir, goEnv(), "go", "list", "-deps", "-f", list, ".")
	if err != nil {
		return err
	}
	for _, line := range strings.Split(strings.TrimSpace(string(files)), "\n") {
		if !filepath.IsAbs(line) { // an import path
			fmt.Fprintln(w, line)
			continue
		}
		if err := hashFile(w, filepath.Base(line), line); err != nil {
			return err
		}
	}
	return nil
}

// output runs a tool and returns what it printed.
func output(ctx context.Context, dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, env
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return out, nil
}

// Error is a source that a compiler refused.
type Error struct {
	Target Target
	Output string // what the compiler said, paths as seen from here
}

func (e *Error) Error() string { return e.Target.Name + ": does not compile:\n" + e.Output }

// runCompiler runs a compiler in t.Dir and turns what it says into an *Error.
func runCompiler(ctx context.Context, cmd *exec.Cmd, t Target, env []string) error {
	var said bytes.Buffer
	cmd.Dir, cmd.Env = t.Dir, env
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s: to build a policy in %s, %q must be installed and in PATH", t.Name, t.Kind, filepath.Base(cmd.Path))
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", t.Name, ctx.Err())
	}
	if said.Len() == 0 {
		return fmt.Errorf("%s: %s: %w", t.Name, filepath.Base(cmd.Path), err)
	}
	return &Error{Target: t, Output: strings.TrimRight(rebase(said.String(), t.Dir), "\n")}
}

// rebase turns paths relative to dir into paths relative to where the user is,
// so that file:line can be clicked, and drops the compiler's headings.
func rebase(said, dir string) string {
	var b strings.Builder
	for line := range strings.Lines(said) {
		trimmed := strings.TrimLeft(line, " \t")
		if strings.HasPrefix(trimmed, "# ") {
			continue
		}
		if rest, ok := strings.CutPrefix(line, "./"); ok {
			line = filepath.ToSlash(filepath.Clean(dir)) + "/" + rest
		}
		b.WriteString(line)
	}
	return b.String()
}
