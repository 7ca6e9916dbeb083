package main

import (
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/bench/report"
	"github.com/infinirouter/infinirouter/bench/suite"
)

func TestOptions(t *testing.T) {
	o, err := parse(strings.Fields("-quick -targets nginx,router-3 -target mine=http://127.0.0.1:1/x/ -pid 7 -target other=http://h:2 -scenarios streams -rounds 9 -out=o"), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	want := []suite.External{{Name: "mine", URL: "http://127.0.0.1:1/x", PID: 7}, {Name: "other", URL: "http://h:2"}}
	if !reflect.DeepEqual(o.external, want) || !reflect.DeepEqual(o.targets, []string{"nginx", "router-3"}) {
		t.Errorf("%+v", o)
	}
	if got, want := o.repeat(), "go run ./bench/run -quick -targets nginx,router-3 -target mine=http://127.0.0.1:1/x/ -pid 7 -target other=http://h:2 -rounds 9 -scenarios"; got != want {
		t.Errorf("repeat is %q, want %q", got, want)
	}
	chosen, err := o.choose()
	if err != nil || len(chosen) != 1 || chosen[0].Name != "streams" || len(chosen[0].Cases) != 1 {
		t.Errorf("%+v, %v", chosen, err)
	}
	for _, bad := range []string{
		"x", "-pin up", "-rounds -1", "-pid 7", "-target x", "-target x=https://h:1", "-target a|b=http://h:1", "-target x=http://h:1 -pid -1", "-scenarios a,", "-no",
	} {
		if _, err := parse(strings.Fields(bad), io.Discard); err == nil {
			t.Errorf("%s is fine", bad)
		}
	}
	if _, err := (options{scenarios: []string{"overhaul"}}).choose(); err == nil || !strings.Contains(err.Error(), "overhead, throughput") {
		t.Errorf("error %v", err)
	}
}

func TestQuickLeavesOut(t *testing.T) {
	all, err := options{}.choose()
	if err != nil {
		t.Fatal(err)
	}
	quick, err := options{quick: true}.choose()
	if err != nil || len(quick) >= len(all) {
		t.Errorf("%d of %d scenarios, %v", len(quick), len(all), err)
	}
	// What is asked for by name is run all the same.
	asked, err := options{quick: true, scenarios: []string{"throughput"}}.choose()
	if err != nil || len(asked) != 1 {
		t.Errorf("%v, %v", asked, err)
	}
}

func TestPlaceSurvivesARestart(t *testing.T) {
	for _, p := range []suite.Place{{}, {Targets: []int{2, 3}, Generator: []int{0}, Service: []int{1}}} {
		got, err := parsePlace(formatPlace(p))
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%+v became %+v, %v", p, got, err)
		}
	}
	for _, bad := range []string{"", "[1]", "[a] [] []"} {
		if _, err := parsePlace(bad); err == nil {
			t.Errorf("%q is fine", bad)
		}
	}
}

func TestReadmeSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	r := &report.Report{Command: "the command"}
	text := "# before\n\n" + sectionBegin + "old\n" + sectionEnd + "\nafter\n"
	for range 2 { // what was written can be replaced again
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := replaceSection(path, r, nil); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
		if strings.Contains(text, "old") || strings.Count(text, "the command") != 1 || !strings.HasPrefix(text, "# before\n\n"+sectionBegin) || !strings.HasSuffix(text, sectionEnd+"\nafter\n") {
			t.Errorf("%s", text)
		}
	}
	if err := os.WriteFile(path, []byte("no section\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := replaceSection(path, r, nil); err == nil {
		t.Error("a README without a section was fine")
	}
}
