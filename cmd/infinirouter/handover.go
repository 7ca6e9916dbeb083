package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/cloudflare/tableflip"
)

// handover lets a new process take over the listening sockets of this one: on
// SIGUSR2 the program that now lies where this one was started from is started
// with them, and once it serves, this one stops accepting and drains. A nil
// handover opens sockets and hands nothing over.
type handover struct {
	upgrader  *tableflip.Upgrader
	activated map[string]net.Listener // from systemd, by name
}

// upgradeTimeout bounds how long a new process may take until it serves;
// compiling many plugins takes its time.
const upgradeTimeout = 5 * time.Minute

// handOverGrace bounds the wait for keep-alive clients to take their last
// reply from the process that was replaced.
const handOverGrace = 5 * time.Second

// settled is what the upgrader may take to hear what WaitForParent has heard.
const settled = 10 * time.Millisecond

// newHandover may be called once in a process, before it opens anything. It is
// nil where the system cannot hand sockets over.
func newHandover() (*handover, error) {
	activated, err := activatedListeners()
	if err != nil {
		return nil, err
	}
	u, err := tableflip.New(tableflip.Options{UpgradeTimeout: upgradeTimeout})
	if errors.Is(err, tableflip.ErrNotSupported) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("taking over from the process before: %w", err)
	}
	return &handover{upgrader: u, activated: activated}, nil
}

// listen returns the socket of the process before, or of systemd's, or opens it.
// name is what a systemd unit calls it.
func (h *handover) listen(name, address string) (net.Listener, error) {
	if h == nil {
		return net.Listen("tcp", address)
	}
	if ln, ok := h.activated[name].(*net.TCPListener); ok {
		return ln, h.upgrader.AddListener("tcp", address, ln)
	}
	return h.upgrader.Listen("tcp", address)
}

// ready tells the process before that this one serves.
func (h *handover) ready() error {
	if h == nil {
		return nil
	}
	return h.upgrader.Ready()
}

// stop gives up on a new process that does not serve yet; none is started any more.
func (h *handover) stop() {
	if h != nil {
		h.upgrader.Stop()
	}
}

// replaced is closed once another process serves in place of this one; nil: never.
func (h *handover) replaced() <-chan struct{} {
	if h == nil {
		return nil
	}
	return h.upgrader.Exit()
}

// onSignal starts the new process whenever SIGUSR2 asks for it.
func (h *handover) onSignal(ctx context.Context, log *slog.Logger) {
	if h == nil || len(upgradeSignals) == 0 {
		return
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, upgradeSignals...)
	defer signal.Stop(asked)
	for {
		select {
		case <-ctx.Done():
			return
		case <-asked:
			if err := h.upgrader.WaitForParent(ctx); err != nil && ctx.Err() == nil {
				log.Warn("the process before did not end well", "error", err.Error())
			}
			time.Sleep(settled)
			log.Info("a new process is started to take over")
			if err := h.upgrader.Upgrade(); err != nil {
				log.Error("no new process took over, this one serves on", "error", err.Error())
			}
		}
	}
}
