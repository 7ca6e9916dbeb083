package service

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
)

// writeCA writes a new certificate to path.
func writeCA(t *testing.T, path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, path, der)
}

func writePEM(t *testing.T, path string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// only returns the single service of a new set, which the test releases.
func only(t *testing.T, cfg config.Service, connectTimeout time.Duration) *Service {
	t.Helper()
	s, err := NewSet([]config.Service{cfg}, testHealth, connectTimeout, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Release)
	return s.All()[0]
}

func get(s *Service, path string) (int, error) {
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.SetRequestURI(s.URL() + path)
	err := s.Client().Do(req, resp)
	return resp.StatusCode(), err
}

func TestLocate(t *testing.T) {
	for raw, want := range map[string]location{
		"http://gpu1":                  {"gpu1:80", "gpu1", "gpu1", "", false},
		"https://gpu1":                 {"gpu1:443", "gpu1", "gpu1", "", true},
		"http://gpu1:8100":             {"gpu1:8100", "gpu1:8100", "gpu1", "", false},
		"http://gpu1:8100/":            {"gpu1:8100", "gpu1:8100", "gpu1", "", false},
		"http://gpu1/a/b%20c//":        {"gpu1:80", "gpu1", "gpu1", "/a/b%20c", false},
		"https://[2001:db8::1]:8443/x": {"[2001:db8::1]:8443", "[2001:db8::1]:8443", "2001:db8::1", "/x", true},
		"http://[::1]":                 {"[::1]:80", "[::1]", "::1", "", false},
	} {
		if got, err := locate(raw); err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", raw, got, err, want)
		}
	}
}

func TestTLSIsVerifiedUnlessToldOtherwise(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it is told of refused handshakes
	server.StartTLS()
	defer server.Close()
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, caFile, server.Certificate().Raw)
	for name, c := range map[string]struct {
		change func(*config.Service)
		ok     bool
	}{
		"default":              {func(*config.Service) {}, false},
		"ca_file":              {func(c *config.Service) { c.CAFile = caFile }, true},
		"insecure_skip_verify": {func(c *config.Service) { c.InsecureSkipVerify = true }, true},
	} {
		cfg := named("a")
		cfg.URL = server.URL
		c.change(&cfg)
		a := only(t, cfg, 10*time.Second)
		status, err := get(a, "/x")
		if c.ok && (err != nil || status != 200) {
			t.Errorf("%s: %d, %v", name, status, err)
		}
		var unknown x509.UnknownAuthorityError
		if !c.ok && !errors.As(err, &unknown) {
			t.Errorf("%s: %v, want an unknown authority", name, err)
		}
		report := newHTTPProbe(a.URL(), a.dialer).check(t.Context(), Target{HealthPath: "/", Timeout: 10 * time.Second})
		if report.Healthy != c.ok {
			t.Errorf("%s: the probe says %+v", name, report)
		}
	}
}

func TestConnectTimeoutCoversTheHandshake(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	cfg := named("a")
	cfg.URL = "https://" + silent.Addr().String()
	a := only(t, cfg, 50*time.Millisecond)
	_, err = a.Dial(t.Context())
	if err == nil || !strings.Contains(err.Error(), `(connect_timeout = "50ms")`) {
		t.Errorf("error %v, want one that names the knob", err)
	}
	if _, err := get(a, "/"); err == nil || !strings.Contains(err.Error(), "connect_timeout") {
		t.Errorf("through the pool: %v, want an error that names the knob", err)
	}
	patient := only(t, cfg, time.Hour)
	_, err = patient.Client().DialTimeout("", 50*time.Millisecond)
	if err == nil || strings.Contains(err.Error(), "connect_timeout") {
		t.Errorf("a caller's shorter limit: %v, want an error that does not blame the knob", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := patient.Dial(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPoolKeepsConnectionsAndRepeatsNothing(t *testing.T) {
	var requests atomic.Int64
	closed := make(chan struct{}, 16)
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path == "/broken" {
			panic(http.ErrAbortHandler)
		}
		if r.RequestURI != "/x//y/../%41" && r.RequestURI != "/held" {
			t.Errorf("request URI %q was rewritten on its way", r.RequestURI)
		}
		if agent, ok := r.Header["User-Agent"]; ok {
			t.Errorf("User-Agent %q was invented", agent)
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			opened.Add(1)
		case http.StateClosed:
			closed <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	cfg := named("a")
	cfg.URL = server.URL
	set, err := NewSet([]config.Service{cfg}, testHealth, 10*time.Second, nil, Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := set.All()[0]
	for range 3 {
		if status, err := get(a, "/x//y/../%41"); err != nil || status != 200 {
			t.Fatal(status, err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for three requests in a row", n)
	}
	requests.Store(0)
	if _, err := get(a, "/broken"); err == nil {
		t.Error("a broken reply went unnoticed")
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("a GET without reply was sent %d times", n)
	}
	<-closed

	// One connection idle, one in use: letting go closes the first at once and
	// the second when its slot comes back.
	if status, err := get(a, "/held"); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	a.Acquire()
	held, err := a.Client().AcquireConn(0, false)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := get(a, "/held"); err != nil || status != 200 {
		t.Fatal(status, err)
	}
	set.Release()
	if n := a.Client().ConnsCount(); n != 1 {
		t.Errorf("%d connections after the release, want the one in use", n)
	}
	<-closed
	a.Client().ReleaseConn(held)
	a.Release()
	if n := a.Client().ConnsCount(); n != 0 {
		t.Errorf("%d connections at the end", n)
	}
	<-closed
}

func TestPoolTakesTheLatestConnection(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	cfg := named("a")
	cfg.URL = server.URL
	pool := only(t, cfg, 10*time.Second).Client()
	first, err := pool.AcquireConn(0, false)
	if err != nil {
		t.Fatal(err)
	}
	second, err := pool.AcquireConn(0, false)
	if err != nil {
		t.Fatal(err)
	}
	early, late := first.Conn(), second.Conn()
	pool.ReleaseConn(first)
	pool.ReleaseConn(second)
	again, err := pool.AcquireConn(0, false)
	if err != nil {
		t.Fatal(err)
	}
	if got := again.Conn(); got != late || got == early {
		t.Error("the pool gave the connection that was idle longest")
	}
	pool.CloseConn(again)
}
