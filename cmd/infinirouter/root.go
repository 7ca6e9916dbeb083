package main

import (
	"io"

	"github.com/spf13/cobra"
)

// newRoot returns the whole command tree. started becomes true once a command
// line was understood: errors before that are errors of usage.
func newRoot(stdout, stderr io.Writer) (root *cobra.Command, started *bool) {
	started = new(bool)
	root = &cobra.Command{
		Use:   "infinirouter",
		Short: "An OpenAI-compatible router with sandboxed policies",
		Long: `InfiniRouter stands in front of self-hosted inference services (InfiniLM, vLLM,
SGLang, llama.cpp...) and speaks the OpenAI API. Which model a request really
goes to, and how it is rewritten, is decided by policies: WebAssembly modules
that are loaded and replaced while requests flow.`,
		Example: `  infinirouter demo                          # two fake services and a router, nothing to set up
  infinirouter serve --config router.toml    # serve
  infinirouter check --config router.toml    # what is wrong with a router.toml
  infinirouter bench --url http://HOST:PORT  # load on any router or service, and how it did
  infinirouter policy new shout              # start a policy of your own`,
		Version:       buildVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRun: func(*cobra.Command, []string) {
			*started = true
		},
	}
	root.SetVersionTemplate(versionLine())
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(newServe(stdout, stderr), newCheck(stdout, stderr), newDemo(stdout, stderr), newBench(stdout, stderr), newPolicy(stdout), newVersion(stdout))
	return root, started
}

// configFlag adds --config with completion.
func configFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVarP(to, "config", "c", "router.toml", "the router's `FILE` of settings")
	_ = cmd.MarkFlagFilename("config", "toml") // the flag exists
}

func newServe(stdout, stderr io.Writer) *cobra.Command {
	var config string
	var opts serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve requests as router.toml says",
		Long: `Serve requests as router.toml says, until SIGINT or SIGTERM; then close the
listener, let open requests and streams finish (server.drain_timeout), and exit 0.

A changed router.toml or .wasm is picked up within two seconds; SIGHUP and
POST /admin/reload ask for it. On SIGUSR2 the program is started anew and takes
over the listening sockets; once it serves, this one drains and exits.

The access log goes to stdout, all else to stderr.`,
		Example: "  infinirouter serve\n  infinirouter serve --config /etc/infinirouter/router.toml --listen 127.0.0.1:8000",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := newHandover()
			if err != nil {
				return err
			}
			opts.Handover = h
			return runServe(cmd.Context(), config, stdout, stderr, opts)
		},
	}
	configFlag(cmd, &config)
	cmd.Flags().StringVar(&opts.Listen, "listen", "", "`HOST:PORT` in place of server.listen; port 0 takes a free one")
	return cmd
}

func newCheck(stdout, stderr io.Writer) *cobra.Command {
	var config string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with a router.toml",
		Long: `Load everything that serve would load, plugins included, and say everything
that is wrong with it. Exits 0 when serve would start with it, 1 otherwise.`,
		Example: "  infinirouter check --config router.toml && systemctl reload infinirouter",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runCheck(cmd.Context(), config, stdout, stderr)
		},
	}
	configFlag(cmd, &config)
	return cmd
}
