// Command cmd runs one fake inference service until it is told to stop: with
// -fast the one for load (package fast), else the one to test clients with
// (package service). It prints one line, "listening on URL", once it is ready.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/infinirouter/infinirouter/bench/service"
	"github.com/infinirouter/infinirouter/bench/service/fast"
)

// options are the flags; which of the two services has them is said there.
type options struct {
	fast    bool
	full    service.Config
	forLoad fast.Config
}

// ofFull and ofFast are the flags that only one of the services has.
var (
	ofFull = []string{"health", "metrics", "batch", "api-key", "step", "record"}
	ofFast = []string{"tick", "delay", "reply-bytes", "event-bytes", "drop-rate", "error-rate", "hang-rate", "cut-rate", "error-status"}
)

func parse(args []string, out io.Writer) (o options, err error) {
	f := flag.NewFlagSet("service", flag.ContinueOnError)
	f.SetOutput(out)
	f.BoolVar(&o.fast, "fast", false, "run the service for load: chat and text completions alone")
	f.StringVar(&o.full.Addr, "listen", "127.0.0.1:0", "where to listen, `HOST:PORT`; port 0 takes a free one")
	f.StringVar(&o.full.Name, "name", "fake", "name shown in replies")
	models := f.String("models", "Qwen3-32B", "comma-separated `NAMES` of the models to serve")
	f.DurationVar(&o.full.FirstToken, "first-token", 0, "time before the first token")
	f.DurationVar(&o.full.TokenDelay, "token-delay", 0, "time before each further token")
	f.IntVar(&o.full.Tokens, "tokens", 16, "tokens of a reply without max_tokens")

	f.BoolVar(&o.full.Health, "health", true, "not -fast: serve /health")
	f.BoolVar(&o.full.Metrics, "metrics", true, "not -fast: serve /metrics as vLLM does")
	f.IntVar(&o.full.Batch, "batch", 8, "not -fast: requests that run at once by /metrics; more are shown as waiting")
	f.StringVar(&o.full.APIKey, "api-key", "", "not -fast: `KEY` that clients must send; empty for none")
	f.BoolVar(&o.full.Step, "step", false, "not -fast: hold every stream event until POST /fake/step?id=ID")
	f.IntVar(&o.full.Record, "record", 1000, "not -fast: requests to keep for /fake/requests; -1 for none")

	b := &o.forLoad
	f.DurationVar(&b.Tick, "tick", 0, "-fast: grid on which tokens come, so that one wake-up serves many streams (default 1ms); below 0 for none")
	f.DurationVar(&b.Delay, "delay", 0, "-fast: time before the head of a reply")
	f.IntVar(&b.ReplyBytes, "reply-bytes", 0, "-fast: least `BYTES` of a reply that does not stream")
	f.IntVar(&b.EventBytes, "event-bytes", 0, "-fast: least `BYTES` of a stream's event")
	f.Float64Var(&b.DropRate, "drop-rate", 0, "-fast: `SHARE` of requests whose connection is closed without a reply")
	f.Float64Var(&b.ErrorRate, "error-rate", 0, "-fast: `SHARE` of requests answered with -error-status")
	f.Float64Var(&b.HangRate, "hang-rate", 0, "-fast: `SHARE` of requests that are never answered")
	f.Float64Var(&b.CutRate, "cut-rate", 0, "-fast: `SHARE` of replies that are cut in the middle")
	f.IntVar(&b.ErrorStatus, "error-status", 500, "-fast: HTTP `STATUS` for -error-rate")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	f.Visit(func(given *flag.Flag) {
		switch {
		case o.fast && slices.Contains(ofFull, given.Name):
			err = fmt.Errorf("-%s is not for the service that -fast runs", given.Name)
		case !o.fast && slices.Contains(ofFast, given.Name):
			err = fmt.Errorf("-%s is for -fast alone", given.Name)
		}
	})
	o.full.Models = strings.Split(*models, ",")
	b.Addr, b.Name, b.Models = o.full.Addr, o.full.Name, o.full.Models
	b.FirstToken, b.Interval, b.Tokens = o.full.FirstToken, o.full.TokenDelay, o.full.Tokens
	return o, err
}

func main() {
	o, err := parse(os.Args[1:], os.Stderr)
	if err == flag.ErrHelp {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err == nil {
		err = run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fake service:", err)
		os.Exit(1)
	}
}

// running is a service of either kind.
type running interface {
	URL() string
	Close()
}

// run serves until ctx is done.
func run(ctx context.Context, o options, out io.Writer) error {
	var s running
	var err error
	if o.fast {
		s, err = fast.Start(o.forLoad)
	} else {
		s, err = service.Start(o.full)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Fprintf(out, "listening on %s\n", s.URL())
	<-ctx.Done()
	return nil
}
