package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script/*.txtar: the program as a user's shell sees
// it. $REPO is the repository.
func TestScripts(t *testing.T) {
	repo, err := filepath.Abs(repoRoot)
	if err != nil {
		t.Fatal(err)
	}
	// The scripts have a home of their own; Go's caches are the machine's.
	names := []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN", "GOSUMDB", "GONOSUMDB"}
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	values := strings.Split(string(out), "\n")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			for i, name := range names {
				env.Setenv(name, values[i])
			}
			env.Setenv("REPO", repo)
			home := filepath.Join(env.WorkDir, ".home")
			env.Setenv("HOME", home)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
			return os.MkdirAll(home, 0o700)
		},
	})
}

// TestExitCodes holds what scripts rely on, and where each message goes.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "router.toml")
	for _, c := range []struct {
		args   string
		code   int
		stdout string // a part of it, "" for nothing there
		stderr string
	}{
		{"", 0, "Available Commands:", ""},
		{"help", 0, "Examples:", ""},
		{"serve --help", 0, "--config FILE", ""},
		{"policy", 0, "policy [command]", ""},
		{"version", 0, "infinirouter ", ""},
		{"--version", 0, "infinirouter ", ""},
		{"completion bash", 0, "bash completion", ""},
		{"nonsense", 2, "", `infinirouter: unknown command "nonsense"`},
		{"policy nonsense", 2, "", `infinirouter: unknown command "nonsense" for "infinirouter policy"`},
		{"serve --nonsense", 2, "", "infinirouter: unknown flag: --nonsense"},
		{"servve", 2, "", "Did you mean this?\n\tserve\nTry 'infinirouter --help'.\n"},
		{"policy bild", 2, "", "Did you mean this?\n\tbuild\nTry 'infinirouter policy --help'.\n"},
		{"serve more", 2, "", "infinirouter: serve takes no arguments, and here is \"more\""},
		{"policy inspect", 2, "", "infinirouter: policy inspect wants one FILE.wasm, not 0 arguments\nTry 'infinirouter policy inspect --help'.\n"},
		{"policy new a b", 2, "", "wants one NAME, not 2 arguments"},
		{"policy new Nonsense", 2, "", `infinirouter: "Nonsense" is no name for a policy`},
		{"policy build --jobs x", 2, "", "infinirouter: invalid argument"},
		{"bench", 2, "", "infinirouter: --url is needed"},
		{"bench --url https://localhost --model m", 1, "", `infinirouter: url "https://localhost": it must be http://`},
		{"bench --url http://127.0.0.1:1 --size 3XB", 1, "", `infinirouter: --size: "3XB" is no size`},
		{"bench --url http://127.0.0.1:1 --header x", 1, "", `infinirouter: --header "x": want 'NAME: VALUE'`},
		{"bench --url http://127.0.0.1:1 --corpus warm --model m", 1, "", `infinirouter: corpus "warm": there are [hot cold`},
		{"serve --config " + missing, 1, "", "infinirouter: "},
		{"check --config " + missing, 1, "", "infinirouter: "},
		{"demo --config " + missing, 1, "", "run demo in the repository's root"},
		{"policy build " + missing, 1, "", "infinirouter: "},
		{"policy inspect " + missing, 1, "", "infinirouter: "},
	} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), strings.Fields(c.args), &stdout, &stderr)
		if code != c.code {
			t.Errorf("%q: exit code %d, want %d", c.args, code, c.code)
		}
		for _, s := range []struct {
			name, got, want string
		}{{"stdout", stdout.String(), c.stdout}, {"stderr", stderr.String(), c.stderr}} {
			if !strings.Contains(s.got, s.want) || s.want == "" && s.got != "" {
				t.Errorf("%q: %s is %q, want %q", c.args, s.name, s.got, s.want)
			}
		}
	}
}
