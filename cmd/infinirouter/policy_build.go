package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/infinirouter/infinirouter/cmd/infinirouter/build"
)

func newPolicyBuild(stdout io.Writer) *cobra.Command {
	var opts build.Options
	cmd := &cobra.Command{
		Use:   "build [DIR...]",
		Short: "Compile policies to .wasm",
		Long: `Compile policies to WebAssembly. Each DIR is a policy's folder, or a folder of such
folders; without any, it is ./policies. A folder policies/NAME becomes
policies/NAME.wasm. What did not change since the last build is left alone, and
the same source gives the same bytes on every machine with the same toolchain.

Go policies are built with the Go toolchain, Rust policies (a Cargo.toml) with cargo.`,
		Example: "  infinirouter policy build\n  infinirouter policy build policies/alias ../my-policies",
		RunE: func(cmd *cobra.Command, dirs []string) error {
			if len(dirs) == 0 {
				dirs = []string{"policies"}
			}
			targets, err := build.Resolve(dirs...)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%w: name the folder of a policy, or run this where policies/ is", err)
			}
			if err != nil {
				return err
			}
			return buildPolicies(cmd.Context(), targets, opts, stdout)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
	}
	cmd.Flags().BoolVarP(&opts.Force, "force", "f", false, "build what is up to date too")
	cmd.Flags().IntVarP(&opts.Jobs, "jobs", "j", 0, "builds at a time (default one per CPU)")
	return cmd
}

// buildPolicies builds and shows how it goes, a line for each policy.
func buildPolicies(ctx context.Context, targets []build.Target, opts build.Options, out io.Writer) error {
	width := 0
	for _, t := range targets {
		width = max(width, len(t.Name))
	}
	first := true
	opts.Started = func(t build.Target) {
		hint := ""
		if first { // compiles the standard library too
			first, hint = false, " (the first time takes up to a minute)"
		}
		fmt.Fprintf(out, "%-*s  compiling%s\n", width, t.Name, hint)
	}
	opts.Progress = func(r build.Result) {
		switch {
		case r.Err != nil:
			fmt.Fprintf(out, "%-*s  failed after %s\n", width, r.Name, seconds(r.Took))
		case r.UpToDate:
			fmt.Fprintf(out, "%-*s  up to date (%s, %s)\n", width, r.Name, r.Out, megabytes(r.Size))
		default:
			fmt.Fprintf(out, "%-*s  built %s, %s in %s\n", width, r.Name, r.Out, megabytes(r.Size), seconds(r.Took))
		}
	}
	_, err := build.Run(ctx, targets, opts)
	return err
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// megabytes shows a size in the unit that fits.
func megabytes(n int64) string {
	switch {
	case n < 1e3:
		return fmt.Sprintf("%d B", n)
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
}
