package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/infinirouter/infinirouter/host"
	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/state"
	"github.com/infinirouter/infinirouter/host/telemetry"
	"github.com/infinirouter/infinirouter/host/watch"
	"github.com/infinirouter/infinirouter/plugins/sandbox"
)

// serveOptions are serve's flags.
type serveOptions struct {
	Listen string            // in place of server.listen
	Ready  func(addr string) // called once requests are answered at addr
}

// runServe serves until ctx ends, then drains. The access log goes to stdout,
// everything else to stderr.
func runServe(ctx context.Context, configPath string, stdout, stderr io.Writer, opts serveOptions) error {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	cfg, err := config.Load(configPath)
	if err != nil {
		return err
	}
	if opts.Listen != "" {
		cfg.Server.Listen = opts.Listen
	}
	metrics := telemetry.NewMetrics()
	access := telemetry.NewAccessLog(stdout)
	defer access.Close()
	store := state.NewMemory(state.DefaultBytes)
	defer store.Close()
	loader, err := sandbox.New(sandbox.Options{CacheDir: cfg.Plugins.CacheDir, Logger: log, Store: store, Metrics: metrics})
	if err != nil {
		return err
	}
	defer func() { _ = loader.Close() }()
	router, err := host.New(ctx, cfg, host.Options{ConfigPath: configPath, Listen: opts.Listen, Loader: loader, Metrics: metrics, AccessLog: access, Logger: log})
	if err != nil {
		return err
	}
	return serveUntil(ctx, router, cfg, log, opts)
}

// serveUntil opens the listeners, follows changes, and drains when ctx ends.
func serveUntil(ctx context.Context, router *host.Router, cfg *config.Config, log *slog.Logger, opts serveOptions) error {
	serving, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 3)
	ln, err := net.Listen("tcp", cfg.Server.Listen)
	if err != nil {
		return fmt.Errorf("server.listen: %w", err)
	}
	if cfg.Server.AdminListen != "" {
		adminLn, err := net.Listen("tcp", cfg.Server.AdminListen)
		if err != nil {
			return errors.Join(fmt.Errorf("server.admin_listen: %w", err), ln.Close())
		}
		go func() { failed <- router.ServeAdmin(adminLn) }()
		log.Info("admin pages", "address", adminLn.Addr().String())
	}
	go func() { failed <- router.Serve(ln) }()
	go func() {
		if err := follow(serving, router); err != nil {
			log.Error("changed files are not followed, SIGHUP still reloads", "error", err.Error())
		}
	}()
	go reloadOnHangup(serving, router)
	log.Info("serving", "address", ln.Addr().String(), "config", cfg.File)
	if opts.Ready != nil {
		opts.Ready(ln.Addr().String())
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop()
	log.Info("draining", "limit", cfg.Server.DrainTimeout.String())
	drain, cancel := context.WithTimeout(context.Background(), cfg.Server.DrainTimeout)
	defer cancel()
	if err := router.Shutdown(drain); err != nil {
		return fmt.Errorf("requests were still open after server.drain_timeout = %s: %w", cfg.Server.DrainTimeout, err)
	}
	log.Info("drained")
	return nil
}

// follow reloads when router.toml or a plugin changes.
func follow(ctx context.Context, router *host.Router) error {
	files := func() watch.Files {
		names, dir := router.Files()
		return watch.Files{Names: names, Dir: dir, Ext: ".wasm"}
	}
	return watch.Run(ctx, files, func() { _, _ = router.Reload(ctx) }) // Reload logs
}

// reloadOnHangup reloads on SIGHUP.
func reloadOnHangup(ctx context.Context, router *host.Router) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			_, _ = router.Reload(ctx) // Reload logs
		}
	}
}
