package service

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/host/loop"
)

const (
	maxConns = 1 << 20 // the limit that users set is max_in_flight
	// idleConn is under the 5 s after which uvicorn, which most services stand
	// on, closes a connection: a request must not cross that close on its way.
	idleConn     = 4 * time.Second
	replyHeaders = 16 << 10 // fasthttp's read buffer bounds a reply's headers
)

// A peer that vanished is noticed after about a minute, on streams that are
// silent for good reasons too.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// location is a service's URL taken apart.
type location struct {
	address string // host:port to dial
	host    string // as in the URL
	name    string // host without port
	prefix  string // path without slash at its end
	tls     bool
}

func locate(raw string) (location, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return location{}, err
	}
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return location{}, fmt.Errorf("scheme %q: want http or https", u.Scheme)
	case u.Hostname() == "":
		return location{}, fmt.Errorf("%q has no host", raw)
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	return location{
		address: net.JoinHostPort(u.Hostname(), port),
		host:    u.Host,
		name:    u.Hostname(),
		prefix:  strings.TrimRight(u.EscapedPath(), "/"),
		tls:     u.Scheme == "https",
	}, nil
}

// dialer opens connections to one service: both address families, TCP keepalive,
// TLS when the URL is https, all of it within connect_timeout.
type dialer struct {
	net     net.Dialer
	address string
	timeout time.Duration
	tls     *tls.Config // nil for http
	loops   *loop.Group // nil: none
}

func (d *dialer) dial(ctx context.Context) (net.Conn, error) {
	sooner, bounded := ctx.Deadline()
	ours := !bounded || time.Until(sooner) > d.timeout
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	conn, err := d.open(ctx)
	if err != nil {
		return nil, d.explain(ours, err)
	}
	if d.tls == nil {
		return conn, nil
	}
	secure := tls.Client(conn, d.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, d.explain(ours, fmt.Errorf("TLS handshake with %s: %w", d.address, err))
	}
	return secure, nil
}

// dialTimeout is dial for fasthttp, whose timeout may be shorter. Connections in
// the clear go to the loops.
func (d *dialer) dialTimeout(_ string, timeout time.Duration) (net.Conn, error) {
	ctx := context.Background()
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	conn, err := d.dial(ctx)
	tcp, ok := conn.(*net.TCPConn)
	if err != nil || !ok || d.loops == nil {
		return conn, err
	}
	looped, err := d.loops.Dialled(tcp)
	switch {
	case err == nil:
		return looped, nil
	case isExhausted(err):
		return nil, &exhaustedError{err}
	}
	return nil, err
}

// explain names the knob when it was our own limit that ended the attempt.
func (d *dialer) explain(ours bool, err error) error {
	if ours && isTimeout(err) {
		return fmt.Errorf("%w (connect_timeout = %q)", err, d.timeout)
	}
	return err
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// newDialer returns the dialer for a service and what of its files shapes it.
func newDialer(cfg config.Service, where location, timeout time.Duration) (*dialer, [32]byte, error) {
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	d := &dialer{net: net.Dialer{KeepAliveConfig: keepAlive}, address: where.address, timeout: timeout}
	var sum [32]byte
	if !where.tls {
		return d, sum, nil
	}
	d.tls = &tls.Config{
		ServerName:         where.name,
		MinVersion:         tls.VersionTLS12,
		NextProtos:         []string{"http/1.1"},
		InsecureSkipVerify: cfg.InsecureSkipVerify,
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	if cfg.CAFile == "" {
		return d, sum, nil
	}
	pem, err := os.ReadFile(cfg.CAFile)
	if err != nil {
		return nil, sum, fmt.Errorf("ca_file: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a machine without roots of its own
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, sum, fmt.Errorf("ca_file %s: no PEM certificate in it", cfg.CAFile)
	}
	d.tls.RootCAs = roots
	return d, sha256.Sum256(pem), nil
}

// newClient returns the connection pool over d. Everything that fasthttp would
// do by itself, repeating, redirecting and cutting off, is off.
func newClient(d *dialer) *fasthttp.HostClient {
	return &fasthttp.HostClient{
		Addr:                      d.address,
		Dial:                      func(string) (net.Conn, error) { return d.dialTimeout("", 0) },
		DialTimeout:               d.dialTimeout,
		IsTLS:                     d.tls != nil,
		TLSConfig:                 d.tls, // the connection comes with its handshake done
		MaxConns:                  maxConns,
		MaxIdleConnDuration:       idleConn,
		ConnPoolStrategy:          fasthttp.LIFO,
		ReadBufferSize:            replyHeaders,
		MaxIdemponentCallAttempts: 1,
		NoDefaultUserAgentHeader:  true,
		DisablePathNormalizing:    true,
		SecureErrorLogMessage:     true,
	}
}
