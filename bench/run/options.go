package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/infinirouter/infinirouter/bench/scenarios"
	"github.com/infinirouter/infinirouter/bench/suite"
)

// options are the flags.
type options struct {
	scenarios, targets []string
	external           []suite.External
	rounds             int
	quick, list        bool
	pin                string

	router, policies string // what to measure, instead of building it

	out, against, render, readme string

	args []string // as given
}

var errHelp = flag.ErrHelp

const usage = `Usage: go run ./bench/run [flags]

Measures this router and its peers; bench/README.md tells what is measured.
Without flags: all scenarios, all targets; some fifteen minutes.

`

func parse(args []string, out io.Writer) (options, error) {
	o := options{args: args}
	f := flag.NewFlagSet("run", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() { fmt.Fprint(out, usage); f.PrintDefaults() }
	f.Func("scenarios", "comma-separated `NAMES`; default all, see -list", names(&o.scenarios))
	f.Func("targets", "comma-separated `NAMES`; default all, see -list. The direct run is always made where a scenario has it", names(&o.targets))
	f.Func("target", "`NAME=URL` of a further target that runs already; may be repeated", o.addExternal)
	f.Func("pid", "`NUMBER` of the process of the -target before it, for its CPU time and memory", o.addPID)
	f.IntVar(&o.rounds, "rounds", 0, "`NUMBER` of rounds, instead of each scenario's own")
	f.BoolVar(&o.quick, "quick", false, "fewer and shorter rounds, fewer cases: under 90 s, to look, not to quote")
	f.BoolVar(&o.list, "list", false, "list scenarios and targets, and say what is not installed")
	f.StringVar(&o.pin, "pin", "auto", "`HOW` CPUs are shared: split (targets have the upper half to themselves), none, or auto: split where there are four or more")
	f.StringVar(&o.router, "router", "", "infinirouter `BINARY` to measure; default: it is built")
	f.StringVar(&o.policies, "policies", "", "`DIR` of compiled policies; default: policies, and they are compiled")
	f.StringVar(&o.out, "out", "bin/bench", "`DIR` for report.json, report.md, report.html and plots")
	f.StringVar(&o.against, "against", "", "earlier report.json `FILE` to compare with")
	f.StringVar(&o.render, "render", "", "report.json `FILE` to show again, instead of measuring")
	f.StringVar(&o.readme, "readme", "", "`FILE` whose report section is replaced, too")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is no flag", f.Arg(0))
	case o.pin != "split" && o.pin != "none" && o.pin != "auto":
		return o, fmt.Errorf("-pin: split, none or auto, not %q", o.pin)
	case o.rounds < 0:
		return o, errors.New("-rounds: at least 1")
	}
	return o, nil
}

func names(to *[]string) func(string) error {
	return func(text string) error {
		for name := range strings.SplitSeq(text, ",") {
			if name = strings.TrimSpace(name); name == "" {
				return errors.New("a name is empty")
			}
			*to = append(*to, name)
		}
		return nil
	}
}

var targetName = regexp.MustCompile(`^[\w.-]+$`)

func (o *options) addExternal(text string) error {
	name, base, ok := strings.Cut(text, "=")
	u, err := url.Parse(base)
	if !ok || !targetName.MatchString(name) || err != nil || u.Scheme != "http" || u.Host == "" {
		return errors.New("want NAME=http://HOST:PORT, the name of letters, digits, dots and dashes")
	}
	o.external = append(o.external, suite.External{Name: name, URL: strings.TrimSuffix(base, "/")})
	return nil
}

func (o *options) addPID(text string) error {
	pid, err := strconv.Atoi(text)
	if err != nil || pid <= 0 || len(o.external) == 0 {
		return errors.New("want a number, behind a -target")
	}
	o.external[len(o.external)-1].PID = pid
	return nil
}

// command is how the run was started, and repeat how one scenario is run again
// the same way; its name goes behind.
func (o options) command() string {
	return strings.Join(append([]string{"go run ./bench/run"}, o.args...), " ")
}

func (o options) repeat() string {
	words := []string{"go run ./bench/run"}
	for i := 0; i < len(o.args); i++ {
		name, _, joined := strings.Cut(strings.TrimLeft(o.args[i], "-"), "=")
		switch name {
		case "scenarios", "out", "against", "readme":
			if !joined {
				i++
			}
		default:
			words = append(words, o.args[i])
		}
	}
	return strings.Join(append(words, "-scenarios"), " ")
}

// formatPlace and parsePlace carry a Place through a restart.
func formatPlace(p suite.Place) string { return fmt.Sprint(p.Targets, p.Generator, p.Service) }

func parsePlace(text string) (suite.Place, error) {
	var p suite.Place
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), "] [")
	lists := []*[]int{&p.Targets, &p.Generator, &p.Service}
	if len(parts) != len(lists) {
		return p, fmt.Errorf("CPUs %q: want three lists", text)
	}
	for i, part := range parts {
		for word := range strings.FieldsSeq(part) {
			n, err := strconv.Atoi(word)
			if err != nil {
				return p, fmt.Errorf("CPUs %q: %w", text, err)
			}
			*lists[i] = append(*lists[i], n)
		}
	}
	return p, nil
}

// summary is the first sentence of what a scenario measures.
func summary(s scenarios.Scenario) string {
	text := strings.Join(strings.Fields(s.Measures), " ")
	first, _, cut := strings.Cut(text, ". ")
	if cut {
		first += "."
	}
	return first
}
