// Command run measures what this router adds, what its policies add, and what its
// peers would, and writes a report: see bench/README.md.
//
// It builds what this repository has, starts a fake service and the targets,
// runs the scenarios of bench/scenarios, and leaves no process behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/infinirouter/infinirouter/bench/process"
	"github.com/infinirouter/infinirouter/bench/report"
	"github.com/infinirouter/infinirouter/bench/scenarios"
	"github.com/infinirouter/infinirouter/bench/suite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	o, err := parse(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, errHelp):
		return
	case err == nil:
		err = run(ctx, o)
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "bench: interrupted; nothing was written")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.list {
		return list()
	}
	r, failed := o.obtain(ctx)
	if r == nil {
		return failed
	}
	var against *report.Comparison
	if o.against != "" {
		old, err := report.Read(o.against)
		if err != nil {
			return err
		}
		c := r.Compare(old)
		against = &c
	}
	return errors.Join(o.write(r, against), failed)
}

// obtain measures, or reads what was measured before. A report in which a
// scenario is missing comes with the error.
func (o options) obtain(ctx context.Context) (*report.Report, error) {
	if o.render != "" {
		return report.Read(o.render)
	}
	chosen, err := o.choose()
	if err != nil {
		return nil, err
	}
	place, err := o.place()
	if err != nil {
		return nil, err
	}
	programs, err := build(ctx, o)
	if err != nil {
		return nil, err
	}
	defer programs.remove()
	return suite.Run(ctx, suite.Options{
		Scenarios: chosen, Targets: o.targets, External: o.external, Rounds: o.rounds,
		Programs: programs.Programs, Service: programs.service, Place: place,
		Command: o.command(), Repeat: o.repeat(), Progress: os.Stderr, Terminal: isTerminal(os.Stderr),
	})
}

// choose returns the scenarios that were asked for.
func (o options) choose() ([]scenarios.Scenario, error) {
	all, err := scenarios.Load()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	for _, name := range o.scenarios {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("-scenarios: there is no %q, but %s", name, strings.Join(names, ", "))
		}
	}
	var chosen []scenarios.Scenario
	for _, s := range all {
		asked := slices.Contains(o.scenarios, s.Name)
		if len(o.scenarios) > 0 && !asked {
			continue
		}
		if o.quick {
			q, ok := s.Quickly()
			if !ok && !asked {
				continue
			}
			s = q
		}
		chosen = append(chosen, s)
	}
	return chosen, nil
}

// place pins this process, by starting it again on the generator's CPUs, and says
// where the rest goes.
func (o options) place() (suite.Place, error) {
	if o.pin == "none" || runtime.GOOS != "linux" {
		return suite.Place{}, nil
	}
	const done = "INFINIROUTER_BENCH_CPUS"
	if text := os.Getenv(done); text != "" {
		return parsePlace(text)
	}
	p, err := suite.Split(o.pin == "split")
	if err != nil || len(p.Generator) == 0 {
		return p, err
	}
	self, err := os.Executable()
	if err != nil {
		return p, err
	}
	return p, process.RunOn(p.Generator, self, os.Args, append(os.Environ(), done+"="+formatPlace(p)))
}

// isTerminal says whether a line on f can be rewritten.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
