package native

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// pointers are the parameters of each function that point into guest memory,
// each followed by its length.
var pointers = map[string][]int{
	"config_get": {0}, "fail": {0}, "property_get": {1}, "header_get": {1, 3}, "header_set": {1, 3}, "header_remove": {1},
	"json_get": {0, 2}, "json_set": {0, 2}, "json_remove": {0}, "json_number": {0}, "json_set_number": {0}, "json_numbers": {0, 2}, "texts_get": {0, 2},
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
		before := g.call.fuel.Left()
		f()
		return before - g.call.fuel.Left()
	}
	if n := spent(func() { g.do("hash", 0, freeBytes) }); n != 0 {
		t.Errorf("hashing %d bytes cost %d", freeBytes, n)
	}
	if n := spent(func() { g.do("hash", 0, 1<<16) }); n != 1<<16 {
		t.Errorf("hashing 64 KiB cost %d", n)
	}
	if n := spent(func() { g.do("random_get", 0, 1<<16) }); n < 1<<16/2 {
		t.Errorf("64 KiB of randomness cost %d", n)
	}
	g.call.fuel.Fill(10)
	if _, err := g.try("hash", 0, 1<<16); err == nil {
		t.Fatal("a guest without fuel hashed 64 KiB")
	}
	if f, _ := g.call.Failure(); f.Kind != plugins.FailureFuel || g.call.fuel.Left() >= 0 {
		t.Errorf("failure is %+v, fuel %d", f, g.call.fuel.Left())
	}
}

// TestWorkOnADocumentCostsFuel: what the router has to go through is paid for
// by who asked, whatever is found.
func TestWorkOnADocumentCostsFuel(t *testing.T) {
	g := newGuest(t, withGrants(abi.GrantContent))
	g.x.doc.size = 1 << 20
	path := func(p string) (uint64, uint64) {
		g.mod.Memory().Write(512, []byte(p))
		return 512, uint64(len(p))
	}
	const whole = 1 << 20 / walkedPerFuel
	for _, c := range []struct {
		what string
		do   func()
		want int64
	}{
		{"a member", func() { p, n := path("/user"); g.do("json_get", p, n, 0, 0) }, 0},
		{"below a member", func() { p, n := path("/a/b"); g.do("json_get", p, n, 0, 0) }, whole},
		{"the whole", func() { g.do("json_get", 512, 0, 0, 0) }, whole},
		{"a number", func() { p, n := path("/a/b"); g.do("json_number", p, n) }, whole},
		{"an edit", func() { p, n := path("/a/b"); g.do("json_remove", p, n) }, whole + 1<<20},
		{"a number written", func() { p, n := path("/a/b"); g.do("json_set_number", p, n, 0) }, whole + 1<<20},
		{"a number at the top", func() { p, n := path("/a"); g.do("json_set_number", p, n, 0) }, 0},
		{"a list", func() { p, n := path("/a/b\x00/c\x00/d/e"); g.do("json_numbers", p, n, 0, 0) }, 2 * whole},
		{"messages counted", func() { g.do("number_get", uint64(abi.NumberMessages)) }, whole},
		{"a value written", func() { p, n := path("/a"); g.do("json_set", p, n, 1024, 8192) }, 8192 + 4*8192},
		{"a value below", func() { p, n := path("/a/b"); g.do("json_set", p, n, 1024, 8192) }, whole + 1<<20 + 8192 + 4*8192},
		{"a text written", func() { p, n := path("/a"); g.do("json_set_string", p, n, 1024, 8192) }, 8192 + 4*6*8192}, // of NUL
		{"a model", func() { g.do("model_set", 1024, 8192) }, 8192 + 4*6*8192},
		{"a text read in vain", func() {
			g.x.doc.m["/a"] = `"` + strings.Repeat("x", 8192) + `"`
			p, n := path("/a")
			g.do("json_string", p, n, 0, 0)
		}, 8192},
	} {
		g.call.Start(abi.OnRequest, g.x)
		before := g.call.fuel.Left()
		if c.do(); before-g.call.fuel.Left() != c.want {
			t.Errorf("%s cost %d, want %d", c.what, before-g.call.fuel.Left(), c.want)
		}
	}
}

func TestAPanicOfTheRouterIsSeen(t *testing.T) {
	g := newGuest(t)
	g.x.boom = func() { var s []int; _ = s[len(s)] }
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

// TestWrittenBytesAreCounted: what a long edit or reply makes the router send.
func TestWrittenBytesAreCounted(t *testing.T) {
	g := newGuest(t, withGrants(abi.GrantContent))
	const long = 10_000
	at := g.safe()
	text := bytes.Repeat([]byte{0}, long)
	g.mod.Memory().Write(uint32(at)+100, text)
	g.mod.Memory().Write(uint32(at), []byte("/user"))
	for _, step := range []struct {
		name string
		args []uint64
		want int64
	}{
		{"json_set_string", []uint64{at, 5, at + 100, 80}, 0},
		{"json_set_string", []uint64{at, 5, at + 100, long}, 6 * long},
		{"json_set_string", []uint64{at, 5, at + 100, long}, 12 * long}, // in one call they add up
	} {
		g.do(step.name, step.args...)
		if got := g.call.Written(); got != step.want {
			t.Errorf("%s: %d bytes written, want %d", step.name, got, step.want)
		}
	}
	g.call.Finish()
	g.call.Start(abi.OnRequest, g.x)
	if got := g.call.Written(); got != 0 {
		t.Errorf("%d bytes of an earlier call", got)
	}
	g.do("reply", 200, 0, 0, at+100, long)
	if got := g.call.Written(); got != long {
		t.Errorf("reply: %d bytes written, want %d", got, long)
	}
}
