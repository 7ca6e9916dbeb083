package meter

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// goGuest is the source of a Go guest that does what policies do: maps, strings,
// sorting, JSON, the garbage collector.
const goGuest = `package main

import (
	"encoding/json"
	"hash/fnv"
	"runtime"
	"sort"
	"strings"
)

var body = []byte(` + "`" + `{"model":"Qwen3-32B","messages":[{"role":"user","content":"hello"}],"temperature":0.7}` + "`" + `)

//go:wasmexport on_request
func onRequest() int32 {
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		return -1
	}
	m["model"] = strings.ToLower(m["model"].(string))
	b, _ := json.Marshal(m)
	h := fnv.New32a()
	h.Write(b)
	return int32(h.Sum32())
}

//go:wasmexport sorted
func sorted(n int32) int32 {
	s := make([]int, n)
	for i := range s {
		s[i] = i * 7919 % 10007
	}
	sort.Ints(s)
	runtime.GC()
	return int32(s[n/2])
}

//go:wasmexport fib
func fib(n int32) int32 {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

//go:wasmexport nothing
func nothing() int32 { return 0 }

//go:wasmexport spin
func spin() {
	for {
	}
}

//go:wasmexport recurse
func recurse(n int32) int32 { return recurse(n+1) + 1 }

func main() {}
`

// buildGoGuest compiles goGuest once for all tests.
var buildGoGuest = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "meter-guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"go.mod": "module guest\n\ngo 1.26\n", "main.go": goGuest} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-o", "guest.wasm", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWORK=off", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the guest: %w\n%s", err, text)
	}
	return os.ReadFile(filepath.Join(dir, "guest.wasm"))
})

func guestWasm(tb testing.TB) []byte {
	tb.Helper()
	wasm, err := buildGoGuest()
	if err != nil {
		tb.Fatal(err)
	}
	return wasm
}

func TestGoGuest(t *testing.T) {
	wasm := guestWasm(t)
	out := metered(t, wasm)
	info, err := Inspect(wasm, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes became %d (%+.1f %%), work %d, largest function %d", len(wasm), len(out),
		100*float64(len(out)-len(wasm))/float64(len(wasm)), info.CompileWork, info.MaxWork)
	if len(out) > len(wasm)+len(wasm)/20 {
		t.Errorf("grew from %d to %d bytes, over 5 %%", len(wasm), len(out))
	}
	if limit := DefaultLimits().CompileWork; info.CompileWork*3 > int64(limit) {
		t.Errorf("an ordinary Go guest has work %d of a limit of %d: too little room", info.CompileWork, limit)
	}

	bare, err := start(t, wasm, 0)
	if err != nil {
		t.Fatal(err)
	}
	in, err := start(t, out, plenty)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []uint64
	}{{"nothing", nil}, {"on_request", nil}, {"sorted", []uint64{5000}}, {"fib", []uint64{15}}, {"on_request", nil}} {
		want, err := bare.call(0, c.name, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := in.call(plenty, c.name, c.args...)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: got %v, %v, want %v", c.name, got, err, want)
		}
		t.Logf("%s spends %d", c.name, plenty-in.left())
	}
}

func TestGoGuestStops(t *testing.T) {
	out := metered(t, guestWasm(t))
	for _, name := range []string{"spin", "recurse"} {
		in, err := start(t, out, plenty)
		if err != nil {
			t.Fatal(err)
		}
		args := []uint64{0}[:strings.Count(name, "recurse")]
		if _, err := in.call(10_000_000, name, args...); err == nil || in.left() >= 0 {
			t.Errorf("%s: %v with %d fuel left", name, err, in.left())
		}
	}
}

// TestGoGuestKeepsNames: a guest's stack trace names its functions.
func TestGoGuestKeepsNames(t *testing.T) {
	in, err := start(t, metered(t, guestWasm(t)), plenty)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.call(0, "fib", 1); err == nil || !strings.Contains(err.Error(), "fib") {
		t.Errorf("got %v, want a stack trace that names fib", err)
	}
}

// TestDeterministic: one input, one output, one price.
func TestDeterministic(t *testing.T) {
	wasm := guestWasm(t)
	out := metered(t, wasm)
	if string(out) != string(metered(t, wasm)) {
		t.Error("two rewritings of one module differ")
	}
	if string(wasm) != string(guestWasm(t)) {
		t.Error("the input was changed")
	}
	var spent [2]int64
	for i := range spent {
		in, err := start(t, out, plenty)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.call(plenty, "fib", 15); err != nil {
			t.Fatal(err)
		}
		spent[i] = plenty - in.left()
	}
	if spent[0] != spent[1] {
		t.Errorf("two fresh instances spent %d and %d on the same call", spent[0], spent[1])
	}
}
