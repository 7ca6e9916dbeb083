package service

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestMetricsTellWhatIsOpen holds three requests open in a batch of two.
func TestMetricsTellWhatIsOpen(t *testing.T) {
	s := start(t, Config{Metrics: true, Batch: 2})
	page := func() string {
		t.Helper()
		resp, err := client.Get(s.URL() + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%d, %v", resp.StatusCode, err)
		}
		return string(b)
	}
	const labels = `{engine="0",model_name="Qwen3-32B"} `
	has := func(page string, values ...string) bool {
		for i, name := range []string{"vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"} {
			if !strings.Contains(page, "\n"+name+labels+values[i]+"\n") {
				return false
			}
		}
		return true
	}
	if got := page(); !has(got, "0", "0", "0") {
		t.Errorf("idle:\n%s", got)
	}
	for range 3 {
		go func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/v1/chat/completions", strings.NewReader(hello))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("X-Fake-Hang", "1")
			if resp, err := client.Do(req); err == nil { // or the test ends first
				_ = resp.Body.Close()
			}
		}()
	}
	for deadline := time.Now().Add(30 * time.Second); s.OpenRequests() < 3 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if got := page(); !has(got, "2", "1", "0.75") {
		t.Errorf("with three requests open:\n%s", got)
	}
	resp, err := client.Get(start(t, Config{}).URL() + "/metrics")
	if err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("without Metrics: %v, %v", resp, err)
	}
	_ = resp.Body.Close()
}
