package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/infinirouter/infinirouter/bench/peer"
)

// programs are what is measured, and measures, built into a folder of their own.
type programs struct {
	peer.Programs
	service string
	dir     string
}

func (p programs) remove() { _ = os.RemoveAll(p.dir) }

// build builds what was not given.
func build(ctx context.Context, o options) (programs, error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return programs{}, err
	}
	p := programs{}
	if p.dir, err = os.MkdirTemp("", "infinirouter-bench-"); err != nil {
		return p, err
	}
	if err := p.fill(ctx, o, root); err != nil {
		p.remove()
		return p, err
	}
	return p, nil
}

func (p *programs) fill(ctx context.Context, o options, root string) error {
	fmt.Fprintln(os.Stderr, "building")
	p.Router, p.Plugins = o.router, o.policies
	version := exec.CommandContext(ctx, "git", "describe", "--tags", "--always", "--dirty")
	version.Dir = root
	name, _ := version.Output() // there may be no git
	for _, x := range []struct {
		to   *string
		name string
		args []string
	}{
		{&p.Router, "./cmd/infinirouter", []string{"-trimpath", "-ldflags", "-X main.version=" + strings.TrimSpace(string(name))}},
		{&p.Proxies, "./bench/proxies", nil},
		{&p.service, "./bench/service/cmd", nil},
	} {
		if *x.to != "" {
			continue
		}
		*x.to = filepath.Join(p.dir, strings.ReplaceAll(strings.TrimPrefix(x.name, "./"), "/", "-"))
		if err := command(ctx, root, "go", append(append([]string{"build", "-o", *x.to}, x.args...), x.name)...); err != nil {
			return err
		}
	}
	var err error
	if p.Plugins == "" {
		p.Plugins = filepath.Join(root, "policies")
		if err = command(ctx, root, p.Router, "policy", "build"); err != nil {
			return err
		}
	}
	for _, path := range []*string{&p.Router, &p.Plugins} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(p.Plugins, "alias.wasm")); err != nil {
		return fmt.Errorf("-policies: %w", err)
	}
	return nil
}

// command runs a program in a folder; its output is part of the error.
func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// moduleRoot is the folder of go.mod.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == os.DevNull {
		return "", errors.New("run it inside of the repository")
	}
	return filepath.Dir(file), nil
}
