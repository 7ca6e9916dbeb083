package suite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/infinirouter/infinirouter/bench/peer"
	"github.com/infinirouter/infinirouter/bench/process"
	"github.com/infinirouter/infinirouter/bench/report"
	"github.com/infinirouter/infinirouter/bench/scenarios"
)

// target is something that is measured.
type target struct {
	name string
	url  string
	pid  int // 0: nothing to account for
	cpus int // that it may use

	running *peer.Running // nil for one that was not started here
	fresh   process.Usage // right after its start
}

// usage is what the target has used; nothing when that cannot be known.
func (t *target) usage() (process.Usage, error) {
	if t.pid == 0 {
		return process.Usage{}, nil
	}
	return process.Measure(t.pid)
}

// check fails when the target has ended by itself.
func (t *target) check() error {
	if t.running == nil {
		return nil
	}
	return t.running.Check()
}

func (t *target) stop() {
	if t.running != nil {
		t.running.Stop()
	}
}

func stopAll(targets []*target) {
	for _, t := range targets {
		t.stop()
	}
}

// variants are routers that only the scenario policies has.
var variants = []peer.Peer{
	peer.RouterWith("alias", "router with alias", "alias"),
	peer.RouterWith("alias-restore", "router with alias, restoring names", "alias-restore"),
	peer.RouterWith("clamp", "router with clamp", "clamp"),
	peer.RouterWith("canary", "router with canary", "canary"),
	peer.RouterWith("canary-labels", "router with canary, by label", "canary-labels"),
}

// peers returns all peers there are.
func peers() []peer.Peer { return append(peer.Known(), variants...) }

// names returns the names of a scenario's targets, "all" put in full, and those
// that were not asked for left out.
func (b *bench) names(s *scenarios.Scenario) ([]string, error) {
	var list []string
	add := func(name string) {
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for _, name := range s.Targets {
		if name != "all" {
			add(name)
			continue
		}
		for _, p := range peer.Known() {
			add(p.Name)
		}
		for _, x := range b.External {
			add(x.Name)
		}
	}
	known := append([]string{peer.Direct}, b.externalNames()...)
	for _, p := range peers() {
		known = append(known, p.Name)
	}
	for _, name := range append(slices.Clone(list), b.Targets...) {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no target %q, but %v", name, known)
		}
	}
	return slices.DeleteFunc(list, func(name string) bool {
		needed := name == peer.Direct || s.Kind == scenarios.KindPolicies && name == "router-0" // to compare with
		return len(b.Targets) > 0 && !needed && !slices.Contains(b.Targets, name)
	}), nil
}

func (b *bench) externalNames() []string {
	var list []string
	for _, x := range b.External {
		list = append(list, x.Name)
	}
	return list
}

// start starts targets in front of services. What is not installed, or does not
// start, is noted as missing and left out; the router must start.
func (b *bench) start(ctx context.Context, names []string, services ...*service) ([]*target, error) {
	var list []*target
	for _, name := range names {
		t, err := b.startOne(ctx, name, services)
		var absent *absentError
		switch {
		case errors.As(err, &absent):
			b.miss(name, absent.reason)
		case err != nil:
			stopAll(list)
			return nil, err
		default:
			list = append(list, t)
		}
	}
	return list, nil
}

// absentError says why a target cannot be measured.
type absentError struct{ reason string }

func (e *absentError) Error() string { return e.reason }

func (b *bench) startOne(ctx context.Context, name string, services []*service) (*target, error) {
	if name == peer.Direct {
		return &target{name: name, url: services[0].url()}, nil
	}
	for _, x := range b.External {
		if x.Name == name {
			return b.attach(x)
		}
	}
	i := slices.IndexFunc(peers(), func(p peer.Peer) bool { return p.Name == name })
	p := peers()[i]
	if len(services) > 1 && !p.Balances() {
		return nil, &absentError{"cannot look after two services"}
	}
	path, err := p.Find(b.Programs)
	if err != nil {
		return nil, &absentError{err.Error()}
	}
	version, err := b.version(ctx, p, path)
	if err != nil {
		return nil, &absentError{err.Error()}
	}
	o := peer.Options{CPUs: b.Place.Targets, Programs: b.Programs, Failover: len(services) > 1}
	for _, s := range services {
		o.Services = append(o.Services, s.address)
	}
	r, err := p.Start(ctx, o)
	switch {
	case err != nil && (p.Ours() || ctx.Err() != nil):
		return nil, err
	case err != nil:
		return nil, &absentError{err.Error()}
	}
	t := &target{name: name, url: r.URL, pid: r.PID(), cpus: b.targetCPUs(), running: r}
	if t.fresh, err = t.usage(); err != nil {
		r.Stop()
		return nil, err
	}
	b.note(report.Target{Name: name, Title: p.Title, Version: version, Command: r.Command, Config: r.Config})
	return t, nil
}

// attach makes a target of what runs already.
func (b *bench) attach(x External) (*target, error) {
	t := &target{name: x.Name, url: x.URL, pid: x.PID}
	var err error
	if t.fresh, err = t.usage(); err != nil {
		return nil, &absentError{err.Error()}
	}
	b.note(report.Target{Name: x.Name, Title: x.Name, Version: "at " + x.URL})
	return t, nil
}

// version asks a program once.
func (b *bench) version(ctx context.Context, p peer.Peer, path string) (string, error) {
	key := p.Name + " " + path
	if v, ok := b.versions[key]; ok {
		return v, nil
	}
	v, err := p.Version(ctx, path)
	if err == nil {
		b.versions[key] = v
	}
	return v, err
}

// note adds a target to the report, with the first configuration that it had.
func (b *bench) note(t report.Target) {
	for i := range b.report.Targets {
		if b.report.Targets[i].Name == t.Name {
			return
		}
	}
	b.report.Targets = append(b.report.Targets, t)
}

// miss adds a target that cannot be measured to the report, and says so.
func (b *bench) miss(name, reason string) {
	m := report.Missing{Name: name, Reason: strings.Join(strings.Fields(reason), " ")}
	if !slices.ContainsFunc(b.report.Missing, func(x report.Missing) bool { return x.Name == name }) {
		b.report.Missing = append(b.report.Missing, m)
		b.progress.line(fmt.Sprintf("%s is not measured: %s", name, m.Reason))
	}
}
