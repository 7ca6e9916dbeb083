package main

import (
	"io"

	"github.com/spf13/cobra"
)

func newPolicy(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Make policies: new, build, inspect",
		Long: `A policy is a WebAssembly module that the router calls on each request. Start one
with "policy new", compile it with "policy build", and see with "policy inspect"
what a module from elsewhere would ask for before you let it in.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q for %q", args[0], cmd.CommandPath())
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newPolicyBuild(stdout), newPolicyNew(stdout), newPolicyInspect(stdout))
	return cmd
}
