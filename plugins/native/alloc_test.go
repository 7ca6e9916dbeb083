package native

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestNothingAllocates(t *testing.T) {
	if raceEnabled {
		t.Log("not measured under the race detector")
		return
	}
	store := &fakeStore{m: map[string][]byte{}, n: map[string]int64{}}
	for _, f := range abi.Functions {
		g := newGuest(t, withGrants(abi.GrantContent|abi.GrantKV), func(o *Options) {
			o.Store, o.Metrics, o.Limits.HostCalls = store, &fakeMetrics{}, 1<<30
		})
		x := quiet{fakeExchange: g.x}
		g.safe()
		args := make([]uint64, 10)
		for _, i := range pointers[f.Name] {
			args[i], args[i+1] = 512, 4
		}
		switch f.Name {
		case "log", "config_get", "fail", "interest_set":
			continue // made for other moments than the hot path
		case "property_get":
			args[0] = 1
		case "candidate_get":
			args[1] = 1
		case "reply":
			args[0] = 200
		}
		hook := abi.OnRequest
		if strings.HasPrefix(f.Name, "candidate") {
			hook = abi.OnRoute
		}
		fn, stack := g.mod.ExportedFunction(f.Name), make([]uint64, 10)
		g.policy.Store, g.policy.Metrics = quietStore{}, quietMetrics{}
		n := testing.AllocsPerRun(200, func() {
			g.call.Start(hook, x)
			copy(stack, args)
			if err := fn.CallWithStack(g.call, stack); err != nil {
				panic(err)
			}
			g.call.Finish()
		})
		if n != 0 {
			t.Errorf("%s: %v allocations", f.Name, n)
		}
		if f.Name != "random" && f.Name != "hash" && f.Name != "now_ms" && len(f.Results) == 1 && f.Results[0] == abi.I32 &&
			int32(uint32(stack[0])) < 0 {
			t.Errorf("%s: measured a refusal, %d", f.Name, int32(uint32(stack[0])))
		}
	}
}

// quiet is an exchange whose every method answers without allocating.
type quiet struct{ *fakeExchange }

var text = []byte("text")

func (quiet) Property(abi.Property) ([]byte, bool) { return text, true }
func (quiet) Headers(abi.Side) plugins.Headers     { return quietParts{} }
func (quiet) Document() plugins.Document           { return quietParts2{} }
func (quiet) Candidates() plugins.Candidates       { return quietParts3{} }
func (quiet) SetModel([]byte) error                { return nil }
func (quiet) SetReply(int, []byte, []byte) error   { return nil }
func (quiet) Var([]byte) ([]byte, bool)            { return text, true }
func (quiet) SetVar([]byte, []byte) error          { return nil }

type quietParts struct{}

func (quietParts) Get([]byte) ([]byte, bool) { return text, true }
func (quietParts) Set(_, _ []byte) error     { return nil }
func (quietParts) Remove([]byte) error       { return nil }

type quietParts2 struct{}

func (quietParts2) Get([]byte) ([]byte, error)                 { return text, nil }
func (quietParts2) AppendString(dst, _ []byte) ([]byte, error) { return append(dst, text...), nil }
func (quietParts2) GetNumber([]byte) (float64, error)          { return 1, nil }
func (quietParts2) Set(_, _ []byte) error                      { return nil }
func (quietParts2) SetString(_, _ []byte) error                { return nil }
func (quietParts2) SetNumber([]byte, float64) error            { return nil }
func (quietParts2) Remove([]byte) error                        { return nil }
func (quietParts2) Size() int                                  { return 4 }

type quietParts3 struct{}

func (quietParts3) Len() int                                           { return 3 }
func (quietParts3) Property(int, abi.CandidateProperty) ([]byte, bool) { return text, true }
func (quietParts3) Label(int, []byte) ([]byte, bool)                   { return text, true }
func (quietParts3) Number(int, abi.CandidateNumber) float64            { return 1 }
func (quietParts3) SetScore(int, float64)                              {}

type quietStore struct{}

func (quietStore) Get(dst []byte, _ string, _ []byte) ([]byte, bool, error) {
	return append(dst, text...), true, nil
}
func (quietStore) Set(string, []byte, []byte, time.Duration) error { return nil }
func (quietStore) Add(string, []byte, int64, time.Duration) (int64, error) {
	return 1, nil
}

type quietMetrics struct{}

func (quietMetrics) PolicyMetricAdd(string, string, float64) {}

func BenchmarkHostFunction(b *testing.B) {
	for _, c := range []struct {
		name string
		args []uint64
	}{
		{"now_ms", nil},
		{"property_get", []uint64{4, buffer, bufferSize}},
		{"header_get", []uint64{0, 512, 4, buffer, bufferSize}},
		{"json_string", []uint64{512, 4, buffer, bufferSize}},
		{"json_set_string", []uint64{512, 4, 512, 4}},
		{"var_get", []uint64{512, 4, buffer, bufferSize}},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := newGuest(b, withGrants(abi.GrantContent), func(o *Options) { o.Limits.HostCalls = math.MaxInt32 })
			g.safe()
			x := quiet{fakeExchange: g.x}
			g.call.Start(abi.OnRequest, x)
			fn, stack := g.mod.ExportedFunction(c.name), make([]uint64, 10)
			b.ReportAllocs()
			for b.Loop() {
				copy(stack, c.args)
				if err := fn.CallWithStack(g.call, stack); err != nil {
					b.Fatal(fmt.Sprint(err))
				}
			}
		})
	}
}
