package native

import (
	"math"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestCandidates(t *testing.T) {
	g := newGuest(t)
	g.call.Start(abi.OnRoute, g.x)
	run(t, g, []step{
		{"candidate_count", nil, 2, ""},
		{"candidate_get", []any{1, int(abi.CandidateName)}, 0, "b"},
		{"candidate_get", []any{1, int(abi.CandidateURL), buffer, bufferSize}, abi.Absent, ""},
		{"candidate_get", []any{2, int(abi.CandidateName), buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_get", []any{-1, int(abi.CandidateName), buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_get", []any{0, 0, buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_get", []any{0, 4, buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_label", []any{0, "zone"}, 0, "za"},
		{"candidate_label", []any{0, "none", buffer, bufferSize}, abi.Absent, ""},
		{"candidate_label", []any{0, "", buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_label", []any{9, "zone", buffer, bufferSize}, abi.Malformed, ""},
		{"candidate_score", []any{0, 0.0}, 0, ""},
		{"candidate_score", []any{1, 2.5}, 0, ""},
		{"candidate_score", []any{2, 1.0}, abi.Malformed, ""},
	})
	if g.x.candidates.scores[0] != 0 || g.x.candidates.scores[1] != 2.5 || len(g.x.candidates.scores) != 2 {
		t.Errorf("scores are %v", g.x.candidates.scores)
	}
	if got := math.Float64frombits(g.do("candidate_number", 1, uint64(abi.CandidateWeight))); got != 2 {
		t.Errorf("weight: %v", got)
	}
	for _, args := range [][]uint64{{2, 1}, {0, 0}, {0, 7}, {math.MaxUint32, 1}, {0, uint64(abi.CandidateQueue)}} {
		if got := math.Float64frombits(g.do("candidate_number", args...)); !math.IsNaN(got) {
			t.Errorf("candidate_number%v = %v, want NaN", args, got)
		}
	}
	if _, failed := g.call.Failure(); failed {
		t.Error("the call failed without a bad score")
	}
}

func TestAScoreThatCannotBeRankedFailsTheCall(t *testing.T) {
	for _, score := range []float64{math.NaN(), -0.1, math.Inf(1), math.Inf(-1)} {
		g := newGuest(t)
		g.call.Start(abi.OnRoute, g.x)
		if got := g.code("candidate_score", 0, score); got != abi.Malformed {
			t.Errorf("%v: got %d", score, got)
		}
		f, failed := g.call.Failure()
		if !failed || f.Kind != plugins.FailureResult || !strings.Contains(f.Reason, "candidate_score") {
			t.Errorf("%v: failure is %+v", score, f)
		}
		if len(g.x.candidates.scores) != 0 {
			t.Errorf("%v was set", score)
		}
	}
}
