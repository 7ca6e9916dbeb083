package native

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// pointers are the parameters of each function that point into guest memory,
// each followed by its length.
var pointers = map[string][]int{
	"config_get": {0}, "fail": {0}, "property_get": {1}, "header_get": {1, 3}, "header_set": {1, 3}, "header_remove": {1},
	"json_get": {0, 2}, "json_set": {0, 2}, "json_remove": {0}, "json_number": {0}, "json_set_number": {0},
	"json_string": {0, 2}, "json_set_string": {0, 2}, "model_set": {0}, "candidate_get": {2}, "candidate_label": {1, 3},
	"reply": {1, 3}, "var_get": {0, 2}, "var_set": {0, 2}, "kv_get": {0, 2}, "kv_set": {0, 2}, "kv_add": {0},
	"log": {1}, "metric_add": {0}, "hash": {0},
	"number_get": nil, "candidate_count": nil, "candidate_number": nil, "candidate_score": nil, "now_ms": nil,
	"random": nil, "interest_set": nil,
}

func TestPointersAtEveryEdge(t *testing.T) {
	store := &fakeStore{m: map[string][]byte{"p/aaaa": []byte("v")}, n: map[string]int64{}}
	g := newGuest(t, withGrants(abi.GrantContent|abi.GrantCredentials|abi.GrantKV), func(o *Options) {
		o.Store, o.Limits.HostCalls = store, 1<<30
	})
	edges := []uint64{0, 1, memoryEnd - 2, memoryEnd - 1, memoryEnd, memoryEnd + 1, 1 << 31, math.MaxUint32 - 1, math.MaxUint32}
	lengths := []uint64{0, 1, 2, 4, memoryEnd, 1<<31 - 1, 1 << 31, math.MaxUint32 - 1, math.MaxUint32}
	for _, f := range abi.Functions {
		at, known := pointers[f.Name]
		if !known {
			t.Errorf("this test does not know the pointers of %s", f.Name)
		}
		hook := abi.OnRequest
		if strings.HasPrefix(f.Name, "candidate") {
			hook = abi.OnRoute
		}
		for _, i := range at {
			for _, ptr := range edges {
				for _, n := range lengths {
					args := make([]uint64, 10)
					switch f.Name {
					case "property_get":
						args[0] = uint64(abi.PropertyModel)
					case "candidate_get":
						args[1] = uint64(abi.CandidateName)
					case "reply":
						args[0] = 200
					}
					for _, other := range at { // the other pointers are right
						args[other], args[other+1] = g.safe(), 4
					}
					args[i], args[i+1] = ptr, n
					// A value to be written: only then is the buffer looked at.
					g.x.doc.m["aaaa"], g.x.headers[0].m["aaaa"], g.x.vars["aaaa"] = `"v"`, "v", []byte("v")
					store.m["p/aaaa"] = []byte("v")
					g.call.Start(hook, g.x)
					_, err := g.try(f.Name, args...)
					fault, failed := g.call.Failure()
					outside := n > 0 && ptr+n > memoryEnd
					if outside != (err != nil) || failed != (err != nil) || failed && fault.Kind != plugins.FailureTrap {
						t.Fatalf("%s with parameter %d = (%d, %d): error %v, failure %+v", f.Name, i, ptr, n, err, fault)
					}
				}
			}
		}
	}
}

// safe is memory that holds "aaaa".
func (g *guest) safe() uint64 {
	g.mod.Memory().Write(512, []byte("aaaa"))
	return 512
}

func TestHostCallsAreCounted(t *testing.T) {
	g := newGuest(t, func(o *Options) { o.Limits.HostCalls = 3 })
	for range 3 {
		g.do("now_ms")
	}
	if _, err := g.try("now_ms"); err == nil {
		t.Fatal("a fourth call went through")
	}
	f, _ := g.call.Failure()
	if f.Kind != plugins.FailureLimit || !strings.Contains(f.Reason, "policies.limits.host_calls") {
		t.Errorf("failure is %+v", f)
	}
	g.call.Start(abi.OnRequest, g.x)
	g.do("now_ms")
	if _, failed := g.call.Failure(); failed {
		t.Error("the failure outlived its call")
	}
}

