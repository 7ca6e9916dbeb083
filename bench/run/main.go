// Command run measures a router over loopback.
//
// With -router it starts the given infinirouter binary twice, without policies
// and with alias, clamp and canary, in front of a fake service of its own, puts the same load
// on each in turn, and prints both and their ratios: the price of policies. With -target it
// measures what runs there already.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/infinirouter/infinirouter/bench/run/closed"
	"github.com/infinirouter/infinirouter/bench/service"
)

type options struct {
	target, router, policies, model, scenarios string
	promptBytes, tokens, rounds                int
	load                                       closed.Options
}

func main() {
	var o options
	flag.StringVar(&o.target, "target", "", "base `URL` of a running server to measure")
	flag.StringVar(&o.router, "router", "", "infinirouter `BINARY` to measure without and with policies")
	flag.StringVar(&o.policies, "policies", "policies", "`DIR` of compiled policies, for -router")
	flag.StringVar(&o.model, "model", "Qwen3-32B", "model to ask for")
	flag.StringVar(&o.scenarios, "scenarios", "chat,stream", "comma-separated `NAMES`: chat, stream")
	flag.IntVar(&o.promptBytes, "prompt", 700, "`BYTES` of the prompt")
	flag.IntVar(&o.tokens, "tokens", 32, "tokens of a reply, an event each in a stream")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; each measures every router once")
	flag.IntVar(&o.load.Connections, "connections", 32, "connections, each with one request at a time")
	flag.DurationVar(&o.load.Duration, "duration", 3*time.Second, "of one measurement")
	flag.DurationVar(&o.load.Warmup, "warmup", time.Second, "before each measurement")
	flag.IntVar(&o.load.PID, "pid", 0, "process of -target, for its CPU time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) error {
	fmt.Fprintf(out, "%d connections, prompt %d bytes, %d tokens, %d rounds of %s, %s, %d CPUs\n\n",
		o.load.Connections, o.promptBytes, o.tokens, o.rounds, o.load.Duration, runtime.Version(), runtime.NumCPU())
	switch {
	case o.target != "" && o.router == "":
		return measure(ctx, o, []subject{{name: o.target, url: o.target, model: o.model, pid: o.load.PID}}, out)
	case o.router != "" && o.target == "":
		return compare(ctx, o, out)
	default:
		return errors.New("want either -target or -router")
	}
}

// compare measures the service alone, and the router without and with policies
// in front of it.
func compare(ctx context.Context, o options, out io.Writer) error {
	fake, err := service.Start(service.Config{Name: "bench", Models: []string{o.model}, Tokens: o.tokens, Health: true, Record: -1})
	if err != nil {
		return err
	}
	defer fake.Close()
	subjects := []subject{{name: "service alone", url: fake.URL(), model: o.model}}
	for _, variant := range []struct{ name, toml, model string }{
		{"no policies", noPolicies, o.model},
		{"three policies", threePolicies(o.model), aliased},
	} {
		r, err := startRouter(ctx, o.router, o.policies, fake.URL(), variant.toml)
		if err != nil {
			return fmt.Errorf("router with %s: %w", variant.name, err)
		}
		defer r.stop()
		subjects = append(subjects, subject{name: variant.name, url: r.url, model: variant.model, pid: r.cmd.Process.Pid})
	}
	return measure(ctx, o, subjects, out)
}

// subject is a server to measure.
type subject struct {
	name, url, model string
	pid              int
}

// measure measures the subjects in turn, round by round, so that whatever else
// the machine does in a while meets them all.
func measure(ctx context.Context, o options, subjects []subject, out io.Writer) error {
	var rows []closed.Row
	for _, scenario := range strings.Split(o.scenarios, ",") {
		if scenario != "chat" && scenario != "stream" {
			return fmt.Errorf("-scenarios: there is no %q, but chat and stream", scenario)
		}
		sums := make([]*closed.Result, len(subjects))
		for range max(1, o.rounds) {
			for i, sub := range subjects {
				r, err := measureOne(ctx, o, sub, scenario == "stream")
				if err != nil {
					return err
				}
				if sums[i] != nil {
					r.Add(sums[i])
				}
				sums[i] = r
			}
		}
		for i, sub := range subjects {
			rows = append(rows, closed.Row{Name: sub.name, Result: sums[i]})
		}
	}
	if err := closed.WriteTable(out, rows); err != nil {
		return err
	}
	printRatios(out, rows)
	failed := int64(0)
	for _, r := range rows {
		failed += r.ErrorCount()
	}
	if failed > 0 {
		return fmt.Errorf("%d requests failed", failed)
	}
	return nil
}

func measureOne(ctx context.Context, o options, sub subject, stream bool) (*closed.Result, error) {
	scenario, err := closed.Chat(sub.model, o.promptBytes, o.tokens, stream)
	if err != nil {
		return nil, err
	}
	lo := o.load
	lo.Target, lo.PID = sub.url, sub.pid
	return closed.Run(ctx, scenario, lo)
}

// printRatios compares the router with policies to the router without.
func printRatios(out io.Writer, rows []closed.Row) {
	plain := map[string]closed.Row{}
	for _, r := range rows {
		if r.Name == "no policies" {
			plain[r.Scenario] = r
		}
	}
	for _, r := range rows {
		base, ok := plain[r.Scenario]
		if !ok || r.Name != "three policies" || base.Requests == 0 || r.Requests == 0 || base.CPU == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%s, three policies against none: %.3f x requests/s, %.3f x CPU per request (%+.1f us)", r.Scenario,
			r.Rate()/base.Rate(), r.CPUPer1000()/base.CPUPer1000(), (r.CPUPer1000()-base.CPUPer1000())*1000)
	}
	fmt.Fprintln(out)
}
