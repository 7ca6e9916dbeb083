// Command cmd runs one fake inference service (see package service) until
// it is told to stop. It prints one line, "listening on URL", once it is ready.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/infinirouter/infinirouter/bench/service"
)

func main() {
	var cfg service.Config
	flag.StringVar(&cfg.Addr, "listen", "127.0.0.1:0", "where to listen, `HOST:PORT`; port 0 takes a free one")
	flag.StringVar(&cfg.Name, "name", "fake", "name shown in replies")
	models := flag.String("models", "Qwen3-32B", "comma-separated `NAMES` of the models to serve")
	flag.DurationVar(&cfg.FirstToken, "first-token", 0, "time before the first token")
	flag.DurationVar(&cfg.TokenDelay, "token-delay", 0, "time before each further token")
	flag.IntVar(&cfg.Tokens, "tokens", 16, "tokens of a reply")
	flag.BoolVar(&cfg.Health, "health", true, "serve /health")
	flag.StringVar(&cfg.APIKey, "api-key", "", "`KEY` that clients must send; empty for none")
	flag.BoolVar(&cfg.Step, "step", false, "hold every stream event until POST /fake/step?id=ID")
	flag.IntVar(&cfg.Record, "record", 1000, "requests to keep for /fake/requests; -1 for none")
	flag.Parse()
	cfg.Models = strings.Split(*models, ",")
	if err := run(cfg); err != nil {
		fmt.Fprintln(os.Stderr, "fake service:", err)
		os.Exit(1)
	}
}

func run(cfg service.Config) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	started := time.Now()
	s, err := service.Start(cfg)
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Printf("listening on %s\n", s.URL())
	<-ctx.Done()
	fmt.Printf("%d requests in %s\n", s.Total(), time.Since(started).Round(time.Second))
	return nil
}
