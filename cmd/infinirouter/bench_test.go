package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bench "github.com/infinirouter/infinirouter/bench/load"
	"github.com/infinirouter/infinirouter/bench/service"
)

// TestBench measures a service as a user would, and finds its model by itself.
func TestBench(t *testing.T) {
	s, err := service.Start(service.Config{Models: []string{"tiny"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	file := filepath.Join(t.TempDir(), "result.json")
	var stdout, stderr syncBuffer
	args := []string{"bench", "--url", s.URL() + "/v1/", "--requests", "20", "--duration", "0", "--warmup", "0", "--stream", "--size", "2KiB", "--json", file}
	if code := run(t.Context(), args, &stdout, &stderr); code != exitOK || stderr.String() != "" {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	for _, want := range []string{"model tiny", "bodies of 2 KiB", "20 ok, 0 failed", "first token"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in:\n%s", want, stdout.String())
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r bench.Result
	if err := json.Unmarshal(b, &r); err != nil || r.Requests != 20 || r.Latency.Count() != 20 || r.Job.Model != "tiny" {
		t.Errorf("%v, %+v", err, r)
	}
	s.SetFaults(service.Faults{Status: 503})
	var failed, said syncBuffer
	args = []string{"bench", "--url", s.URL(), "--requests", "5", "--warmup", "0", "--json", "-"}
	if code := run(t.Context(), args, &failed, &said); code != exitFailure || !strings.Contains(said.String(), "5 of 5 requests failed: 5 x status 503") {
		t.Errorf("exit code %d: %s", code, said.String())
	}
	if err := json.Unmarshal([]byte(failed.String()), &r); err != nil {
		t.Errorf("%v in %s", err, failed.String())
	}
}
