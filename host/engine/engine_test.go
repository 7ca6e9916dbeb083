package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func read(t testing.TB, page string) Figures {
	t.Helper()
	f, err := Read(strings.NewReader(page), make([]byte, MinBuffer))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

var nan = math.NaN()

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func (f Figures) equal(o Figures) bool {
	return f.Engine == o.Engine && same(f.Running, o.Running) && same(f.Waiting, o.Waiting) && same(f.CacheUse, o.CacheUse)
}

// TestPages has what each engine's page looks like, a few lines of it.
func TestPages(t *testing.T) {
	for name, c := range map[string]struct {
		page string
		want Figures
	}{
		"vllm": {
			`# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen3-32B"} 8.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="Qwen3-32B"} 2.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="Qwen3-32B",reason="capacity"} 2.0
vllm:kv_cache_usage_perc{engine="0",model_name="Qwen3-32B"} 0.25
vllm:time_to_first_token_seconds_bucket{le="0.001",model_name="Qwen3-32B"} 0.0
`, Figures{"vllm", 8, 2, 0.25},
		},
		"vllm before 0.10, and both names": {
			"vllm:gpu_cache_usage_perc 0.5\nvllm:kv_cache_usage_perc 0.5\nvllm:num_requests_running 1\nvllm:num_requests_waiting 0\n",
			Figures{"vllm", 1, 0, 0.5},
		},
		"vllm with two engines": {
			`vllm:num_requests_running{engine="0"} 8
vllm:num_requests_running{engine="1"} 3
vllm:num_requests_waiting{engine="0"} 2
vllm:num_requests_waiting{engine="1"} 0
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.75
`, Figures{"vllm", 11, 2, 0.75},
		},
		"sglang": {
			`sglang:token_usage{model_name="m"} 0.28
sglang:num_running_reqs{model_name="m"} 162.0
sglang:num_queue_reqs{model_name="m"} 2826.0
sglang:cache_hit_rate{model_name="m"} 0.0075
`, Figures{"sglang", 162, 2826, 0.28},
		},
		"sglang, all ranks of one group": {
			`sglang:num_running_reqs{model_name="m",pp_rank="0",tp_rank="0"} 5
sglang:num_running_reqs{model_name="m",pp_rank="0",tp_rank="1"} 5
sglang:num_queue_reqs{pp_rank="1",tp_rank="0"} 7
`, Figures{"sglang", 5, nan, nan},
		},
		"sglang, groups that share the model": {
			`sglang:num_running_reqs{dp_rank="0",tp_rank="0"} 5
sglang:num_running_reqs{tp_rank="4",dp_rank="1"} 6
`, Figures{"sglang", 11, nan, nan},
		},
		"trtllm-serve": {
			`trtllm_num_requests_running{engine_type="trtllm",model_name="m"} 4.0
trtllm_num_requests_waiting{engine_type="trtllm",model_name="m"} 1.0
trtllm_kv_cache_utilization{engine_type="trtllm",model_name="m"} 0.62
`, Figures{"tensorrt-llm", 4, 1, 0.62},
		},
		"trtllm-serve's page of JSON": {`[{"iter":1,"numActiveRequests":3,"kvCacheStats":{"usedNumBlocks":7}}]` + "\n", Figures{"", nan, nan, nan}},
		"triton": {
			`nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="context",version="1"} 9
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="scheduled",version="1"} 3
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="waiting",version="1"} 1
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="tokens_per",model="tensorrt_llm",version="1"} 64
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="used",model="tensorrt_llm",version="1"} 1
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="free",model="tensorrt_llm",version="1"} 3
`, Figures{"triton", 3, 1, 0.25},
		},
		"infinilm": {
			`# TYPE infinilm_engine_queue_size gauge
infinilm_engine_queue_size{state="running"} 6.0
infinilm_engine_queue_size{state="waiting"} 1.0
infinilm_engine_free_blocks 30.0
infinilm_engine_used_blocks 10.0
`, Figures{"infinilm", 6, 1, 0.25},
		},
		"infinilm before its first request": {"infinilm_engine_queue_size{state=\"\"} 0\ninfinilm_engine_free_blocks 0\ninfinilm_engine_used_blocks 0\n", Figures{"infinilm", nan, nan, nan}},
		"llama.cpp":                         {"llamacpp:requests_processing 1\nllamacpp:requests_deferred 4\n", Figures{"llama.cpp", 1, 4, nan}},
		"tgi":                               {"tgi_batch_current_size 5\ntgi_queue_size 3\n", Figures{"tgi", 5, 3, nan}},
		"lmdeploy":                          {"lmdeploy:num_requests_running{} 5.0\nlmdeploy:num_requests_waiting{ } 10.0\n", Figures{"lmdeploy", 5, 10, nan}},
		"nothing":                           {"", Figures{"", nan, nan, nan}},
	} {
		if got := read(t, c.page); !got.equal(c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// TestLines has lines that are strange, and the number of running requests that
// they stand for; NaN: none.
func TestLines(t *testing.T) {
	for line, want := range map[string]float64{
		"vllm:num_requests_running 3":                                  3,
		"vllm:num_requests_running\t3 1700000000000":                   3,
		"vllm:num_requests_running 3\r":                                3,
		"vllm:num_requests_running   1e3":                              1000,
		"vllm:num_requests_running +3":                                 3,
		`vllm:num_requests_running{a="}",b="\"",c="\\"} 3`:             3,
		`vllm:num_requests_running{ a = "x" , b="y", } 3`:              3,
		`vllm:num_requests_running{}3`:                                 3,
		"vllm:num_requests_running":                                    nan,
		"vllm:num_requests_running ":                                   nan,
		"vllm:num_requests_running{":                                   nan,
		`vllm:num_requests_running{a="x} 3`:                            nan,
		`vllm:num_requests_running{a="x"`:                              nan,
		`vllm:num_requests_running{a=x} 3`:                             nan,
		`vllm:num_requests_running{a="\`:                               nan,
		"vllm:num_requests_running NaN":                                nan,
		"vllm:num_requests_running +Inf":                               nan,
		"vllm:num_requests_running -1":                                 nan,
		"vllm:num_requests_running 1e300":                              nan,
		"vllm:num_requests_running 0x10":                               nan,
		"vllm:num_requests_running 3abc":                               nan,
		"vllm:num_requests_running 1-1":                                nan,
		"vllm:num_requests_running " + strings.Repeat("1", 5000):       nan,
		" vllm:num_requests_running 3":                                 nan,
		"# vllm:num_requests_running 3":                                nan,
		"vllm:num_requests_runningx 3":                                 nan,
		"Vllm:num_requests_running 3":                                  nan,
		strings.Repeat("x", MinBuffer) + "vllm:num_requests_running 3": nan,
	} {
		if got := read(t, line+"\n"); !same(got.Running, want) {
			t.Errorf("%.60q: %v, want %v", line, got.Running, want)
		}
	}
	if got := read(t, "vllm:num_requests_running 12"); !math.IsNaN(got.Running) {
		t.Errorf("a line that may be cut counts: %v", got.Running)
	}
	if got := read(t, "vllm:kv_cache_usage_perc 250\n"); got.CacheUse != 1 {
		t.Errorf("a cache of %v", got.CacheUse)
	}
	long := "vllm:num_requests_running 1\n" + strings.Repeat("x", 10*MinBuffer) + "\nvllm:num_requests_running 2\n"
	if got := read(t, long); got.Running != 3 {
		t.Errorf("around a line that is too long: %v", got.Running)
	}
}

// TestReadInPieces: where the network cuts a page makes no difference.
func TestReadInPieces(t *testing.T) {
	page := realPage(200)
	want := read(t, page)
	if want.Engine != "vllm" || want.Running != 7 {
		t.Fatalf("%+v", want)
	}
	for name, r := range map[string]io.Reader{
		"one byte":     iotest.OneByteReader(strings.NewReader(page)),
		"halves":       iotest.HalfReader(strings.NewReader(page)),
		"end and data": iotest.DataErrReader(strings.NewReader(page)),
	} {
		if got, err := Read(r, make([]byte, MinBuffer)); err != nil || !got.equal(want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestReadFails(t *testing.T) {
	broken := errors.New("broken")
	page := io.MultiReader(strings.NewReader("vllm:num_requests_running 1\n"), iotest.ErrReader(broken))
	if got, err := Read(page, make([]byte, MinBuffer)); !errors.Is(err, broken) || got.Known() {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := Read(endless{}, make([]byte, MinBuffer)); err == nil || err.Error() != "the page is over 8388608 bytes" {
		t.Errorf("an endless page: %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestMissing(t *testing.T) {
	if got := read(t, "tgi_queue_size 3\n").Missing(); !slices.Equal(got, []string{"running", "cache_use"}) {
		t.Errorf("missing %v", got)
	}
	if got := (Figures{"x", 0, 0, 0}).Missing(); got != nil {
		t.Errorf("missing %v", got)
	}
}

func TestLoad(t *testing.T) {
	for _, c := range []struct {
		f    Figures
		want float64
	}{
		{Figures{"x", 0, 0, 0}, 0},
		{Figures{"x", 8, 0, 0.5}, 8},
		{Figures{"x", 8, 0, 0.8}, 8},
		{Figures{"x", 8, 2, 0.5}, 14},
		{Figures{"x", 8, 0, 1}, 16},
		{Figures{"x", nan, 2, nan}, 6},
		{Figures{"", nan, nan, nan}, 0},
	} {
		if got := c.f.Load(); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%+v: %v, want %v", c.f, got, c.want)
		}
	}
}

// TestAliases: the table has no slip in it.
func TestAliases(t *testing.T) {
	have := map[string]map[signal]bool{}
	for name, list := range aliases {
		if n := nameEnd([]byte(name + " 1")); n != len(name) {
			t.Errorf("%q is not the name of a metric", name)
		}
		for _, a := range list {
			if have[a.engine] == nil {
				have[a.engine] = map[signal]bool{}
			}
			have[a.engine][a.signal] = true
			if (a.label == "") != (a.value == "") || (a.label == "") != (len(list) == 1) {
				t.Errorf("%s: %+v selects nothing, or too much", name, a)
			}
		}
	}
	for engine, signals := range have {
		if !signals[running] || !signals[waiting] {
			t.Errorf("%s tells too little", engine)
		}
	}
}

// realPage is a page as large as vLLM's, with so many histograms.
func realPage(histograms int) string {
	var b bytes.Buffer
	for i := range histograms {
		fmt.Fprintf(&b, "# HELP vllm:histogram_%d Some seconds.\n# TYPE vllm:histogram_%d histogram\n", i, i)
		for le := range 20 {
			fmt.Fprintf(&b, "vllm:histogram_%d_bucket{engine=\"0\",le=\"%d.0\",model_name=\"Qwen/Qwen3-32B\"} %d.0\n", i, le, i*le)
		}
	}
	b.WriteString("vllm:num_requests_running{engine=\"0\",model_name=\"Qwen/Qwen3-32B\"} 7.0\nvllm:num_requests_waiting{engine=\"0\",model_name=\"Qwen/Qwen3-32B\"} 0.0\n")
	return b.String()
}

func TestReadAllocatesNothing(t *testing.T) {
	page, buf := realPage(30), make([]byte, 32<<10)
	page += "vllm:num_requests_running{x 1\nvllm:num_requests_running 1.2.3\n" // one that fails to parse may
	r := strings.NewReader(page)
	clean := strings.TrimSuffix(page, "vllm:num_requests_running 1.2.3\n")
	if n := testing.AllocsPerRun(100, func() { r.Reset(clean); _, _ = Read(r, buf) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRead(b *testing.B) {
	page, buf := realPage(60), make([]byte, 32<<10)
	r := strings.NewReader(page)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(page)
		if f, err := Read(r, buf); err != nil || f.Running != 7 {
			b.Fatal(f, err)
		}
	}
}

// FuzzRead: whatever a page is, Read ends without a panic, its figures make
// sense, and neither the buffer nor the network changes them, but for lines that
// are longer than the buffer.
func FuzzRead(f *testing.F) {
	for _, page := range []string{
		realPage(1), "", "\n", "vllm:num_requests_running{a=\"\\\"\"} 1 2\n", "infinilm_engine_used_blocks 1\ninfinilm_engine_free_blocks 2\n",
		"sglang:num_running_reqs{tp_rank=\"1\"} 1\nsglang:num_running_reqs{dp_rank=\"1\"} 1\n", "tgi_queue_size 1e9\r\n", "vllm:num_requests_running{{}}1\n",
	} {
		f.Add([]byte(page))
	}
	f.Fuzz(func(t *testing.T, page []byte) {
		got, err := Read(bytes.NewReader(page), make([]byte, max(len(page)+1, MinBuffer)))
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []float64{got.Running, got.Waiting, got.CacheUse} {
			if v < 0 || math.IsInf(v, 0) {
				t.Fatalf("%+v", got)
			}
		}
		if got.CacheUse > 1 || got.Load() < 0 || math.IsNaN(got.Load()) {
			t.Fatalf("%+v", got)
		}
		if got.Engine == "" && len(got.Missing()) != 3 {
			t.Fatalf("figures of no engine: %+v", got)
		}
		if len(page) < MinBuffer {
			again, err := Read(iotest.OneByteReader(bytes.NewReader(page)), make([]byte, MinBuffer))
			if err != nil || !again.equal(got) {
				t.Fatalf("byte by byte %+v, %v; at once %+v", again, err, got)
			}
		}
	})
}
