package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

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
	// Handover is nil where no other process takes over the sockets.
	Handover *handover
}

// runServe serves until ctx ends, then drains. The access log goes to stdout,
// everything else to stderr.
func runServe(ctx context.Context, configPath string, stdout, stderr io.Writer, opts serveOptions) error {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	// From the first moment to the last: SIGHUP's own meaning is the end.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	seen := watch.Look(watch.Files{Names: []string{configPath}}) // before it is read
	metrics := telemetry.NewMetrics(buildVersion())
	store := state.NewMemory(state.DefaultBytes)
	defer store.Close()
	cfg, loader, err := loadAll(ctx, configPath, sandbox.Options{Logger: log, Store: store, Metrics: metrics})
	if err != nil {
		return err
	}
	defer func() { _ = loader.Close() }()
	if len(cfg.Services) == 0 {
		log.Warn(noServices)
	}
	since := watch.Look(host.FilesOf(configPath, cfg))
	maps.Copy(since, seen)
	knob := "server.listen"
	if opts.Listen != "" {
		knob, cfg.Server.Listen = "--listen", opts.Listen
	}
	access := telemetry.NewAccessLog(stdout)
	defer func() { _ = access.Close() }()
	notify := newNotifier(log)
	router, err := host.New(ctx, cfg, host.Options{
		ConfigPath: configPath, Listen: opts.Listen, Loader: loader,
		Metrics: metrics, AccessLog: access, Logger: log, Reloading: notify.reloading,
	})
	if err != nil {
		return err
	}
	s := &serving{router: router, cfg: cfg, log: log, knob: knob, since: since, hangup: hangup, notify: notify, handover: opts.Handover}
	return s.until(ctx, opts.Ready)
}

// noServices is no error: services may be added while the router runs.
const noServices = "there are no [[services]]: every request will be answered with 503"

// serving is a router that has its listeners.
type serving struct {
	router *host.Router
	cfg    *config.Config
	log    *slog.Logger
	knob   string           // that says where to listen
	since  watch.Marks      // how the files stood that cfg was read from
	hangup <-chan os.Signal // SIGHUP
	failed chan error

	notify   *notifier
	handover *handover
}

// until opens the listeners, follows changes, and drains when ctx ends or another
// process has taken over.
func (s *serving) until(ctx context.Context, ready func(addr string)) error {
	ln, err := s.listen()
	if err != nil {
		return err
	}
	following, stop := context.WithCancel(ctx)
	defer stop()
	var followers sync.WaitGroup
	followers.Go(func() { s.follow(following) })
	followers.Go(func() { s.reloadOnHangup(following) })
	followers.Go(func() { s.handover.onSignal(following, s.log) })
	followers.Go(func() { s.notify.watch(following, ln.Addr().String()) })
	s.log.Info("serving", "address", ln.Addr().String(), "config", s.cfg.File, "pid", os.Getpid())
	s.notify.ready()
	if err := s.handover.ready(); err != nil {
		s.log.Warn("the process before does not hear that this one serves", "error", err.Error())
	}
	if ready != nil {
		ready(ln.Addr().String())
	}
	replaced := false
	select {
	case err := <-s.failed:
		return err
	case <-s.handover.replaced():
		replaced = true
	case <-ctx.Done():
	}
	stop()
	s.handover.stop()
	followers.Wait() // no reload may begin once the router is shut down
	return s.drain(replaced)
}

// listen starts to answer requests, and the admin pages where they have a
// listener of their own.
func (s *serving) listen() (net.Listener, error) {
	server := &s.cfg.Server
	s.failed = make(chan error, 2)
	ln, err := s.handover.listen(socketListen, server.Listen)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.knob, err)
	}
	if server.AdminListen != "" {
		adminLn, err := s.handover.listen(socketAdmin, server.AdminListen)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("server.admin_listen: %w", err), ln.Close())
		}
		go func() { s.failed <- s.router.ServeAdmin(adminLn) }()
		s.log.Info("admin pages", "address", adminLn.Addr().String())
	}
	go func() { s.failed <- s.router.Serve(ln) }()
	return ln, nil
}

// drain lets open requests finish, up to server.drain_timeout. Whoever watches
// /readyz has server.drain_delay to see it; where another process accepts already
// there is nobody to tell.
func (s *serving) drain(replaced bool) error {
	delay, limit := s.router.DrainTimes()
	if replaced {
		s.log.Info("another process has taken over, draining", "limit", limit.String(), "pid", os.Getpid())
		ctx, cancel := context.WithTimeout(context.Background(), min(handOverGrace, limit))
		s.router.HandOver(ctx)
		cancel()
	} else {
		s.notify.stopping()
		s.router.Drain()
		s.log.Info("draining", "limit", limit.String(), "delay", delay.String())
		time.Sleep(delay)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := s.router.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // Shutdown said what was cut
	}
	if err != nil {
		return err
	}
	s.log.Info("drained")
	return nil
}

// follow reloads when router.toml or a plugin changes.
func (s *serving) follow(ctx context.Context) {
	reload := func() { _, _ = s.router.Reload(ctx) } // Reload logs
	if err := watch.Run(ctx, s.router.Files, s.since, reload); err != nil {
		s.log.Error("changed files are not followed, SIGHUP still reloads", "error", err.Error())
	}
}

// reloadOnHangup reloads on SIGHUP.
func (s *serving) reloadOnHangup(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.hangup:
			_, _ = s.router.Reload(ctx) // Reload logs
		}
	}
}
