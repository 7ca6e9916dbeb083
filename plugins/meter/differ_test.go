package meter

import (
	"fmt"
	"slices"
	"testing"
)

// differ runs a module bare and metered on both of wazero's engines and reports
// every difference but fuel, and what is wrong with the fuel.
type differ struct {
	testing.TB
	wasm    []byte
	calls   []generatedCall
	costs   Costs
	metered []byte
}

// diff checks one module. It returns its metered run, for who wants to know what
// has been covered.
func diff(tb testing.TB, wasm []byte, calls []generatedCall, costs Costs) *run {
	tb.Helper()
	d := &differ{TB: tb, wasm: wasm, calls: calls, costs: costs}
	out, _, err := Instrument(wasm, DefaultLimits(), costs)
	if err != nil {
		tb.Fatalf("a valid module is refused: %v", err)
	}
	d.metered = out
	var bare, metered *run
	for _, engine := range []string{"interpreter", "compiler"} {
		bare = newSubject(tb, engine, wasm, calls).run(tb, -1, 0)
		metered = newSubject(tb, engine, out, calls).run(tb, -1, 0)
		d.same(engine+": metered", bare, metered)
		for _, st := range metered.steps {
			if st.dry {
				tb.Errorf("%s: %s ran dry", engine, st.name)
			}
		}
	}
	d.paid(bare, metered)
	d.slices(metered)
	d.short(metered)
	return metered
}

// same reports differences between two runs.
func (d *differ) same(what string, want, got *run) {
	d.Helper()
	if len(got.steps) != len(want.steps) {
		d.Fatalf("%s: %d calls, want %d: %+v, %+v", what, len(got.steps), len(want.steps), got.steps, want.steps)
	}
	for i, w := range want.steps {
		g := got.steps[i]
		if g.outcome.String() != w.outcome.String() || w.state != g.state && !w.stillborn {
			d.Fatalf("%s: %s came to\n%v %s, want\n%v %s", what, g.name, g.outcome, g.state, w.outcome, w.state)
		}
	}
	if !slices.Equal(want.trace.lines, got.trace.lines) {
		d.Fatalf("%s: the host heard\n%v, want\n%v", what, got.trace.lines, want.trace.lines)
	}
}

// paid holds the fuel against a count of the instructions.
func (d *differ) paid(bare, metered *run) {
	d.Helper()
	reference := newSubject(d, "compiler", counted(d.wasm, d.costs, 0), d.calls).run(d, -1, 0)
	d.same("counted", bare, reference)
	d.covers(metered, reference)
}

// covers holds the fuel of one run against the count of another.
func (d *differ) covers(metered, reference *run) {
	d.Helper()
	var spent int64
	for i, st := range metered.steps {
		spent += st.spent
		if count := reference.steps[i].count; count > spent {
			d.Fatalf("%s: instructions of weight %d ran for %d fuel", st.name, count, spent)
		}
	}
}

// slices holds that what is spent does not hang on how fuel is sliced.
func (d *differ) slices(metered *run) {
	d.Helper()
	costs := d.costs
	costs.Slice = costs.Slice%1000*31 + 1
	out, _, err := Instrument(d.wasm, DefaultLimits(), costs)
	if err != nil {
		d.Fatal(err)
	}
	again := newSubject(d, "compiler", out, d.calls).run(d, -1, 0)
	for i, st := range metered.steps {
		if st.spent != again.steps[i].spent {
			d.Fatalf("%s: spends %d in slices of %d and %d in slices of %d", st.name,
				st.spent, d.costs.Slice, again.steps[i].spent, costs.Slice)
		}
	}
}

// short gives the dearest call just what it spends, and less.
func (d *differ) short(metered *run) {
	d.Helper()
	i := 0
	for n, st := range metered.steps {
		if st.spent > metered.steps[i].spent {
			i = n
		}
	}
	whole := metered.steps[i]
	if whole.spent == 0 {
		return
	}
	s := newSubject(d, "compiler", d.metered, d.calls)
	enough := s.run(d, i, whole.spent)
	if st := enough.steps[i]; st.dry || st.spent != whole.spent || st.outcome.String() != whole.outcome.String() || st.state != whole.state {
		d.Fatalf("%s: with the %d it spends: %+v, want %+v", whole.name, whole.spent, st, whole)
	}
	for _, fuel := range []int64{whole.spent - 1, whole.spent / 2, whole.spent / 7, 0} {
		few := s.run(d, i, fuel)
		st := few.steps[i]
		if !st.dry || st.outcome.trap != "unreachable" {
			d.Fatalf("%s: with %d of the %d it spends: %+v", whole.name, fuel, whole.spent, st)
		}
		if heard := few.trace.lines; !slices.Equal(heard, metered.trace.lines[:len(heard)]) {
			d.Fatalf("%s: with %d of the %d it spends the host heard\n%v, not the beginning of\n%v",
				whole.name, fuel, whole.spent, heard, metered.trace.lines)
		}
	}
	d.prefix(i, whole.spent/3)
}

// prefix stops a module that counts itself by its fuel, and one that is not
// metered at the same count: what they have done must be the same.
func (d *differ) prefix(i int, fuel int64) {
	d.Helper()
	out, _, err := Instrument(counted(d.wasm, d.costs, 0), DefaultLimits(), d.costs)
	if err != nil {
		d.Fatal(err)
	}
	few := newSubject(d, "compiler", out, d.calls).run(d, i, fuel)
	got := few.steps[i]
	if !got.dry {
		d.Fatalf("%s: counting costs nothing: %+v", got.name, got)
	}
	before := int64(0)
	if i > 0 {
		before = few.steps[i-1].count
	}
	if got.count-before > fuel {
		d.Fatalf("%s: instructions of weight %d ran for %d fuel", got.name, got.count-before, fuel)
	}
	// It stopped before the next thing that counts, or before what counted last:
	// a bulk instruction is paid for in two parts.
	var stopped *run
	for _, limit := range []int64{got.count + 1, got.count} {
		stopped = newSubject(d, "compiler", counted(d.wasm, d.costs, limit), d.calls).run(d, i, 0)
		want := stopped.steps[len(stopped.steps)-1]
		if want.name == got.name && want.outcome.trap == "unreachable" && (want.state == got.state || want.stillborn) &&
			slices.Equal(few.trace.lines, stopped.trace.lines) {
			return
		}
	}
	d.Fatalf("%s, stopped by its fuel at a count of %d:\n%v\nheard %v, want\n%v\nheard %v", got.name, got.count,
		got, few.trace.lines, stopped.steps[len(stopped.steps)-1], stopped.trace.lines)
}

// FuzzRewrite: a module that is valid by construction does the same metered, and
// its fuel covers what it does.
func FuzzRewrite(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomChoices(seed, 300))
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		if len(bytes) > 2000 { // longer ones only are slower
			return
		}
		g := generate(bytes)
		diff(t, g.wasm, g.calls, g.costs)
	})
}

// TestRewriteGenerated runs some of what FuzzRewrite does every time, and holds
// that what is generated is worth running.
func TestRewriteGenerated(t *testing.T) {
	seen := map[string]int{}
	for seed := range uint64(300) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := generate(randomChoices(seed, 400))
			metered := diff(t, g.wasm, g.calls, g.costs)
			seen["heard"] += len(metered.trace.lines)
			for _, st := range metered.steps {
				seen[st.outcome.trap]++
				if st.spent > 10_000 {
					seen["long"]++
				}
			}
		})
	}
	t.Log(seen)
}
