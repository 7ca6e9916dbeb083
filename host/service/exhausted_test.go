package service

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/host/config"
)

// shortOf makes a dialer fail as if the process had no descriptor left, n times.
func shortOf(t *testing.T, d *dialer, err error, n int64) *atomic.Int64 {
	t.Helper()
	var left atomic.Int64
	left.Store(n)
	d.net.Control = func(string, string, syscall.RawConn) error {
		if left.Add(-1) >= 0 {
			return err
		}
		return nil
	}
	return &left
}

func dialerTo(t *testing.T, url string, timeout time.Duration) *dialer {
	t.Helper()
	where, err := locate(url)
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := newDialer(config.Service{}, where, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDialWaitsForADescriptor(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	d := dialerTo(t, s.URL, 30*time.Second)
	left := shortOf(t, d, syscall.EMFILE, 3)
	conn, err := d.dial(context.Background())
	if err != nil || left.Load() >= 0 {
		t.Fatalf("%v, %d failures left", err, left.Load())
	}
	_ = conn.Close()
}

func TestDialGivesUpWithItsTime(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	d := dialerTo(t, s.URL, time.Second)
	shortOf(t, d, syscall.ENFILE, 1<<40)
	_, err := d.dial(context.Background())
	var exhausted interface{ Exhausted() bool }
	if !errors.As(err, &exhausted) || !exhausted.Exhausted() || !errors.Is(err, syscall.ENFILE) || !strings.Contains(err.Error(), "no file descriptor left") {
		t.Errorf("%v", err)
	}
	shortOf(t, d, syscall.ECONNREFUSED, 1)
	if _, err := d.dial(context.Background()); errors.As(err, &exhausted) {
		t.Errorf("refused is taken for exhausted: %v", err)
	}
}

// TestProbeThatCannotBeMade says nothing of the service.
func TestProbeThatCannotBeMade(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	d := dialerTo(t, s.URL, 20*time.Millisecond)
	probe := newHTTPProbe(s.URL, d)
	target := Target{URL: s.URL, HealthPath: "/health", Timeout: 5 * time.Second}
	if r := probe.check(context.Background(), target); !r.Healthy || r.Unmade {
		t.Errorf("%+v", r)
	}
	shortOf(t, d, syscall.EMFILE, 1<<40)
	if r := probe.check(context.Background(), target); r.Healthy || !r.Unmade {
		t.Errorf("%+v", r)
	}
	shortOf(t, d, net.ErrClosed, 1<<40)
	if r := probe.check(context.Background(), target); r.Healthy || r.Unmade {
		t.Errorf("%+v", r)
	}
}
