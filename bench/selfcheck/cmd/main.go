// Command cmd checks the load generator and the fake service against each other
// on this machine (see package selfcheck) and exits 1 if they cannot be trusted.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/infinirouter/infinirouter/bench/selfcheck"
)

func main() {
	var o selfcheck.Options
	flag.DurationVar(&o.Duration, "duration", 0, "of each run (default 3s)")
	flag.Float64Var(&o.Rate, "rate", 0, "requests a second of open loops (default 2000)")
	flag.IntVar(&o.Streams, "streams", 0, "streams at once (default 500)")
	asJSON := flag.Bool("json", false, "write JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "selfcheck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o selfcheck.Options, asJSON bool) error {
	r, err := selfcheck.Run(ctx, o)
	if err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(os.Stdout).Encode(r)
	} else {
		err = r.Write(os.Stdout)
	}
	if err == nil && !r.OK(true) {
		err = errors.New("not everything was found as it should be")
	}
	return err
}
