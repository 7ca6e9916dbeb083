package main

import (
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// serveFasthttp proxies with fasthttp on both sides. Replies are passed on as
// they come; fasthttp flushes after each piece of a reply without a length.
func serveFasthttp(ln net.Listener, service string) error {
	client := &fasthttp.HostClient{
		Addr:                     service,
		MaxConns:                 connections,
		MaxIdleConnDuration:      time.Hour,
		StreamResponseBody:       true,
		NoDefaultUserAgentHeader: true,
		DisablePathNormalizing:   true,
	}
	server := &fasthttp.Server{
		MaxRequestBodySize:    maxBody,
		NoDefaultServerHeader: true,
		CloseOnShutdown:       true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			if err := client.Do(&ctx.Request, &ctx.Response); err != nil {
				ctx.Error(err.Error(), fasthttp.StatusBadGateway)
			}
		},
	}
	return server.Serve(ln)
}
