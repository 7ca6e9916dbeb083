package scenarios

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/infinirouter/infinirouter/bench/report"
)

//go:embed *.toml
var files embed.FS

// order is that of a run and of its report; files that are not in it come last.
var order = []string{"overhead", "throughput", "streams", "idle", "policies", "reload", "cancel", "failover"}

// Load reads all scenarios.
func Load() ([]Scenario, error) {
	names, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	var list []Scenario
	for _, f := range names {
		text, err := files.ReadFile(f.Name())
		if err != nil {
			return nil, err
		}
		s, err := Parse(strings.TrimSuffix(f.Name(), path.Ext(f.Name())), string(text))
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	place := func(s Scenario) int {
		if i := slices.Index(order, s.Name); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(list, func(a, b Scenario) int { return place(a) - place(b) })
	return list, nil
}

// Parse reads the text of one scenario. Its errors name all that is wrong.
func Parse(name, text string) (Scenario, error) {
	s := Scenario{Name: name}
	meta, err := toml.Decode(text, &s)
	if err != nil {
		return s, fmt.Errorf("scenario %s: %w", name, err)
	}
	var wrong []error
	for _, key := range meta.Undecoded() {
		wrong = append(wrong, fmt.Errorf("%s: there is no such key", key))
	}
	for i := range s.Cases {
		s.Cases[i].defaults()
	}
	wrong = append(wrong, s.check()...)
	if len(wrong) > 0 {
		return s, fmt.Errorf("scenario %s: %w", name, errors.Join(wrong...))
	}
	return s, nil
}

func (c *Case) defaults() {
	if c.Body == 0 {
		c.Body = 1 << 10
	}
	if c.Corpus == "" {
		c.Corpus = "hot"
	}
	if c.Tokens == 0 {
		c.Tokens = 16
	}
}

// check lists what is wrong.
func (s *Scenario) check() []error {
	var wrong []error
	need := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, errors.New(what))
		}
	}
	need(slices.Contains([]string{KindLoad, KindIdle, KindReload, KindCancel, KindFailover, KindPolicies}, s.Kind), fmt.Sprintf("kind: there is no %q", s.Kind))
	need(s.Measures != "", "measures: say what")
	need(s.Noise != "", "noise: say how it is handled")
	need(len(s.Targets) > 0, "targets: name some")
	need(s.Rounds > 0, "rounds: at least 1")
	need(s.Duration > 0, "duration: must be set")
	need(len(s.Cases) > 0, "cases: there are none")
	var names []string
	for _, c := range s.Cases {
		need(c.Name != "" && !slices.Contains(names, c.Name), fmt.Sprintf("cases: a name of its own for each, not %q", c.Name))
		names = append(names, c.Name)
		for _, err := range c.check(s) {
			need(false, fmt.Sprintf("case %s: %v", c.Name, err))
		}
	}
	for _, name := range s.Quick.Cases {
		need(slices.Contains(names, name), fmt.Sprintf("quick.cases: there is no case %q", name))
	}
	return append(wrong, checkView(s.View)...)
}

func (c *Case) check(s *Scenario) []error {
	var wrong []error
	if c.Connections <= 0 {
		wrong = append(wrong, errors.New("connections: at least 1"))
	}
	if s.Kind == KindReload && c.Every < 0 {
		wrong = append(wrong, errors.New("every: not before"))
	}
	if s.Kind != KindFailover {
		return wrong
	}
	if c.Fault != "dies" && c.Fault != "hangs" {
		wrong = append(wrong, fmt.Errorf(`fault: "dies" or "hangs", not %q`, c.Fault))
	}
	if c.FaultAt <= 0 || c.BackAt <= c.FaultAt || s.Duration <= c.BackAt || c.Rate <= 0 {
		wrong = append(wrong, errors.New("want 0 < fault_at < back_at < duration, and a rate"))
	}
	return wrong
}

func checkView(v report.View) []error {
	var wrong []error
	known := func(name string) {
		if !report.KnownMetric(name) {
			wrong = append(wrong, fmt.Errorf("there is no metric %q", name))
		}
	}
	if len(v.Columns) == 0 {
		wrong = append(wrong, errors.New("columns: name some"))
	}
	for _, name := range v.Columns {
		known(name)
	}
	for _, h := range v.Headlines {
		known(h.Metric)
	}
	for _, p := range v.Plots {
		if p.Kind != "curve" {
			known(p.Metric)
		}
	}
	return wrong
}

// Quickly returns the scenario as a quick look has it; false if it is left out.
func (s Scenario) Quickly() (Scenario, bool) {
	q := s.Quick
	set(&s.Rounds, q.Rounds)
	set(&s.Warmup, q.Warmup)
	set(&s.Duration, q.Duration)
	if len(q.Targets) > 0 {
		s.Targets = q.Targets
	}
	s.Cases = slices.DeleteFunc(slices.Clone(s.Cases), func(c Case) bool {
		return len(q.Cases) > 0 && !slices.Contains(q.Cases, c.Name)
	})
	for i := range s.Cases {
		c := &s.Cases[i]
		set(&c.Connections, q.Connections)
		set(&c.Requests, q.Requests)
		set(&c.Tokens, q.Tokens)
	}
	return s, !q.Skip
}

// set replaces what x is if y is not zero.
func set[T comparable](x *T, y T) {
	if y != *new(T) {
		*x = y
	}
}

// UnmarshalText reads "20ms".
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err == nil && v < 0 {
		err = fmt.Errorf("%s is below 0", text)
	}
	*d = Duration(v)
	return err
}

// UnmarshalText reads "512B", "100KiB" or "1MiB".
func (s *Size) UnmarshalText(text []byte) error {
	for _, unit := range []struct {
		name  string
		bytes int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"B", 1}} {
		if number, ok := strings.CutSuffix(string(text), unit.name); ok {
			n, err := strconv.Atoi(number)
			if err != nil || n <= 0 || n > 64<<20/unit.bytes {
				return fmt.Errorf("size %q: from 1B to 64MiB", text)
			}
			*s = Size(n * unit.bytes)
			return nil
		}
	}
	return fmt.Errorf("size %q: want B, KiB or MiB", text)
}
