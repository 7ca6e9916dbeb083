package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// didYouMean is cobra's hint, which it gives for the first word alone.
func didYouMean(cmd *cobra.Command, word string) string {
	cmd.SuggestionsMinimumDistance = 2
	near := cmd.SuggestionsFor(word)
	if len(near) == 0 {
		return ""
	}
	return "\n\nDid you mean this?\n\t" + strings.Join(near, "\n\t")
}

func newPolicy(stdout io.Writer) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Make policies: new, build, inspect",
		Long: `A policy is a WebAssembly module that the router calls on each request. Start one
with "policy new", compile it with "policy build", and see with "policy inspect"
what a module from elsewhere would ask for before you let it in.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q for %q%s", args[0], cmd.CommandPath(), didYouMean(cmd, args[0]))
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newPolicyBuild(stdout), newPolicyNew(stdout), newPolicyInspect(stdout))
	return cmd
}
