package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/infinirouter/infinirouter/host"
	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/telemetry"
	"github.com/infinirouter/infinirouter/plugins/sandbox"
)

// runCheck loads everything that serve would and says what is wrong.
func runCheck(ctx context.Context, configPath string, stdout, stderr io.Writer) error {
	cfg, err := config.Load(configPath)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	loader, err := sandbox.New(sandbox.Options{CacheDir: cfg.Plugins.CacheDir, Logger: log})
	if err != nil {
		return err
	}
	err = host.Check(ctx, cfg, host.Options{ConfigPath: configPath, Loader: loader, Metrics: telemetry.NewMetrics(buildVersion()), Logger: log})
	if err = errors.Join(err, loader.Close()); err != nil {
		return err
	}
	if len(cfg.Services) == 0 {
		log.Warn(noServices)
	}
	_, err = fmt.Fprintf(stdout, "%s: ok (%d services, %d policies, %d routes)\n", configPath, len(cfg.Services), len(cfg.Policies), len(cfg.Routes))
	return err
}
