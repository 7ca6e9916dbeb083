package main

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"
)

// serveReverseProxy proxies with the standard library. Event streams, which it
// knows by their Content-Type, are passed on as they come.
func serveReverseProxy(ln net.Listener, service string) error {
	target := &url.URL{Scheme: "http", Host: service}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{
			MaxIdleConns:        connections,
			MaxIdleConnsPerHost: connections,
			IdleConnTimeout:     time.Hour,
			DisableCompression:  true,
		},
	}
	server := &http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}
	return server.Serve(ln)
}
