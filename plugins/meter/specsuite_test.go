package meter

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero/api"
)

// specDir is where wazero keeps the suite of the specification, in the module
// cache. It is read there; nothing of it is in this tree.
var specDir = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		return "", fmt.Errorf("where is wazero: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest"), nil
})

// TestSpecSuite runs every command of the suite twice, on modules as they are
// and metered: what passes bare passes metered.
func TestSpecSuite(t *testing.T) {
	for version, features := range map[string]api.CoreFeatures{"v1": api.CoreFeaturesV1, "v2": api.CoreFeaturesV2} {
		t.Run(version, func(t *testing.T) {
			dir, err := specDir()
			if err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(filepath.Join(dir, version, "testdata", "*.json"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no files of the suite in %s: %v", dir, err)
			}
			tally := &specTally{refusals: map[string]int{}, counts: map[string]int{}}
			t.Run("files", func(t *testing.T) {
				for _, file := range files {
					t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
						t.Parallel()
						runSpecFile(t, file, features, tally)
					})
				}
			})
			tally.pinned(t, "refusals", tally.refusals, specRefusals[version])
			tally.pinned(t, "commands", tally.counts, specCounts[version])
		})
	}
}

// specTally counts over all files.
type specTally struct {
	mu               sync.Mutex
	refusals, counts map[string]int
}

func (s *specTally) count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

func (s *specTally) refused(err error) {
	var e *Error
	rule := err.Error()
	if errors.As(err, &e) {
		rule = e.Rule
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals[rule]++
}

func (s *specTally) pinned(t *testing.T, what string, got, want map[string]int) {
	t.Helper()
	if maps.Equal(got, want) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if got[name] != want[name] {
			t.Errorf("%s: %q: %d, want %d", what, name, got[name], want[name])
		}
	}
	for name, n := range want {
		if _, ok := got[name]; !ok {
			t.Errorf("%s: %q: 0, want %d", what, name, n)
		}
	}
}

// specRun runs one file.
type specRun struct {
	*testing.T
	dir           string
	bare, metered *specWorld
	tally         *specTally
	absent        map[string]bool // registered names of modules that we refuse
}

func runSpecFile(t *testing.T, file string, features api.CoreFeatures, tally *specTally) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var suite specFile
	if err := json.Unmarshal(text, &suite); err != nil {
		t.Fatal(err)
	}
	run := &specRun{T: t, dir: filepath.Dir(file), tally: tally, absent: map[string]bool{}}
	host := run.read("../../testdata/spectest.wasm")
	for world, metered := range map[**specWorld]bool{&run.bare: false, &run.metered: true} {
		if *world, err = newSpecWorld(features, host, metered); err != nil {
			t.Fatal(err)
		}
		defer (*world).close()
	}
	for i, c := range suite.Commands {
		as := ""
		if c.Type == "module" && i+1 < len(suite.Commands) && suite.Commands[i+1].Type == "register" {
			as = suite.Commands[i+1].As
		}
		if c.Type == "register" && (i == 0 || suite.Commands[i-1].Type != "module") {
			t.Fatalf("line %d: registers a module that is not the last", c.Line)
		}
		what := run.command(c, as)
		tally.count(c.Type + ": " + what)
	}
}

func (r *specRun) read(name string) []byte {
	r.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.Fatal(err)
	}
	return b
}

// command runs one command in both worlds and says in a word what it came to.
func (r *specRun) command(c specCommand, as string) string {
	switch c.Type {
	case "module", "assert_uninstantiable", "assert_unlinkable":
		return r.module(c, as)
	case "register":
		return "done" // with the module before it
	case "assert_invalid", "assert_malformed":
		return r.invalid(c)
	case "action", "assert_return", "assert_trap", "assert_exhaustion":
		return r.action(c)
	default:
		r.Fatalf("line %d: unknown command %q", c.Line, c.Type)
		return ""
	}
}

