package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins/hostile"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// villainTOML is a router with two routes: one for honest traffic, through the
// shipped alias, and one through the plugin under test, if there is one.
func villainTOML(service, shipped, cache, plugin string, grants []string) string {
	quoted, _ := json.Marshal(append([]string{}, grants...))
	toml := fmt.Sprintf(`[server]
listen = "127.0.0.1:0"
access_log = false
max_body = "8MiB"
[plugins]
dir = %q
cache_dir = %q
[[services]]
name = "one"
url = %q
[[policies]]
name = "names"
plugin = "alias.wasm"
config = { honest = "m" }
[[routes]]
name = "honest"
models = ["honest"]
policies = ["names"]
`, shipped, cache, service)
	if plugin != "" {
		toml += fmt.Sprintf(`[[policies]]
name = "villain"
plugin = %q
grants = %s
[[routes]]
name = "villain"
policies = ["villain"]
`, plugin, quoted)
	}
	return toml
}

// innocent is what villains are measured against.
const innocent = `(module (memory (export "memory") 1)
  (func (export "on_request") (result i32) (i32.const 0))
  (func (export "on_route") (result i32) (i32.const 0)))`

// bodies is what bodies are read into. In small pieces, as io.Discard reads, a
// large one would keep a processor busy for longer than the router, and without
// giving way between them what waits for it here would look like the router's.
var bodies = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// answering is a service that answers as it is asked to, streamed or not. It
// keeps nothing of a large body: it is not what is tested or measured.
func answering(w http.ResponseWriter, r *http.Request) {
	buf := bodies.Get().(*[256 << 10]byte)
	defer bodies.Put(buf)
	n, _ := io.ReadFull(r.Body, buf[:512])
	head := string(buf[:n])
	for err := error(nil); err == nil; {
		_, err = r.Body.Read(buf[:])
		runtime.Gosched()
	}
	if !strings.Contains(head, `"stream":true`) {
		_, _ = io.WriteString(w, `{"model":"m","choices":[]}`)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	for range 10 {
		_, _ = io.WriteString(w, "data: {\"model\":\"m\",\"choices\":[]}\n\n")
		w.(http.Flusher).Flush()
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// TestVillains drops each plugin of package hostile into a running router, beside
// an honest one, and sends both of them requests. Whatever the plugin does:
// no honest request fails, its own requests get what on_error says, no client
// sees why, and the process takes no more time and memory than the villain's
// file says.
func TestVillains(t *testing.T) {
	villains, err := hostile.All()
	if err != nil {
		t.Fatal(err)
	}
	nothing, err := hostile.Assemble(innocent)
	if err != nil {
		t.Fatal(err)
	}
	s := startService(t, answering)
	v := &villainy{service: s.URL, shipped: builtPolicies(t), dir: t.TempDir(), cache: filepath.Join(t.TempDir(), "cache")}
	v.run(t, &hostile.Villain{Name: "warm-up", Outcomes: map[abi.Hook][]string{abi.OnRequest: {hostile.OK}}}, nothing)
	v.base = v.run(t, &hostile.Villain{Name: "innocent", Outcomes: map[abi.Hook][]string{abi.OnRequest: {hostile.OK}}}, nothing)
	t.Logf("%-28s %6.2f s CPU, %4d MiB", "a plugin that does nothing", v.base.cpu.Seconds(), v.base.memory>>20)
	for _, villain := range villains {
		t.Run(villain.Name, func(t *testing.T) {
			module, err := villain.Module()
			if err != nil {
				t.Fatal(err)
			}
			took := v.run(t, villain, module)
			cpu, memory := took.cpu-v.base.cpu, took.memory-v.base.memory
			t.Logf("%-28s %6.2f s CPU, %4d MiB more; allowed %v, %d MiB", villain.Name, cpu.Seconds(), memory>>20, villain.CPU, villain.Memory>>20)
			if cpu > villain.CPU || memory > villain.Memory {
				t.Errorf("it took %v and %d MiB more than a plugin that does nothing; its file allows %v and %d MiB",
					cpu, memory>>20, villain.CPU, villain.Memory>>20)
			}
		})
	}
}

// villainy is what the runs of all villains share.
type villainy struct {
	service, shipped, dir, cache string
	base                         usage
}

func (v *villainy) toml(villain *hostile.Villain) string {
	return villainTOML(v.service, v.shipped, v.cache, filepath.Join(v.dir, villain.Name+".wasm"), villain.Grants)
}

// run drops the module in, loads and calls it, and returns what the router took.
func (v *villainy) run(t *testing.T, villain *hostile.Villain, module []byte) usage {
	t.Helper()
	writeFile(t, filepath.Join(v.dir, villain.Name+".wasm"), string(module))
	p := startProcess(t, villainTOML(v.service, v.shipped, v.cache, "", nil))
	eventually(t, "the service is found", func() bool { return healthy(p.url) })
	stop, honest := v.honest(t, p)
	writeFile(t, p.config, v.toml(villain))
	_, page := fetchJSON(t, http.MethodPost, p.url+"/admin/reload", "")
	if villain.Refused == "" {
		if page["ok"] != true {
			t.Errorf("it is not loaded: %v", page)
		} else {
			v.call(t, p, villain)
		}
	} else if said := fmt.Sprint(page["error"], page["errors"]); page["ok"] == true || !strings.Contains(said, villain.Refused) {
		t.Errorf("the reload says %v\nwant ... %s", page, villain.Refused)
	}
	stop()
	if n := honest.Load(); n < 4*25 {
		t.Errorf("%d honest requests only", n)
	}
	harmless(t, "the log", p.log.String())
	return p.end(t)
}

func healthy(url string) bool {
	resp, err := http.Get(url + "/health")
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode == http.StatusOK
}

// honest sends honest requests from two sides until stop is called, at least 25
// from each. None may fail.
func (v *villainy) honest(t *testing.T, p *process) (stop func(), sent *atomic.Int64) {
	var workers sync.WaitGroup
	sent = &atomic.Int64{}
	done := make(chan struct{})
	for range 4 {
		workers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-done:
					if n >= 25 {
						return
					}
				default:
				}
				status, body, err := ask(p.url, "honest", false)
				if err != nil || status != http.StatusOK || body != `{"model":"m","choices":[]}` {
					t.Errorf("an honest request: %d %s %v", status, body, err)
					return
				}
				sent.Add(1)
				// Beside a villain that goes on for long, what honest requests take
				// must not become most of what is measured.
				pause := time.Millisecond
				if n >= 25 {
					pause = 10 * time.Millisecond
				}
				time.Sleep(pause)
			}
		})
	}
	return func() { close(done); workers.Wait() }, sent
}

