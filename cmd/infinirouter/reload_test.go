package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestReloadSaysWhatChanged(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL))
	page := r.reload(t)
	if page["ok"] != true || page["generation"] != 1.0 || len(page["changed"].([]any)) != 0 {
		t.Errorf("nothing changed: %v", page)
	}
	writeFile(t, r.config, oneService(s.URL, "[server]\nerror_format = \"openai\"")+"weight = 3\n")
	eventually(t, "the file is followed", func() bool { return strings.Contains(r.log.String(), "generation 2: ") })
	if log := r.log.String(); !strings.Contains(log, "server changed; service one changed") {
		t.Errorf("log: %s", log)
	}
	if _, got := fetch(t, "POST", r.url+"/v1/chat/completions", "{"); errorMessage("openai", got) == "" {
		t.Errorf("the new generation does not answer: %s", got)
	}
}

// TestDroppedPluginIsSeen: one that no policy uses does nothing, and the router
// says so to whoever dropped it.
func TestDroppedPluginIsSeen(t *testing.T) {
	s := startService(t, echo)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "used.wasm"), string(guestHook(abi.OnRequest, false, 0)))
	r := startRouter(t, oneService(s.URL, pluginsIn(dir))+withPolicy("p", "used.wasm", "{}"))
	writeFile(t, filepath.Join(dir, "dropped.wasm"), "whatever")
	const want = "generation 1 stays: nothing changed; no [[policies]] uses dropped.wasm"
	eventually(t, "the folder is followed", func() bool { return strings.Contains(r.log.String(), want) })
	if page := r.reload(t); fmt.Sprint(page["unused"]) != "[dropped.wasm]" {
		t.Errorf("%v", page)
	}
}

func TestBadReloadKeepsTheLastGood(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL))
	writeFile(t, r.config, oneService(s.URL)+"wieght = 3\nmax_in_flight = \"no\"\n[[policies]]\nname = \"p\"\nplugin = \"none.wasm\"\n")
	page := r.reload(t)
	text, _ := page["error"].(string)
	if page["ok"] != false || page["generation"] != 1.0 || !strings.Contains(text, "wieght") || !strings.Contains(text, `"weight"`) || !strings.Contains(text, "max_in_flight") || !strings.Contains(text, "none.wasm") {
		t.Errorf("%v", page)
	}
	if resp, _ := fetch(t, "POST", r.url+"/v1/chat/completions", chat); resp.StatusCode != 200 {
		t.Errorf("after a refused reload: %d", resp.StatusCode)
	}
}

