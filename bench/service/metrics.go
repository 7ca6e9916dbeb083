package service

import (
	"fmt"
	"net/http"
)

// metrics serves what routers read of vLLM's page of metrics.
func (s *Service) metrics(w http.ResponseWriter) {
	open, batch := s.OpenRequests(), s.cfg.Batch
	w.Header().Set("Content-Type", "text/plain; version=1.0.0; charset=utf-8")
	for _, m := range []struct {
		name, help string
		value      float64
	}{
		{"num_requests_running", "Number of requests in model execution batches.", float64(min(open, batch))},
		{"num_requests_waiting", "Number of requests waiting to be processed.", float64(max(open-batch, 0))},
		{"kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", min(float64(open)/float64(2*batch), 1)},
	} {
		_, _ = fmt.Fprintf(w, "# HELP vllm:%s %s\n# TYPE vllm:%s gauge\nvllm:%s{engine=\"0\",model_name=%q} %v\n",
			m.name, m.help, m.name, m.name, s.cfg.Models[0], m.value)
	}
}
