package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/infinirouter/infinirouter/host/state"
	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/sandbox"
)

func newPolicyInspect(stdout io.Writer) *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect FILE.wasm",
		Short: "Show what a plugin is and may ask for",
		Long: `Show what a plugin is: its hooks, the router's functions that it imports and the
grants that they are about, its size and memory, the fuel that it takes to start,
and, if the router would refuse it, every reason why. It is started in the
sandbox. With --config it reads that config too, and each of its hooks is called
once, on a sample of a chat, to show what fuel that takes. Exits 1 when it would
be refused.`,
		Example: "  infinirouter policy inspect policies/alias.wasm\n" +
			"  infinirouter policy inspect --config '{\"gpt-4\": \"Qwen3-32B\"}' policies/alias.wasm",
		Args: oneArg("FILE.wasm"),
		RunE: func(_ *cobra.Command, args []string) error {
			report, err := inspect(args[0], o)
			if err != nil {
				return err
			}
			if o.asJSON {
				enc := json.NewEncoder(stdout)
				enc.SetIndent("", "  ")
				err = enc.Encode(report)
			} else {
				err = printReport(stdout, report)
			}
			if err == nil && !report.OK {
				err = errReported
			}
			return err
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print the report as JSON")
	cmd.Flags().StringVar(&o.config, "config", "", "`JSON` of a policy's config for it to read")
	cmd.Flags().StringVar(&o.model, "model", "gpt-4", "`NAME` of the model that the sample asks for")
	cmd.Flags().StringVar(&o.cacheDir, "cache-dir", "", "`DIR` of compiled code (default infinirouter in the user's cache folder)")
	return cmd
}

type inspectOptions struct {
	asJSON                  bool
	cacheDir, config, model string
}

// inspection is a report, and what the hooks came to on a sample.
type inspection struct {
	*sandbox.Report
	Trials []hookTrial `json:"trials,omitempty"`
}

func inspect(path string, o inspectOptions) (*inspection, error) {
	var config []byte
	if o.config != "" {
		if config = []byte(o.config); !json.Valid(config) {
			return nil, fmt.Errorf("--config is no JSON: %s", o.config)
		}
	}
	store := state.NewMemory(1 << 20)
	defer store.Close()
	loader, err := sandbox.New(sandbox.Options{CacheDir: o.cacheDir, Store: store})
	if err != nil {
		return nil, err
	}
	defer func() { _ = loader.Close() }()
	report, err := loader.Inspect(path, config)
	if err != nil {
		return nil, err
	}
	out := &inspection{Report: report}
	if report.OK && config != nil {
		out.Trials, err = tryHooks(loader, path, o.model, config)
	}
	return out, err
}

// printReport prints a report for a person.
func printReport(out io.Writer, r *inspection) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\n", r.Path)
	fmt.Fprintf(w, "  sha256\t%s\n", r.SHA256)
	fmt.Fprintf(w, "  size\t%s, %d functions\n", megabytes(r.Size), r.Functions)
	fmt.Fprintf(w, "  memory\t%s\n", memoryOf(r.Report))
	if r.InitFuel > 0 {
		fmt.Fprintf(w, "  start\t%d units of fuel, of %d\n", r.InitFuel, plugins.DefaultLimits().InitFuel)
	}
	fmt.Fprintf(w, "  exports\t%s\n", strings.Join(exportsOf(r.Report), ", "))
	if err := w.Flush(); err != nil {
		return err
	}
	printHooks(out, r.Report)
	printTrials(out, r.Trials)
	printImports(out, r.Report)
	if r.OK {
		_, err := fmt.Fprintln(out, "\nOK: the router would load it.")
		return err
	}
	fmt.Fprintln(out, "\nREFUSED:")
	for _, p := range r.Problems {
		fmt.Fprintf(out, "  - %s\n", p)
	}
	return nil
}

func memoryOf(r *sandbox.Report) string {
	s := megabytes(r.MemoryMin) + " at start, "
	if r.MemoryMax == 0 {
		return s + "may grow to policies.limits.memory"
	}
	return s + "may grow to " + megabytes(r.MemoryMax)
}

func exportsOf(r *sandbox.Report) []string {
	list := []string{"memory"}
	if r.Initialize {
		list = append(list, "_initialize (it has a language runtime to start)")
	}
	if r.Configure {
		list = append(list, "configure (it reads a config)")
	}
	return list
}

func printHooks(out io.Writer, r *sandbox.Report) {
	fmt.Fprintf(out, "\nhooks: %d\n", len(r.Hooks))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, h := range r.Hooks {
		fmt.Fprintf(w, "  %s\t%s\n", h.Name, noted(h.Signature, h.Problem))
	}
	_ = w.Flush()
}

func printTrials(out io.Writer, trials []hookTrial) {
	if len(trials) == 0 {
		return
	}
	fmt.Fprintf(out, "\nfuel of a call on a sample chat:\n")
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range trials {
		fmt.Fprintf(w, "  %s\t%d of %d\t%s\n", t.Hook, t.Fuel, t.Limit, t.Result)
	}
	_ = w.Flush()
}

// printImports shows the router's functions by name, and the others as one
// line for each module: they are the language runtime's, not the policy's.
func printImports(out io.Writer, r *sandbox.Report) {
	fmt.Fprintf(out, "\nimports: %d\n", len(r.Imports))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	runtime := 0
	for _, im := range r.Imports {
		if strings.HasPrefix(im.Module, "wasi_") && im.Problem == "" {
			runtime++
			continue
		}
		fmt.Fprintf(w, "  %s.%s\t%s\n", im.Module, im.Name, noted(grantOf(im), im.Problem))
	}
	if runtime > 0 {
		fmt.Fprintf(w, "  %d functions of WASI\tfor its language runtime: no files, no network\n", runtime)
	}
	_ = w.Flush()
}

// noted marks a line that is a reason to refuse the module.
func noted(text, problem string) string {
	if problem == "" {
		return text
	}
	return text + "  REFUSED: " + problem
}

// grantOf says what a function opens, and whether only a grant opens it.
func grantOf(im sandbox.ImportUse) string {
	switch {
	case im.Grant == "":
		return "no grant"
	case im.NeedsGrant:
		return "needs the grant " + im.Grant
	default:
		return "more with the grant " + im.Grant
	}
}
