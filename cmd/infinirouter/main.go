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
	"strings"
	"syscall"

	"github.com/spf13/cobra"
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
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailure
	case !*started, errors.As(err, &usage):
		fmt.Fprintf(stderr, "infinirouter: %s\nTry '%s --help'.\n", strings.TrimSpace(err.Error()), cmd.CommandPath())
		return exitUsage
	default:
		fmt.Fprintf(stderr, "infinirouter: %v\n", err)
		return exitFailure
	}
}

// usageError is a command line that could not be meant.
type usageError struct{ error }

// oneArg asks for exactly one argument and says which when it is not so.
func oneArg(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return usagef("%s wants one %s, not %d arguments", shortPath(cmd), name, len(args))
	}
}

// noArgs refuses arguments, which are no commands that cobra could not find.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("%s takes no arguments, and here is %q", shortPath(cmd), args[0])
}

// shortPath is cmd's words behind the program's name, which starts each error.
func shortPath(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
