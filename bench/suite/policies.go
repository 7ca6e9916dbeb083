package suite

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/infinirouter/infinirouter/bench/load"
	"github.com/infinirouter/infinirouter/bench/report"
)

// runPolicies puts the same load on routers that differ in their policies.
func (b *bench) runPolicies(ctx context.Context, m *measurement) error {
	targets, err := b.start(ctx, m.targets, b.service)
	if err != nil {
		return err
	}
	defer stopAll(targets)
	byName := map[string]*target{}
	var names []string
	for _, t := range targets {
		byName[t.name] = t
		names = append(names, t.name)
	}
	hooks := hooksOf{}
	err = b.rounds(ctx, m, names, func(name string) (report.Round, error) {
		t := byName[name]
		r, found, err := b.withPolicies(ctx, t, b.job(m, t))
		if len(t.running.Policies()) == 1 { // of a chain one cannot tell whose they are
			for _, h := range found {
				hooks.add(name+", "+h.name, h.round())
			}
		}
		return r, err
	})
	if err != nil {
		return err
	}
	for _, name := range hooks.order {
		for _, r := range hooks.rounds[name] {
			m.add(m.c.Name+": each hook", name, r)
		}
	}
	return nil
}

// hooksOf gathers the rounds of hooks, in the order of their first.
type hooksOf struct {
	order  []string
	rounds map[string][]report.Round
}

func (h *hooksOf) add(name string, r report.Round) {
	if h.rounds == nil {
		h.rounds = map[string][]report.Round{}
	}
	if h.rounds[name] == nil {
		h.order = append(h.order, name)
	}
	h.rounds[name] = append(h.rounds[name], r)
}

// hook is what a router says of a hook: sums since it started.
type hook struct {
	name              string
	calls, time, fuel float64
}

func (h hook) round() report.Round {
	return report.Round{Values: map[string]float64{"hook_calls": h.calls, "hook_time": h.time / h.calls, "hook_fuel": h.fuel / h.calls}}
}

// withPolicies measures one router, and what it says of its hooks meanwhile.
func (b *bench) withPolicies(ctx context.Context, t *target, job load.Job) (report.Round, []hook, error) {
	// Asking for the number of allocations makes some.
	first, err := allocations(ctx, t.url)
	if err != nil {
		return report.Round{}, nil, err
	}
	again, err := allocations(ctx, t.url)
	if err != nil {
		return report.Round{}, nil, err
	}
	var objects [2]float64
	var hooks [2][]hook
	look := func(at int) func() error {
		return func() (err error) {
			// In this order before, and in the reverse after: what lies
			// between the two counts of objects is the load and one asking.
			if at == 1 {
				objects[at], err = allocations(ctx, t.url)
			}
			if err == nil {
				hooks[at], err = hooksAt(ctx, t.url)
			}
			if err == nil && at == 0 {
				objects[at], err = allocations(ctx, t.url)
			}
			return err
		}
	}
	r, err := b.load(ctx, t, job, watch{before: look(0), after: look(1)})
	if err != nil {
		return r, nil, err
	}
	if requests := r.Values["requests"]; requests > 0 {
		r.Values["allocations"] = max(0, objects[1]-objects[0]-(again-first)) / requests
	}
	return r, since(hooks[0], hooks[1]), nil
}

// allocations asks a router how many objects it has allocated.
func allocations(ctx context.Context, url string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	const name = "go_memstats_mallocs_total "
	count, found := 0.0, false
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), name); ok {
			count, err = strconv.ParseFloat(text, 64)
			found = true
		}
	}
	if err == nil {
		err = lines.Err()
	}
	if err == nil && !found {
		err = fmt.Errorf("%s/metrics has no %s", url, name)
	}
	return count, err
}

// hooksAt asks a router for its hooks.
func hooksAt(ctx context.Context, url string) ([]hook, error) {
	var page struct {
		Policies []struct {
			Hooks []struct {
				Hook        string  `json:"hook"`
				Calls       float64 `json:"calls"`
				AverageFuel float64 `json:"average_fuel"`
				AverageTime float64 `json:"average_time"`
			} `json:"hooks"`
		} `json:"policies"`
	}
	if err := getJSON(ctx, url+"/policies", &page); err != nil {
		return nil, err
	}
	var list []hook
	for _, p := range page.Policies {
		for _, h := range p.Hooks {
			list = append(list, hook{h.Hook, h.Calls, h.AverageTime * h.Calls, h.AverageFuel * h.Calls})
		}
	}
	return list, nil
}

// since returns the hooks that were called between two looks.
func since(before, after []hook) []hook {
	var list []hook
	for i, h := range after {
		if i < len(before) {
			h.calls -= before[i].calls
			h.time -= before[i].time
			h.fuel -= before[i].fuel
		}
		if h.calls > 0 {
			list = append(list, h)
		}
	}
	return list
}