// TestReloadsUnderLoad reloads 200 times while requests and streams flow: none
// may fail, and afterwards the process holds what it held before.
func TestReloadsUnderLoad(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !strings.Contains(string(body), `"stream":true`) {
			_, _ = w.Write(body)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 20 {
			_, _ = fmt.Fprintf(w, "data: {\"model\":\"m\",\"n\":%d}\n\n", i)
			w.(http.Flusher).Flush()
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	plugins := builtPolicies(t)
	config := func(i int) string {
		return oneService(s.URL, "[server]\naccess_log = false\n[plugins]\ndir = \""+plugins+"\"") + fmt.Sprintf(`weight = %d
[[services]]
name = "two"
url = %q
max_in_flight = %d
[[policies]]
name = "names"
plugin = "alias.wasm"
config = { gpt-%d = "m", gpt = "m", restore = true }
`, 1+i%3, s.URL, 1000*(i%2), i%4)
	}
	r := startRouter(t, config(0))
	load := startLoad(r.url)
	load.settle(t, 200)
	goroutines, files, memory := runtime.NumGoroutine(), openFiles(t), liveHeap()
	for i := range 200 {
		writeFile(t, r.config, config(i+1))
		if page := r.reload(t); page["ok"] != true {
			t.Fatalf("reload %d: %v", i, page)
		}
	}
	load.settle(t, 200)
	eventually(t, "as many goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines+10 })
	eventually(t, "as many open files as before", func() bool { return openFiles(t) <= files+10 })
	const slack = 16 << 20 // what requests under way hold
	eventually(t, "as much memory as before", func() bool { return liveHeap() <= memory+slack })
	t.Logf("%d requests and streams, goroutines %d to %d, files %d to %d, heap %d to %d KiB", load.count.Load(),
		goroutines, runtime.NumGoroutine(), files, openFiles(t), memory>>10, liveHeap()>>10)
	if err := load.stop(); err != nil {
		t.Fatal(err)
	}
}

// load is traffic that goes on until it is stopped.
type load struct {
	client  *http.Client
	done    chan struct{}
	workers sync.WaitGroup
	count   atomic.Int64
	mu      sync.Mutex
	err     error
}

func startLoad(url string) *load {
	l := &load{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}, done: make(chan struct{})}
	for i := range 6 {
		body, want := `{"model":"gpt","messages":[]}`, `{"model":"gpt"`
		if i%2 == 1 {
			body = `{"model":"gpt","stream":true}`
		}
		l.workers.Go(func() {
			for {
				select {
				case <-l.done:
					return
				default:
				}
				if err := l.once(url, body, want); err != nil {
					l.mu.Lock()
					l.err = errors.Join(l.err, err)
					l.mu.Unlock()
					return
				}
				l.count.Add(1)
			}
		})
	}
	return l
}

// once sends one request and checks that the reply is whole and right.
func (l *load) once(url, body, _ string) error {
	resp, err := l.client.Post(url+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != 200 {
		got, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%d %s", resp.StatusCode, got)
	}
	if !strings.Contains(body, "stream") {
		got, err := io.ReadAll(resp.Body)
		if err == nil && string(got) != body {
			err = fmt.Errorf("got %s", got)
		}
		return err
	}
	reader := bufio.NewReader(resp.Body)
	for i := range 20 {
		want := fmt.Sprintf("data: {\"model\":\"gpt\",\"n\":%d}\n", i)
		if event, err := readEvent(reader); err != nil || event != want {
			return fmt.Errorf("event %d: %q %w", i, event, err)
		}
	}
	rest, err := io.ReadAll(reader)
	if err == nil && string(rest) != "data: [DONE]\n\n" {
		err = fmt.Errorf("end: %q", rest)
	}
	return err
}

// settle lets n more requests pass.
func (l *load) settle(t *testing.T, n int64) {
	t.Helper()
	from := l.count.Load()
	eventually(t, "requests pass", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.err != nil {
			t.Fatal(l.err)
		}
		return l.count.Load() >= from+n
	})
}

func (l *load) stop() error {
	close(l.done)
	l.workers.Wait()
	l.client.CloseIdleConnections()
	return l.err
}

// liveHeap is what the heap holds once it was collected, pools included.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // a sync.Pool lets go at the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestHalfWrittenPlugin replaces a plugin the way a slow copy does: the old
// one serves until the new one is whole.
func TestHalfWrittenPlugin(t *testing.T) {
	s := startService(t, echo)
	dir := t.TempDir()
	whole, err := os.ReadFile(filepath.Join(builtPolicies(t), "alias.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	plugin := filepath.Join(dir, "p.wasm")
	writeFile(t, plugin, string(whole))
	r := startRouter(t, oneService(s.URL, "[plugins]\ndir = \""+dir+"\"")+"[[policies]]\nname = \"p\"\nplugin = \"p.wasm\"\nconfig = { gpt = \"m\" }\n")
	writeFile(t, plugin, string(whole[:len(whole)/2]))
	eventually(t, "the half is refused", func() bool { return strings.Contains(r.log.String(), "reload refused") })
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", `{"model":"gpt"}`); resp.StatusCode != 200 {
		t.Errorf("under half a plugin: %d %s", resp.StatusCode, got)
	}
	writeFile(t, plugin, string(whole)+"\x00\x02\x01x") // a custom section more: another module
	eventually(t, "the whole one is taken", func() bool { return strings.Contains(r.log.String(), "policy p changed") })
	_, page := fetchJSON(t, "GET", r.url+"/policies", "")
	if page["generation"] != 2.0 {
		t.Errorf("%v", page)
	}
}
