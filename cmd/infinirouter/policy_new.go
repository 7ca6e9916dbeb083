package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/infinirouter/infinirouter/sdk/template"
)

// modulePath is the module that the SDK is part of.
const modulePath = "github.com/infinirouter/infinirouter"

func newPolicyNew(stdout io.Writer) *cobra.Command {
	var dir, sdk string
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Start a policy: source, tests and README that work as they stand",
		Long: `Start a Go policy in DIR/NAME: source, tests and README that build and pass as they
stand. Inside the router's repository it joins the repository's module; anywhere
else it becomes a module of its own, which takes the SDK from the router's
release, or from a checkout that --sdk names.`,
		Example: "  infinirouter policy new shout\n  infinirouter policy new shout --dir ~/policies --sdk ~/infinirouter",
		Args:    oneArg("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			return runPolicyNew(args[0], dir, sdk, stdout)
		},
	}
	cmd.Flags().StringVarP(&dir, "dir", "d", "policies", "`DIR` that gets the policy's folder")
	cmd.Flags().StringVar(&sdk, "sdk", "", "`PATH` of a checkout of the router, in place of its release")
	_ = cmd.MarkFlagDirname("dir") // the flags exist
	_ = cmd.MarkFlagDirname("sdk")
	return cmd
}

// policyName is what a folder, a .wasm and a name in router.toml can all be.
var policyName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

func runPolicyNew(name, dir, sdk string, out io.Writer) error {
	if !policyName.MatchString(name) {
		return usagef("%q is no name for a policy: want a lower-case letter, then up to 62 letters, digits, - and _", name)
	}
	if name == "internal" || name == "testdata" || name == "vendor" {
		return usagef("%q is no name for a policy: Go gives that folder a meaning of its own", name)
	}
	target := filepath.Join(dir, name)
	if _, err := os.Lstat(target); err == nil {
		return fmt.Errorf("%s is there already; nothing was written", target)
	}
	files, err := template.Files(name)
	if err != nil {
		return err
	}
	around, err := enclosingModule(dir)
	if err != nil {
		return err
	}
	if around.module != modulePath || sdk != "" {
		files["go.mod"], err = policyModule(name, sdk)
		if err != nil {
			return err
		}
	}
	if err := writeTree(target, files); err != nil {
		return err
	}
	fmt.Fprintf(out, `%[1]s is ready. Next:

  (cd %[1]s && go test .)                # its tests
  infinirouter policy build %[1]s        # makes %[1]s.wasm

then put it to use in router.toml:

  [[policies]]
  name = "%[2]s"
  plugin = "%[2]s.wasm"

and add "%[2]s" to the policies of a route.
`, filepath.ToSlash(target), name)
	return nil
}

// goMod is what a go.mod says of its module.
type goMod struct{ module, goVersion string }

// enclosingModule returns the module that dir, which need not be there yet, is
// in; the zero value for none.
func enclosingModule(dir string) (goMod, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return goMod{}, err
	}
	for {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			return parseGoMod(string(b)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return goMod{}, err
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return goMod{}, nil
		}
		dir = parent
	}
}

func parseGoMod(text string) (m goMod) {
	for line := range strings.Lines(text) {
		switch fields := strings.Fields(line); {
		case len(fields) < 2:
		case fields[0] == "module":
			m.module = strings.Trim(fields[1], `"`)
		case fields[0] == "go":
			m.goVersion = fields[1]
		}
	}
	return m
}

// policyModule is the go.mod of a policy outside the router's repository. Its
// go line must not be older than the SDK's.
func policyModule(name, sdk string) ([]byte, error) {
	const text = "module %s\n\ngo %s\n\nrequire " + modulePath + " %s\n"
	if sdk == "" {
		v := buildVersion()
		if !strings.HasPrefix(v, "v") || strings.Contains(v, "+dirty") {
			return nil, fmt.Errorf("this infinirouter is %s, not a release that the SDK could be taken from: name a checkout with --sdk PATH", v)
		}
		return fmt.Appendf(nil, text, name, strings.TrimPrefix(runtime.Version(), "go"), v), nil
	}
	abs, err := filepath.Abs(sdk)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(abs, "go.mod"))
	checkout := parseGoMod(string(b))
	if checkout.module != modulePath {
		return nil, errors.Join(fmt.Errorf("--sdk %s: no checkout of %s", sdk, modulePath), err)
	}
	return fmt.Appendf(nil, text+"\nreplace "+modulePath+" => %s\n", name, checkout.goVersion, "v0.0.0", abs), nil
}

// writeTree writes a new folder in one step.
func writeTree(target string, files map[string][]byte) (err error) {
	parent := filepath.Dir(target)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(parent, ".new-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	for name, text := range files {
		path := filepath.Join(tmp, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	return os.Rename(tmp, target)
}
