// Command infinirouter is an OpenAI-compatible router in front of self-hosted
// inference services, with routing rules that are sandboxed WebAssembly
// modules. See `infinirouter help`.
//
// This package is wiring and process life: subcommands, signals, exit codes.
// What a subcommand does is in the packages that it calls.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // it was tried and failed
	exitUsage   = 2 // it was not understood
)

func main() { os.Exit(realMain()) }

// realMain turns the first SIGINT or SIGTERM into the end of the context, and
// leaves the second one its deadly meaning.
func realMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// errReported ends a command with exit code 1 whose output says it all.
var errReported = errors.New("reported")

// run runs one command line and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root, started := newRoot(stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailure
	case !*started, errors.As(err, &usage):
		fmt.Fprintf(stderr, "infinirouter: %v\nTry 'infinirouter help'.\n", err)
		return exitUsage
	default:
		fmt.Fprintf(stderr, "infinirouter: %v\n", err)
		return exitFailure
	}
}

// usageError is a command line that could not be meant.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
