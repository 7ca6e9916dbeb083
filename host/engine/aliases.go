package engine

// signal is one thing that metrics can tell.
type signal uint8

const (
	running   signal = iota // requests in the batch
	waiting                 // requests in the queue
	cacheUse                // 0 to 1; of several, the fullest counts
	cacheUsed               // in blocks, where there is no cacheUse
	cacheFree
	signals
)

// alias says that a metric is a signal, where it has a label of this value; no
// label: always.
type alias struct {
	engine       string
	signal       signal
	label, value string
}

// aliases are the names by metric. Sources: the engines' own documentation of
// their metrics, and for TensorRT-LLM those of trtllm-serve (trtllm_*) and of
// Triton's backend (nv_trt_llm_*).
var aliases = map[string][]alias{
	"vllm:num_requests_running": {{engine: "vllm", signal: running}},
	"vllm:num_requests_waiting": {{engine: "vllm", signal: waiting}},
	"vllm:kv_cache_usage_perc":  {{engine: "vllm", signal: cacheUse}},
	"vllm:gpu_cache_usage_perc": {{engine: "vllm", signal: cacheUse}}, // before 0.10

	"sglang:num_running_reqs": {{engine: "sglang", signal: running}},
	"sglang:num_queue_reqs":   {{engine: "sglang", signal: waiting}},
	"sglang:token_usage":      {{engine: "sglang", signal: cacheUse}},
	"sglang_num_running_reqs": {{engine: "sglang", signal: running}}, // behind collectors that allow no colon
	"sglang_num_queue_reqs":   {{engine: "sglang", signal: waiting}},
	"sglang_token_usage":      {{engine: "sglang", signal: cacheUse}},

	"trtllm_num_requests_running": {{engine: "tensorrt-llm", signal: running}},
	"trtllm_num_requests_waiting": {{engine: "tensorrt-llm", signal: waiting}},
	"trtllm_kv_cache_utilization": {{engine: "tensorrt-llm", signal: cacheUse}},

	"nv_trt_llm_request_metrics": {
		{engine: "triton", signal: running, label: "request_type", value: "scheduled"},
		{engine: "triton", signal: waiting, label: "request_type", value: "waiting"},
	},
	"nv_trt_llm_kv_cache_block_metrics": {
		{engine: "triton", signal: cacheUse, label: "kv_cache_block_type", value: "fraction"},
		{engine: "triton", signal: cacheUsed, label: "kv_cache_block_type", value: "used"},
		{engine: "triton", signal: cacheFree, label: "kv_cache_block_type", value: "free"},
	},

	"infinilm_engine_queue_size": {
		{engine: "infinilm", signal: running, label: "state", value: "running"},
		{engine: "infinilm", signal: waiting, label: "state", value: "waiting"},
	},
	"infinilm_engine_used_blocks": {{engine: "infinilm", signal: cacheUsed}},
	"infinilm_engine_free_blocks": {{engine: "infinilm", signal: cacheFree}},

	"llamacpp:requests_processing":  {{engine: "llama.cpp", signal: running}},
	"llamacpp:requests_deferred":    {{engine: "llama.cpp", signal: waiting}},
	"llamacpp:kv_cache_usage_ratio": {{engine: "llama.cpp", signal: cacheUse}},

	"lmdeploy:num_requests_running": {{engine: "lmdeploy", signal: running}},
	"lmdeploy:num_requests_waiting": {{engine: "lmdeploy", signal: waiting}},
	"lmdeploy:gpu_cache_usage_perc": {{engine: "lmdeploy", signal: cacheUse}},

	"tgi_batch_current_size": {{engine: "tgi", signal: running}},
	"tgi_queue_size":         {{engine: "tgi", signal: waiting}},
}

// Paths are where engines have their metrics: all but trtllm-serve on the first,
// where that has figures in a JSON of its own.
var Paths = []string{"/metrics", "/prometheus/metrics"}

// rankLabels name the ranks of a tensor- or pipeline-parallel group, each of
// which may report the same requests: only the first counts. With replicaLabel,
// ranks are numbered through several groups with requests of their own, of
// which one rank reports unless all were told to; those add up.
var rankLabels = [...]string{"tp_rank", "pp_rank"}

const replicaLabel = "dp_rank"
