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
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	cfg, loader, err := loadAll(ctx, configPath, sandbox.Options{Logger: log})
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

// loadAll reads router.toml and makes what loads its plugins, which the caller
// closes. The error is all that is wrong with the file, its plugins included.
func loadAll(ctx context.Context, configPath string, o sandbox.Options) (*config.Config, *sandbox.Loader, error) {
	cfg, err := config.Load(configPath)
	if cfg == nil {
		return nil, nil, err
	}
	o.CacheDir = cfg.Plugins.CacheDir
	loader, failed := sandbox.New(o)
	if failed != nil {
		return nil, nil, errors.Join(err, failed)
	}
	if err != nil {
		err = host.WithPlugins(ctx, cfg, loader, err)
		return nil, nil, errors.Join(err, loader.Close())
	}
	return cfg, loader, nil
}
