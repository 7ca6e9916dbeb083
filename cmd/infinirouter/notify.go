package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// notifier tells systemd how the process fares, by datagrams to the socket that
// NOTIFY_SOCKET names (sd_notify(3)). A nil notifier tells nobody.
type notifier struct {
	conn     net.Conn
	log      *slog.Logger
	watchdog time.Duration // WATCHDOG_USEC, 0: nobody watches
}

// newNotifier is nil when nobody wants to be told.
func newNotifier(log *slog.Logger) *notifier {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	conn, err := net.Dial("unixgram", path) // "@" is an abstract name to net too
	if err != nil {
		log.Warn("NOTIFY_SOCKET cannot be reached", "error", err.Error())
		return nil
	}
	return &notifier{conn: conn, log: log, watchdog: watchdogInterval()}
}

// watchdogInterval is WATCHDOG_USEC, if it is meant for this process
// (sd_watchdog_enabled(3)). WATCHDOG_PID names the first process alone, and is
// taken away so that one which takes over feels meant too.
func watchdogInterval() time.Duration {
	if pid := os.Getenv("WATCHDOG_PID"); pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0
	}
	_ = os.Unsetenv("WATCHDOG_PID")
	usec, err := strconv.ParseInt(os.Getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec <= 0 {
		return 0
	}
	return time.Duration(usec) * time.Microsecond
}

func (n *notifier) tell(state string) {
	if n == nil {
		return
	}
	if _, err := n.conn.Write([]byte(state)); err != nil {
		n.log.Warn("systemd was not told", "error", err.Error())
	}
}

// ready makes this process the service's main one, whoever started it.
func (n *notifier) ready() {
	n.tell(fmt.Sprintf("READY=1\nMAINPID=%d\nSTATUS=serving", os.Getpid()))
}

func (n *notifier) reloading(begins bool) {
	if !begins {
		n.tell("READY=1\nSTATUS=serving")
		return
	}
	if usec, ok := monotonicMicroseconds(); ok {
		n.tell(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", usec))
	}
}

func (n *notifier) stopping() { n.tell("STOPPING=1\nSTATUS=draining") }

// watch shows twice an interval that the router at address answers, until ctx
// ends: a process that runs and does not answer is restarted.
func (n *notifier) watch(ctx context.Context, address string) {
	if n == nil || n.watchdog <= 0 {
		return
	}
	client := &http.Client{Timeout: n.watchdog / 2, Transport: &http.Transport{DisableKeepAlives: true}}
	beat := time.NewTicker(n.watchdog / 2)
	defer beat.Stop()
	for {
		if err := alive(ctx, client, address); err == nil {
			n.tell("WATCHDOG=1")
		} else if ctx.Err() == nil {
			n.log.Error("the router does not answer itself, so the watchdog is not told", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
	}
}

func alive(ctx context.Context, client *http.Client, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/livez", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("/livez answered %d", resp.StatusCode)
	}
	return nil
}
