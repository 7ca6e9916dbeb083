// Command proxies runs the shortest reverse proxy that a Go library makes, as a
// mark to measure against: what is left when a router does nothing but pass
// requests on. It prints one line, "listening on URL", once it is ready.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

// kinds are the proxies; each serves on a listener in front of one service until
// the listener is closed.
var kinds = map[string]func(ln net.Listener, service string) error{
	"fasthttp":     serveFasthttp,
	"reverseproxy": serveReverseProxy,
}

// maxBody is the largest request body, and connections the most to the service.
const (
	maxBody     = 64 << 20
	connections = 1 << 16
)

func main() {
	kind := flag.String("kind", "fasthttp", "`NAME` of the proxy: fasthttp or reverseproxy (net/http/httputil)")
	listen := flag.String("listen", "127.0.0.1:0", "where to listen, `HOST:PORT`; port 0 takes a free one")
	service := flag.String("service", "", "`HOST:PORT` of the service")
	flag.Parse()
	if err := run(*kind, *listen, *service); err != nil {
		fmt.Fprintln(os.Stderr, "proxies:", err)
		os.Exit(1)
	}
}

func run(kind, listen, service string) error {
	serve := kinds[kind]
	if serve == nil || service == "" {
		return fmt.Errorf("-kind %q, -service %q: want fasthttp or reverseproxy, and a HOST:PORT", kind, service)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = ln.Close() })
	fmt.Printf("listening on http://%s\n", ln.Addr())
	err = serve(ln, service)
	if ctx.Err() != nil || errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
