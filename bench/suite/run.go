package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/infinirouter/infinirouter/bench/report"
	"github.com/infinirouter/infinirouter/bench/scenarios"
)

// bench is a run under way.
type bench struct {
	Options
	report   *report.Report
	service  *service
	progress *progress
	versions map[string]string
}

// kinds run one case of a scenario.
var kinds = map[string]func(*bench, context.Context, *measurement) error{
	scenarios.KindLoad:     (*bench).runLoad,
	scenarios.KindIdle:     (*bench).runIdle,
	scenarios.KindReload:   (*bench).runReload,
	scenarios.KindCancel:   (*bench).runCancel,
	scenarios.KindFailover: (*bench).runFailover,
	scenarios.KindPolicies: (*bench).runPolicies,
}

// measurement is one case of a scenario with its targets.
type measurement struct {
	s       *scenarios.Scenario
	c       scenarios.Case
	targets []string
	shared  *[]*target // that run through all cases of the scenario
	cells   map[string]*report.Cell
	order   []string
	notes   []string
}

// Run runs the scenarios and returns what they found. An error is one of the
// harness; what goes wrong in a target's replies is in the report. A scenario
// that fails is missing in the report, which comes with the error: the others
// took their time.
func Run(ctx context.Context, o Options) (*report.Report, error) {
	b := &bench{Options: o, versions: map[string]string{}}
	b.report = &report.Report{
		Format: report.Format, Started: time.Now(), Command: o.Command, Environment: environment(o.Place),
		Missing: []report.Missing{},
	}
	b.progress = &progress{out: o.Progress, terminal: o.Terminal, started: time.Now()}
	defer b.progress.clear()
	for i := range b.Scenarios {
		s := &b.Scenarios[i]
		if b.Rounds > 0 {
			s.Rounds = b.Rounds
		}
		names, err := b.names(s)
		if err != nil {
			return nil, err
		}
		for _, c := range s.Cases {
			b.progress.total += time.Duration(s.Rounds*len(names)) * step(s, c)
		}
	}
	var err error
	if b.service, err = startService(ctx, o.Service, o.Place.Service); err != nil {
		return nil, fmt.Errorf("fake service: %w", err)
	}
	defer b.service.kill()
	var failed []error
	for i := range b.Scenarios {
		err := b.scenario(ctx, &b.Scenarios[i])
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			name := "scenario " + b.Scenarios[i].Name
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
			b.report.Missing = append(b.report.Missing, report.Missing{Name: name, Reason: err.Error()})
			b.progress.line(name + ": " + err.Error())
		}
	}
	b.report.Seconds = time.Since(b.report.Started).Seconds()
	return b.report, errors.Join(failed...)
}

// step is about how long one target takes in one round.
func step(s *scenarios.Scenario, c scenarios.Case) time.Duration {
	d := time.Duration(s.Warmup+s.Duration) + 50*time.Millisecond
	if c.Requests > 0 { // streams, which are as long as they are
		d = time.Duration(c.Ramp) + time.Duration(c.Tokens)*time.Duration(c.Interval) + 300*time.Millisecond
	}
	return d
}

// scenario runs all cases of one.
func (b *bench) scenario(ctx context.Context, s *scenarios.Scenario) error {
	names, err := b.names(s)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		b.progress.line(s.Name + ": none of its targets was asked for")
		return nil
	}
	out := report.Scenario{
		Name: s.Name, Measures: s.Measures, Noise: s.Noise, View: s.View, Command: b.Repeat + " " + s.Name,
	}
	var shared []*target
	defer func() { stopAll(shared) }()
	for _, c := range s.Cases {
		m := &measurement{s: s, c: c, targets: names, shared: &shared, cells: map[string]*report.Cell{}}
		if err := kinds[s.Kind](b, ctx, m); err != nil {
			return fmt.Errorf("case %s: %w", c.Name, err)
		}
		for _, note := range m.notes {
			if !slices.Contains(out.Notes, note) {
				out.Notes = append(out.Notes, note)
			}
		}
		for _, key := range m.order {
			out.Cells = append(out.Cells, *m.cells[key])
		}
	}
	b.report.Scenarios = append(b.report.Scenarios, out)
	return nil
}

// add adds a round to the cell of a target, in the case or in another that the
// measurement also tells of.
func (m *measurement) add(caseName, target string, r report.Round) {
	key := caseName + "\x00" + target
	if m.cells[key] == nil {
		c := &report.Cell{Case: caseName, Target: target}
		if m.s.Kind == scenarios.KindLoad && !m.c.Stream {
			c.Bytes = int64(m.c.Body)
		}
		m.cells[key] = c
		m.order = append(m.order, key)
	}
	m.cells[key].Rounds = append(m.cells[key].Rounds, r)
}

// rounds calls measure for each target in each round, beginning with another one
// each time, and afterRound with what a round gave, by target. Cells are in the
// order of the targets.
func (b *bench) rounds(ctx context.Context, m *measurement, targets []string, measure func(name string) (report.Round, error)) error {
	found := make([]map[string]report.Round, m.s.Rounds)
	for n := range m.s.Rounds {
		found[n] = map[string]report.Round{}
		for i := range targets {
			name := targets[(i+n)%len(targets)]
			b.progress.step(m.s.Name+", "+m.c.Name, fmt.Sprintf("round %d of %d, %s", n+1, m.s.Rounds, name), step(m.s, m.c))
			r, err := measure(name)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			found[n][name] = r
		}
		addDifferences(found[n])
	}
	for _, name := range targets {
		for n := range m.s.Rounds {
			m.add(m.c.Name, name, found[n][name])
		}
	}
	return nil
}
