package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins/hostile"
)

// renamer sets the model; each of its versions is another module.
const renamer = `(module
  (import "router_v1" "model_set" (func $set (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "m") (data (i32.const 16) "version NNNNNNNN")
  (func (export "on_event") (result i32) (i32.const 0))
  (func (export "on_request") (result i32) (drop (call $set (i32.const 0) (i32.const 1))) (i32.const 0)))`

// footprint is what a process holds.
type footprint struct {
	heap              uint64
	goroutines, files int
	code, memories    int // of guests: bytes, and how many
}

func footprintNow(t *testing.T) footprint {
	code, memories := mapped(t)
	return footprint{liveHeap(), runtime.NumGoroutine(), openFiles(t), code, memories}
}

// TestAThousandReplacements puts one new plugin after another in the place of
// the last, under load, streams included. No request fails, and what the router
// holds after the thousandth is what it held after the hundredth.
func TestAThousandReplacements(t *testing.T) {
	module, err := hostile.Assemble(renamer)
	if err != nil {
		t.Fatal(err)
	}
	s := startService(t, answering)
	dir := t.TempDir()
	replace := func(n int) {
		t.Helper()
		file := filepath.Join(dir, "new")
		writeFile(t, file, strings.Replace(string(module), "NNNNNNNN", fmt.Sprintf("%08d", n), 1))
		if err := os.Chtimes(file, time.Time{}, time.Now().Add(-time.Hour)); err != nil { // finished, as a copy that keeps times
			t.Fatal(err)
		}
		if err := os.Rename(file, filepath.Join(dir, "p.wasm")); err != nil {
			t.Fatal(err)
		}
	}
	replace(0)
	r := startRouter(t, oneService(s.URL, "[server]\naccess_log = false", pluginsIn(dir)+fmt.Sprintf("cache_dir = %q\n", filepath.Join(dir, "cache")))+
		"[[policies]]\nname = \"p\"\nplugin = \"p.wasm\"\n")
	done := make(chan struct{})
	var workers sync.WaitGroup
	for i := range 4 {
		workers.Go(func() {
			stream := i%2 == 1
			for {
				select {
				case <-done:
					return
				default:
				}
				status, body, err := ask(r.url, "gpt", stream)
				if err != nil || status != 200 || stream != strings.HasSuffix(body, "data: [DONE]\n\n") {
					t.Errorf("a request during replacements: %d %.200s %v", status, body, err)
					return
				}
			}
		})
	}
	var hundredth, last footprint
	for n := 1; n <= 1000; n++ {
		replace(n)
		if page := r.reload(t); page["ok"] != true {
			t.Fatalf("replacement %d: %v", n, page)
		}
		if n == 100 {
			hundredth = footprintNow(t)
		}
	}
	flat := func() bool {
		last = footprintNow(t)
		return last.heap <= hundredth.heap+8<<20 && last.goroutines <= hundredth.goroutines+10 &&
			last.files <= hundredth.files+10 && last.code <= hundredth.code+256<<10 && last.memories <= hundredth.memories+8
	}
	for deadline := time.Now().Add(30 * time.Second); !flat(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("after 100 replacements %+v, after 1000 %+v", hundredth, last)
			break
		}
	}
	close(done)
	workers.Wait()
	t.Logf("after 100 replacements %+v, after 1000 %+v", hundredth, last)
}
