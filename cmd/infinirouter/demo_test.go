package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/bench/service"
)

// TestDemo runs the demo as a newcomer does and tries what it says to try.
func TestDemo(t *testing.T) {
	dir := t.TempDir()
	toml := "[server]\nlisten = \"0.0.0.0:1\"\n\n" + pluginsIn(builtPolicies(t)) + withPolicy("alias", "alias.wasm", `{ "gpt-4" = "Qwen3-32B" }`)
	for _, name := range []string{"first", "second"} {
		addr, release, err := service.Reserve()
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		toml += fmt.Sprintf("[[services]]\nname = %q\nurl = \"http://%s\"\n", name, addr)
	}
	config := filepath.Join(dir, "router.toml")
	writeFile(t, config, toml)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr syncBuffer
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"demo", "--config", config, "--listen", "127.0.0.1:0"}, &stdout, &stderr)
	}()
	const mark = "The router is ready at "
	for !strings.Contains(stderr.String(), "Ctrl-C stops it.") {
		select {
		case code := <-done:
			t.Fatalf("demo ended with %d:\n%s", code, stderr.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
	_, said, _ := strings.Cut(stderr.String(), mark)
	url, said, _ := strings.Cut(said, "/v1.")
	if n := strings.Count(said, "\n  curl "); n != 3 {
		t.Errorf("%d commands to try", n)
	}
	for model, want := range map[string]string{"gpt-4": "Qwen3-32B", "9g_8b_thinking": "9g_8b_thinking"} {
		body := fmt.Sprintf(`{"model":%q,"max_tokens":2,"messages":[{"role":"user","content":"Hello!"}]}`, model)
		if resp, got := fetch(t, http.MethodPost, url+"/v1/chat/completions", body); resp.StatusCode != 200 || !strings.Contains(string(got), `"model":"`+want+`"`) {
			t.Errorf("%s: %d %s", model, resp.StatusCode, got)
		}
	}
	cancel()
	if code := <-done; code != exitOK {
		t.Errorf("exit code %d:\n%s", code, stderr.String())
	}
}

func TestDemoStaysOnThisMachine(t *testing.T) {
	config := filepath.Join(t.TempDir(), "router.toml")
	writeFile(t, config, "[[services]]\nname = \"far\"\nurl = \"http://192.0.2.1:8100\"\n")
	var stdout, stderr syncBuffer
	if code := run(t.Context(), []string{"demo", "--config", config}, &stdout, &stderr); code != exitFailure ||
		!strings.Contains(stderr.String(), "service far: demo starts fake services on this machine only") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