func TestLongValuesCostFuel(t *testing.T) {
	g := newGuest(t)
	spent := func(f func()) int64 {
		before := int64(g.call.fuel.Get())
		f()
		return before - int64(g.call.fuel.Get())
	}
	if n := spent(func() { g.do("hash", 0, freeBytes) }); n != 0 {
		t.Errorf("hashing %d bytes cost %d", freeBytes, n)
	}
	if n := spent(func() { g.do("hash", 0, 1<<16) }); n != 1<<16/bytesPerFuel {
		t.Errorf("hashing 64 KiB cost %d", n)
	}
	if n := spent(func() { g.do("random_get", 0, 1<<16) }); n < 1<<16/2 {
		t.Errorf("64 KiB of randomness cost %d", n)
	}
	g.call.fuel.Set(10)
	if _, err := g.try("hash", 0, 1<<16); err == nil {
		t.Fatal("a guest without fuel hashed 64 KiB")
	}
	if f, _ := g.call.Failure(); f.Kind != plugins.FailureFuel || int64(g.call.fuel.Get()) >= 0 {
		t.Errorf("failure is %+v, fuel %d", f, int64(g.call.fuel.Get()))
	}
}

func TestAPanicOfTheRouterIsSeen(t *testing.T) {
	g := newGuest(t)
	g.x.boom = func() { var m map[string]int; m["a"] = 1 }
	_, err := g.try("property_get", 1, buffer, bufferSize)
	if err == nil || g.call.Inside() != "property_get" {
		t.Errorf("error %v, inside %q", err, g.call.Inside())
	}
	if _, failed := g.call.Failure(); failed {
		t.Error("a panic of the router counts as a stop of the guest")
	}
	g.x.boom = nil
	g.call.Start(abi.OnRequest, g.x)
	if g.do("now_ms"); g.call.Inside() != "" {
		t.Errorf("inside %q after a call that returned", g.call.Inside())
	}
}

func TestFailText(t *testing.T) {
	g := newGuest(t)
	g.do("fail", g.args([]any{"bad\nkey \x1b[31m\xff"})...)
	if got := g.call.FailText(); got != `bad\nkey \x1b[31m\xff` {
		t.Errorf("text is %s", got)
	}
	g.do("fail", g.args([]any{strings.Repeat("é", 4000)})...)
	if got := g.call.FailText(); len(got) > maxFailText+3 || !utf8.ValidString(got) {
		t.Errorf("text has %d bytes", len(got))
	}
	g.call.Start(abi.OnRequest, g.x)
	if g.call.HasFailText() || g.call.FailText() != "" {
		t.Error("the text outlived its call")
	}
}

func TestOneLine(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 5, ""}, {"abc", 3, "abc"}, {"abcd", 3, "abc..."}, {"aé", 2, "a..."}, {"aé", 3, "aé"},
		{"a\r\n\tb\x00", 99, `a\r\n\tb\x00`}, {"\u2028\u202e", 99, `\u2028\u202e`}, {"\xe2\x82", 99, `\xe2\x82`},
		{"日本", 4, "日..."}, {"\xff\xff\xff", 2, `\xff\xff...`}, {"é", 1, "..."}, {"\x80", 1, `\x80`},
	} {
		if got := OneLine([]byte(c.in), c.limit); got != c.want {
			t.Errorf("OneLine(%q, %d) = %s, want %s", c.in, c.limit, got, c.want)
		}
	}
}

func FuzzOneLine(f *testing.F) {
	f.Add([]byte("a\nb\xff日本"), 5)
	f.Fuzz(func(t *testing.T, text []byte, limit int) {
		if limit < 0 {
			return
		}
		got := OneLine(text, limit)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b\u2028\u202e") {
			t.Errorf("OneLine(%q, %d) = %q", text, limit, got)
		}
	})
}

func TestLogLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuest(t, func(o *Options) { o.Limits.LogPerSecond = 20 })
		for i := range 10_000 {
			g.top = 1024
			g.do("log", g.args([]any{i % 5, "storm"})...)
			g.call.Start(abi.OnRequest, g.x)
		}
		if n := strings.Count(g.log.String(), "text=storm"); n != 20 {
			t.Errorf("%d lines were logged at once, want 20", n)
		}
		g.logged(t, "policy=p", "request_id=req-1", "hook=on_request", "level=DEBUG", "level=INFO", "level=WARN", "level=ERROR")
		time.Sleep(500 * time.Millisecond)
		g.log.Reset()
		for range 100 {
			g.top = 1024
			g.do("log", g.args([]any{2, "a\nb\x1b"})...)
		}
		if n := strings.Count(g.log.String(), `text=a\nb\x1b`); n != 10 {
			t.Errorf("%d lines were logged after half a second, want 10:\n%s", n, g.log)
		}
		g.logged(t, "dropped_lines=9980")
		time.Sleep(time.Hour)
		g.log.Reset()
		for range 100 {
			g.top = 1024
			g.do("log", g.args([]any{2, strings.Repeat("x", maxLogLine+1)})...)
		}
		if n := strings.Count(g.log.String(), "xxx..."); n != 20 {
			t.Errorf("%d lines were saved up over an hour, want 20", n)
		}
	})
}

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
