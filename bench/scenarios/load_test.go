package scenarios

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite testdata/*.txtar")

// TestShippedScenarios compares what the files say, in full and quickly, with
// testdata/shipped.txtar.
func TestShippedScenarios(t *testing.T) {
	all, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	var got txtar.Archive
	for _, s := range all {
		got.Files = append(got.Files, txtar.File{Name: s.Name, Data: describe(s)})
		if q, ok := s.Quickly(); ok {
			got.Files = append(got.Files, txtar.File{Name: s.Name + ", quickly", Data: describe(q)})
		}
	}
	golden(t, "shipped.txtar", got)
}

func describe(s Scenario) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v, %d rounds of %v after %v\n", s.Kind, s.Targets, s.Rounds, s.Duration, s.Warmup)
	for _, c := range s.Cases {
		fmt.Fprintf(&b, "%+v\n", c)
	}
	fmt.Fprintf(&b, "%v\n%v\n%v\n", s.Columns, s.Headlines, s.Plots)
	return []byte(b.String())
}

// TestBadScenarios has what is said of each file of testdata/bad.
func TestBadScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v", files, err)
	}
	var got txtar.Archive
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if _, err = Parse(strings.TrimSuffix(name, ".toml"), string(text)); err == nil {
			t.Errorf("%s is fine", name)
			continue
		}
		got.Files = append(got.Files, txtar.File{Name: name, Data: []byte(err.Error() + "\n")})
	}
	golden(t, "bad.txtar", got)
}

func golden(t *testing.T, name string, got txtar.Archive) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, txtar.Format(&got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(txtar.Format(&got)); text != string(want) {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}