// specLimits let through the largest memory and br_table that the suite has.
func specLimits() Limits {
	lim := DefaultLimits()
	lim.MemoryPages, lim.BrTableTargets, lim.FunctionWork = 65_536, 32_768, 8<<20
	return lim
}

// module instantiates a module in both worlds, or in none if we refuse it.
func (r *specRun) module(c specCommand, as string) string {
	if c.ModuleType == "text" {
		return "text"
	}
	wasm := r.read(c.Filename)
	metered, info, err := Instrument(wasm, specLimits(), DefaultCosts())
	if c.Type == "module" {
		r.bare.last, r.metered.last = nil, nil
		if err != nil {
			r.absent[as] = as != ""
		}
	}
	if err != nil {
		r.tally.refused(err)
		return "refused"
	}
	for _, imp := range info.Imports {
		if r.absent[imp.Module] {
			return "imports from a module refused"
		}
	}
	bare, want := r.bare.instantiate(wasm, as)
	in, got := r.metered.instantiate(metered, as)
	// wazero says how many functions a module has in some of these errors.
	if (got.trap == "") != (want.trap == "") {
		r.Errorf("line %d, %s: bare %v, metered %v", c.Line, c.Type, want, got)
	}
	if c.Type == "module" {
		r.bare.last, r.metered.last = bare, in
		if c.Name != "" {
			r.bare.named[c.Name], r.metered.named[c.Name] = bare, in
		}
	}
	// wazero goes on where an element segment of a module does not fit.
	lenient := c.Text == "out of bounds table access"
	if (want.trap == "") != (c.Type == "module" || lenient) {
		return "bare not as the suite says"
	}
	return "same"
}

// invalid holds that a module is refused by us, or by wazero metered.
func (r *specRun) invalid(c specCommand) string {
	if c.ModuleType == "text" {
		return "text"
	}
	metered, _, err := Instrument(r.read(c.Filename), specLimits(), DefaultCosts())
	if err != nil {
		return "refused"
	}
	if compiled, err := r.metered.rt.CompileModule(r.Context(), metered); err == nil {
		compiled.Close(r.Context())
		r.Errorf("line %d, %s: neither we nor wazero refuse it: %s", c.Line, c.Type, c.Text)
	}
	return "refused by wazero"
}

// action calls a function or reads a global in both worlds.
func (r *specRun) action(c specCommand) string {
	var args []uint64
	for _, v := range c.Action.Args {
		words, err := v.words()
		if err != nil {
			// References: no module that takes them is there.
			if _, ok := r.bare.act(c.Action, nil); ok || !strings.HasSuffix(v.Type, "ref") {
				r.Fatalf("line %d: %v", c.Line, err)
			}
		}
		args = append(args, words...)
	}
	want, ok := r.bare.act(c.Action, args)
	got, both := r.metered.act(c.Action, args)
	switch {
	case ok != both:
		r.Errorf("line %d: the module is in one world only", c.Line)
		return "in one world only"
	case !ok:
		return "module refused"
	case got.String() != want.String():
		r.Errorf("line %d, %s %s: bare %v, metered %v", c.Line, c.Type, c.Action.Field, want, got)
	}
	if !r.asExpected(c, want) {
		return "bare not as the suite says"
	}
	if !r.asExpected(c, got) {
		r.Errorf("line %d, %s %s: metered %v", c.Line, c.Type, c.Action.Field, got)
	}
	return "same"
}

// asExpected reports whether an outcome is what the suite says.
func (r *specRun) asExpected(c specCommand, o specOutcome) bool {
	if c.Type == "assert_trap" || c.Type == "assert_exhaustion" {
		name, known := specTraps[c.Text]
		if !known {
			r.Fatalf("line %d: unknown trap %q", c.Line, c.Text)
		}
		return o.trap == name
	}
	if c.Type == "action" {
		return o.trap == ""
	}
	ok, err := resultsMatch(c.Expected, o.words)
	if err != nil {
		r.Fatalf("line %d: %v", c.Line, err)
	}
	return ok && o.trap == ""
}