// ask sends one chat request with what villains look for in it.
func ask(url, model string, stream bool) (status int, body string, err error) {
	req, err := http.NewRequest(http.MethodPost, url+"/v1/chat/completions", strings.NewReader(
		fmt.Sprintf(`{"model":%q,"stream":%v,"user":"u","messages":[{"role":"user","content":"secret"}]}`, model, stream)))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer secret")
	req.Header.Set("Cookie", "secret")
	req.Header.Set("X-Api-Key", "secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// call sends the villain a hundred requests and looks at what became of them.
func (v *villainy) call(t *testing.T, p *process, villain *hostile.Villain) {
	t.Helper()
	_, events := villain.Outcomes[abi.OnEvent]
	failures, mayFail := false, false
	for hook, outcomes := range villain.Outcomes {
		asks := hook == abi.OnRequest || hook == abi.OnRoute // whose failure is the request's
		failures = failures || asks && !slices.Contains(outcomes, hostile.OK)
		mayFail = mayFail || asks && !slices.Equal(outcomes, []string{hostile.OK})
	}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for range 25 {
				status, body, err := ask(p.url, "m", events)
				switch {
				case mayFail && !failures && status == 503 && strings.HasPrefix(body, `{"error":"unknown model `):
					// Wild pointers have named one.
				case err != nil && !events: // a stream may be cut
					t.Errorf("the villain's request: %v", err)
				case failures && (status != 500 || body != `{"error":"policy villain failed"}`),
					!mayFail && status != 200,
					status != 200 && (status != 500 || body != `{"error":"policy villain failed"}`):
					t.Errorf("the villain's request: %d %.200s", status, body)
					return
				case events && strings.Contains(body, "[DONE]"):
					t.Errorf("a stream whose policy failed ended well: %s", body)
				}
				if len(body) < 1000 {
					harmless(t, "a reply", body)
				}
			}
		})
	}
	workers.Wait()
	v.checkFigures(t, p, villain)
}

// checkFigures looks at what an operator sees of the villain.
func (v *villainy) checkFigures(t *testing.T, p *process, villain *hostile.Villain) {
	t.Helper()
	_, page := fetchJSON(t, "GET", p.url+"/policies", "")
	var row struct {
		Name  string
		Last  string `json:"last_error"`
		Hooks []struct {
			Hook     string
			Calls    uint64
			Failures uint64
			ByKind   map[string]uint64 `json:"failures_by_kind"`
		}
	}
	found := false
	for _, r := range page["policies"].([]any) {
		b, _ := json.Marshal(r)
		if err := json.Unmarshal(b, &row); err != nil {
			t.Fatal(err)
		}
		if found = row.Name == "villain"; found {
			break
		}
	}
	if !found {
		t.Fatalf("no villain on %v", page)
	}
	for _, h := range row.Hooks {
		hook, _ := abi.HookByName(h.Hook)
		outcomes, called := villain.Outcomes[hook]
		if !called {
			continue
		}
		if h.Calls == 0 {
			t.Errorf("%s was never called", h.Hook)
		}
		for kind := range h.ByKind {
			if !slices.Contains(outcomes, kind) && kind != "busy" {
				t.Errorf("%s failed with %s, its file says %v: %s", h.Hook, kind, outcomes, row.Last)
			}
		}
		if !slices.Contains(outcomes, hostile.OK) && h.Failures != h.Calls {
			t.Errorf("%s: %d of %d calls failed, its file says all do", h.Hook, h.Failures, h.Calls)
		}
	}
	if villain.Reason != "" && !strings.Contains(row.Last, villain.Reason) && !strings.Contains(row.Last, "instances") {
		t.Errorf("the last error is %q, want ... %s", row.Last, villain.Reason)
	}
	harmless(t, "/policies", fmt.Sprint(page))
}

// harmless looks for what must not be in a text that came near a villain: the
// router's own stack, the client's secrets, and control characters.
func harmless(t *testing.T, what, text string) {
	t.Helper()
	for _, bad := range []string{"goroutine 1 [running]:\n", ".go:", "runtime error", "secret", "\x1b", "\x00", "\r"} {
		if i := strings.Index(text, bad); i >= 0 {
			t.Errorf("%s has %q in it: %.300q", what, bad, text[max(i-100, 0):])
		}
	}
}
