package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/infinirouter/infinirouter/bench/service"
	"github.com/infinirouter/infinirouter/cmd/infinirouter/build"
	"github.com/infinirouter/infinirouter/host/config"
)

// demoModels are what the fake services serve, in turn.
var demoModels = []string{"9g_8b_thinking", "Qwen3-32B"}

func newDemo(stdout, stderr io.Writer) *cobra.Command {
	var configPath, listen string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the router in front of fake services, to try it out",
		Long: `Compile the policies that are not there yet, start a fake inference service at the
address of each service in router.toml, and serve with that router.toml. Nothing
but Go is needed. Ctrl-C stops it all.`,
		Example: "  infinirouter demo\n  infinirouter demo --listen 127.0.0.1:9000",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), configPath, listen, stdout, stderr)
		},
	}
	configFlag(cmd, &configPath)
	cmd.Flags().StringVar(&listen, "listen", "", "`HOST:PORT` in place of server.listen; port 0 takes a free one")
	return cmd
}

func runDemo(ctx context.Context, configPath, listen string, stdout, stderr io.Writer) error {
	if _, err := os.Stat(configPath); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: run demo in the repository's root, or name a router.toml with --config", err)
	}
	if err := buildMissing(ctx, filepath.Join(filepath.Dir(configPath), "policies"), stderr); err != nil {
		return err
	}
	cfg, err := config.Load(configPath)
	if err != nil {
		return err
	}
	services, err := startFakes(cfg, stderr)
	defer func() {
		for _, s := range services {
			s.Close()
		}
	}()
	if err != nil {
		return err
	}
	return runServe(ctx, configPath, stdout, stderr, serveOptions{Listen: listen, Ready: func(addr string) {
		printTries(stderr, addr)
	}})
}

// buildMissing brings the policies in dir up to date. On a machine without Go
// it is content with modules that are there.
func buildMissing(ctx context.Context, dir string, out io.Writer) error {
	targets, err := build.Find(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // router.toml names its plugins elsewhere
	}
	if err != nil {
		return err
	}
	if _, err := exec.LookPath("go"); err != nil {
		targets = slices.DeleteFunc(targets, func(t build.Target) bool {
			_, err := os.Stat(t.Out)
			return err == nil
		})
	}
	return buildPolicies(ctx, targets, build.Options{}, out)
}

// startFakes starts a service for each of router.toml's. The caller closes
// them, after an error too.
func startFakes(cfg *config.Config, out io.Writer) ([]*service.Service, error) {
	var started []*service.Service
	for i, s := range cfg.Services {
		u, err := url.Parse(s.URL)
		if err != nil {
			return started, err
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return started, fmt.Errorf("service %s: demo starts fake services on this machine only, and %s is not on it", s.Name, s.URL)
		}
		models := s.Models
		if len(models) == 0 {
			models = []string{demoModels[i%len(demoModels)]}
		}
		one, err := service.Start(service.Config{
			Addr: u.Host, Name: s.Name, Models: models, Health: true, APIKey: s.APIKey,
			FirstToken: 200 * time.Millisecond, TokenDelay: 30 * time.Millisecond, Tokens: 64,
		})
		if err != nil {
			return started, fmt.Errorf("%w: is something else on this port? Services are set in %s", err, cfg.File)
		}
		started = append(started, one)
		fmt.Fprintf(out, "fake service %s at %s serves %v\n", s.Name, one.URL(), models)
	}
	return started, nil
}

// printTries prints commands to try against the router at addr.
func printTries(out io.Writer, addr string) {
	if host, port, err := net.SplitHostPort(addr); err == nil {
		if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
			addr = net.JoinHostPort("127.0.0.1", port)
		}
	}
	fmt.Fprintf(out, `
The router is ready at http://%[1]s/v1. Try, in another terminal:

  # a reply, through the alias gpt-4
  curl http://%[1]s/v1/chat/completions -H 'Content-Type: application/json' -d '{"model":"gpt-4","messages":[{"role":"user","content":"Hello!"}]}'

  # a stream
  curl -N http://%[1]s/v1/chat/completions -H 'Content-Type: application/json' -d '{"model":"Qwen3-32B","stream":true,"messages":[{"role":"user","content":"Tell me about rivers."}]}'

  # the services and their figures
  curl http://%[1]s/stats

Edit router.toml, or drop a .wasm into policies/, while it runs. Ctrl-C stops it.

`, addr)
}
