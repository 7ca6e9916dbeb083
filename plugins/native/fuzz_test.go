package native

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// edges are numbers that arguments are drawn from: the ends of memory and of
// what a number can be, the places of the texts below, small numbers.
var edges = []uint64{
	0, 1, 2, 3, 4, 7, 8, 16, 255, 256, 257, 511, 512, 513, 1023, 1024, 4096, 4097, 8192, 65535, 65536, 65537,
	memoryEnd - 8, memoryEnd - 1, memoryEnd, memoryEnd + 1, 1<<31 - 1, 1 << 31, math.MaxUint32 - 1, math.MaxUint32,
	math.MaxInt64, 1 << 63, math.MaxUint64,
	math.Float64bits(math.NaN()), math.Float64bits(math.Inf(1)), math.Float64bits(-1), math.Float64bits(0.5),
}

// texts lie in the guest's memory, one after another from textsAt, 64 bytes each.
var fuzzTexts = []string{
	"/model", "/messages", "/messages/-", "/messages/0/content", "/temperature", "/a~2b", "", "/user",
	`"gpt-4"`, `{"a":[1,2,{"b":null}]}`, "[1,", "\"\xff\"", "\x00\n\r", "x-team", "authorization", "Content-Length",
	"log.a", "a;label=b", "text/plain", "/model\x00/temperature", "header:x-team\x00property:4\x00text:/user\x00?",
}

const textsAt, textSize = 8192, 64

// FuzzHostFunctions plays a guest that calls one function after another with
// arguments of its choice. Whatever it does, the host only writes where it was
// asked to, answers what the ABI says it answers, and stops the guest by a
// failure that it can name; it never panics otherwise.
func FuzzHostFunctions(f *testing.F) {
	names := functionNames()
	for i := range names { // each, with texts that may make sense and with edges
		for seed := range byte(8) {
			f.Add([]byte{byte(i), 40 + seed, 80 + seed, 41, 81, 42 + seed, 82}, byte(seed), seed)
			f.Add([]byte{byte(i), seed, 25 + seed, seed, 25, 30, 24}, byte(seed), byte(0xff))
		}
	}
	g := newGuest(f, func(o *Options) {
		o.Store = &fakeStore{m: map[string][]byte{}, n: map[string]int64{}}
		o.Limits.HostCalls = 64
	})
	f.Fuzz(func(t *testing.T, calls []byte, where, grants byte) {
		g.t, g.x = t, newFake()
		g.log.Reset()
		g.policy.Grants = abi.Grant(grants)
		fillMemory(g, calls)
		if hook := abi.Hook(where % (byte(abi.HookCount) + 1)); int(hook) < abi.HookCount {
			g.call.Start(hook, g.x)
		} else {
			g.call.StartConfigure()
		}
		g.call.Fuel().Fill(1_000_000)
		for len(calls) > 0 {
			name := names[int(calls[0])%len(names)]
			var args []uint64
			args, calls = arguments(calls[1:], parameters(name))
			if !checkCall(t, g, name, args) {
				break
			}
		}
		g.call.Finish()
		if log := g.log.String(); strings.ContainsAny(log, "\x00\x1b\r") {
			t.Errorf("the log has control characters in it: %q", log)
		}
	})
}

// functionNames are those of the ABI and of WASI.
func functionNames() []string {
	var out []string
	for _, f := range append(slices.Clone(abi.Functions), WASIFunctions()...) {
		out = append(out, f.Name)
	}
	return out
}

func signatureOf(name string) abi.Function {
	for _, f := range append(slices.Clone(abi.Functions), WASIFunctions()...) {
		if f.Name == name {
			return f
		}
	}
	panic("no function " + name)
}

func parameters(name string) int { return len(signatureOf(name).Params) }

// arguments draws n of them, a byte each: an edge, a text's place or length, or
// the byte itself.
func arguments(b []byte, n int) (args []uint64, rest []byte) {
	for range n {
		var c byte
		if len(b) > 0 {
			c, b = b[0], b[1:]
		}
		switch i := int(c); {
		case i < len(edges):
			args = append(args, edges[i])
		case i < 80:
			args = append(args, textsAt+textSize*uint64((i-40)%len(fuzzTexts)))
		case i < 120:
			args = append(args, uint64(len(fuzzTexts[(i-80)%len(fuzzTexts)])))
		default:
			args = append(args, uint64(c))
		}
	}
	return args, b
}

// fillMemory makes memory a function of the input alone.
func fillMemory(g *guest, seed []byte) {
	memory, _ := g.mod.Memory().Read(0, memoryEnd)
	clear(memory)
	copy(memory[16384:], seed)
	for i, text := range fuzzTexts {
		copy(memory[textsAt+i*textSize:], text)
	}
	// iovecs for fd_write: the texts, and one outside.
	for i := range 8 {
		binary.LittleEndian.PutUint32(memory[512+8*i:], uint32(textsAt+i*textSize))
		binary.LittleEndian.PutUint32(memory[516+8*i:], textSize)
	}
	binary.LittleEndian.PutUint32(memory[512+8*8:], math.MaxUint32)
}

// checkCall makes one call and reports whether the guest goes on.
func checkCall(t *testing.T, g *guest, name string, args []uint64) bool {
	t.Helper()
	memory, _ := g.mod.Memory().Read(0, memoryEnd)
	before := bytes.Clone(memory)
	result, err := g.try(name, args...)
	if err != nil {
		fault, failed := g.call.Failure()
		if !failed || fault.Reason == "" || !slices.Contains(plugins.FailureKinds, fault.Kind) || fault.Kind == plugins.FailureInternal {
			t.Fatalf("%s%v: failure %+v, inside %q: %v", name, args, fault, g.call.Inside(), err)
		}
		if strings.ContainsAny(fault.Reason, "\x00\x1b\r\n") {
			t.Errorf("%s%v: reason %q", name, args, fault.Reason)
		}
	}
	f := signatureOf(name)
	if code := int32(uint32(result)); err == nil && len(f.Results) == 1 && f.Results[0] == abi.I32 && code < abi.TooLarge {
		t.Errorf("%s%v answers %d", name, args, code)
	}
	if bytes.Equal(memory, before) {
		return err == nil
	}
	for i := range memory {
		if memory[i] != before[i] && !mayWrite(g, name, args, uint64(i)) {
			t.Fatalf("%s%v wrote at %d", name, args, i)
		}
	}
	return err == nil
}

// buffers are the parameters that point at a buffer whose capacity follows.
var buffers = map[string]int{
	"config_get": 0, "property_get": 1, "header_get": 3, "json_get": 2, "json_string": 2, "json_numbers": 2, "texts_get": 2,
	"candidate_get": 2, "candidate_label": 3, "var_get": 2, "kv_get": 2, "random_get": 0,
}

// mayWrite reports whether a function was asked to write at an address. Those of
// WASI write single results of up to 64 bytes at pointers of theirs.
func mayWrite(g *guest, name string, args []uint64, at uint64) bool {
	if i, ok := buffers[name]; ok {
		ptr, n := uint64(uint32(args[i])), uint64(uint32(args[i+1]))
		return at >= ptr && at < ptr+n
	}
	for _, f := range abi.Functions {
		if f.Name == name {
			return false
		}
	}
	for _, a := range args {
		if ptr := uint64(uint32(a)); at >= ptr && at < ptr+64 {
			return true
		}
	}
	return name == "poll_oneoff" // as many results as were asked for, each at its place
}
