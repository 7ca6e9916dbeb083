package telemetry

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// rows returns the samples of /metrics, by name and labels as they are written.
func rows(t testing.TB, m *Metrics) map[string]string {
	t.Helper()
	body, contentType := m.Exposition("")
	if !strings.HasPrefix(contentType, "text/plain; version=0.0.4") {
		t.Errorf("content type %q", contentType)
	}
	found := map[string]string{}
	for line := range strings.Lines(string(body)) {
		if i := strings.LastIndexByte(line, ' '); !strings.HasPrefix(line, "#") {
			found[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return found
}

func want(t testing.TB, m *Metrics, wanted map[string]string) {
	t.Helper()
	found := rows(t, m)
	for name, value := range wanted {
		if found[name] != value {
			t.Errorf("%s is %q, want %q", name, found[name], value)
		}
	}
}

// count returns how many rows start so.
func count(t testing.TB, m *Metrics, prefix string) (n int) {
	t.Helper()
	for name := range rows(t, m) {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

func record() *Record {
	return &Record{
		Time: time.Date(2024, 1, 15, 10, 30, 0, 0, time.UTC), RequestID: []byte("req-1"), Route: "default",
		Method: []byte("POST"), Path: []byte("/v1/chat/completions"), ClientAddress: []byte("192.0.2.1"), APIKeyID: "team",
		ModelAsked: []byte("gpt-4"), Model: []byte("Qwen3-32B"), Service: "a", Status: 200, Attempts: 1,
		BodyBytes: 700, ReplyBytes: 3000, FirstByte: 30 * time.Millisecond, Total: 2 * time.Second, Stream: true,
		TokensIn: 12, TokensOut: 340, Outcome: "ok",
		Vars: []Var{{[]byte("log.arm"), []byte("b")}},
	}
}

func TestObserve(t *testing.T) {
	m := NewMetrics("v1.2.3")
	m.Observe(record())
	again := record()
	again.Attempts, again.Total, again.Stream = 3, 100*time.Millisecond, false
	m.Observe(again)
	failed := record()
	failed.Status, failed.Outcome, failed.TokensIn, failed.TokensOut = 502, "service_error", 0, 0
	m.Observe(failed)
	gone := record()
	gone.Status, gone.Outcome = 0, "client_gone"
	m.Observe(gone)
	strange := record()
	strange.Status, strange.Outcome = 99999, "something new"
	m.Observe(strange)
	const labels = `{model="Qwen3-32B",%sroute="default",service="a"%s}`
	with := func(name, before, after string) string {
		return "infinirouter_" + name + fmt.Sprintf(labels, before, after)
	}
	want(t, m, map[string]string{
		with("requests_total", "", `,status="2xx"`):                                                            "2",
		with("requests_total", "", `,status="5xx"`):                                                            "1",
		with("requests_total", "", `,status="none"`):                                                           "2",
		with("errors_total", `outcome="service_error",`, ""):                                                   "1",
		with("errors_total", `outcome="client_gone",`, ""):                                                     "1",
		with("errors_total", `outcome="other",`, ""):                                                           "1",
		with("retries_total", "", ""):                                                                          "2",
		`infinirouter_tokens_total{direction="in",model="Qwen3-32B",route="default",service="a"}`:              "48",
		`infinirouter_tokens_total{direction="out",model="Qwen3-32B",route="default",service="a"}`:             "1360",
		`infinirouter_body_bytes_total{direction="in",model="Qwen3-32B",route="default",service="a"}`:          "3500",
		`infinirouter_body_bytes_total{direction="out",model="Qwen3-32B",route="default",service="a"}`:         "15000",
		with("request_duration_seconds_count", "", ""):                                                         "5",
		`infinirouter_request_duration_seconds_bucket{model="Qwen3-32B",route="default",service="a",le="0.1"}`: "1",
		`infinirouter_request_duration_seconds_bucket{model="Qwen3-32B",route="default",service="a",le="2.5"}`: "5",
		with("time_to_first_token_seconds_count", "", ""):                                                      "2", // streams that did not fail
	})
	if n := count(t, m, `infinirouter_requests_total`); n != 3 {
		t.Errorf("%d rows of requests", n)
	}
}

// TestUnknownModel: what a client makes up is no label.
func TestUnknownModel(t *testing.T) {
	m := NewMetrics("v1.2.3")
	for i := range 1000 {
		r := record()
		r.Model, r.Service, r.Status, r.Outcome = fmt.Append(nil, "made-up-", i), "", 503, "rejected"
		m.Observe(r)
	}
	want(t, m, map[string]string{`infinirouter_requests_total{model="",route="default",service="",status="5xx"}`: "1000"})
	if body, _ := m.Exposition(""); strings.Contains(string(body), "made-up") {
		t.Error("a model that nobody serves is a label")
	}
}

func TestBounds(t *testing.T) {
	m := NewMetrics("v1.2.3")
	for i := range maxNames + 300 {
		r := record()
		r.Model = fmt.Append(nil, "model-", i)
		m.Observe(r)
		m.Observe(r)
	}
	want(t, m, map[string]string{
		`infinirouter_requests_total{model="model-0",route="default",service="a",status="2xx"}`: "2",
		`infinirouter_requests_total{model="other",route="default",service="a",status="2xx"}`:   "600",
	})
	for i := range maxNames + 300 {
		r := record()
		r.Model, r.Service, r.Route = fmt.Append(nil, "model-", i%maxNames), fmt.Sprint("service-", i), fmt.Sprint("route-", i%20)
		m.Observe(r)
	}
	for i := range 2 * maxSeries {
		r := record()
		r.Model, r.Route = fmt.Append(nil, "model-", i%maxNames), fmt.Sprint("route-", i/maxNames)
		m.Observe(r)
	}
	if n := count(t, m, "infinirouter_requests_total"); n > maxSeries+1 || n < maxSeries/2 {
		t.Errorf("%d rows", n)
	}
}

// TestBadLabels: bytes that are no text must not cost the page.
func TestBadLabels(t *testing.T) {
	m := NewMetrics("v1.2.3")
	r := record()
	r.Model = []byte("m\xff\xfe\n\"" + strings.Repeat("é", 200))
	m.Observe(r)
	m.PolicyMetricAdd("p", "na\xffme;la\xffbel=\xff", 1)
	m.SetServiceSource(func() []ServiceSample { return []ServiceSample{{Name: "s\xff"}} })
	if n := count(t, m, "infinirouter_requests_total{model=\"m\ufffd"); n != 1 {
		t.Errorf("%d rows", n)
	}
	want(t, m, map[string]string{
		"infinirouter_policy_metric_total{label=\"la\ufffdbel\",name=\"na\ufffdme\",policy=\"p\",value=\"\ufffd\"}": "1",
		"infinirouter_service_healthy{service=\"s\ufffd\"}":                                                         "0",
	})
}

func TestPolicyMetrics(t *testing.T) {
	m := NewMetrics("v1.2.3")
	m.PolicyMetricAdd("p", "clamped", 1)
	m.PolicyMetricAdd("p", "clamped", 0.5)
	m.PolicyMetricAdd("p", "arm;arm=b", 2)
	m.PolicyMetricAdd("p", "odd;no pair", 3)
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		m.PolicyMetricAdd("p", "clamped", bad)
	}
	for i := range 2 * maxPolicyMetrics {
		m.PolicyMetricAdd("flood", fmt.Sprint("name", i), 1)
		m.PolicyMetricAdd("flood", fmt.Sprint("name", i), 1)
	}
	m.PolicyMetricAdd("q", "clamped", 7)
	want(t, m, map[string]string{
		`infinirouter_policy_metric_total{label="",name="clamped",policy="p",value=""}`:    "1.5",
		`infinirouter_policy_metric_total{label="arm",name="arm",policy="p",value="b"}`:    "2",
		`infinirouter_policy_metric_total{label="no pair",name="odd",policy="p",value=""}`: "3",
		`infinirouter_policy_metric_total{label="",name="clamped",policy="q",value=""}`:    "7",
		`infinirouter_policy_metric_total{label="",name="name0",policy="flood",value=""}`:  "2",
		`infinirouter_policy_metric_total{label="",name="other",policy="flood",value=""}`:  "512",
		`infinirouter_policy_metric_refused_total{policy="p"}`:                             "4",
	})
	if n := count(t, m, `infinirouter_policy_metric_total`); n != 4+maxPolicyMetrics+1 {
		t.Errorf("%d rows", n)
	}
}

func TestSources(t *testing.T) {
	m := NewMetrics("v1.2.3")
	if n := count(t, m, "infinirouter_service_") + count(t, m, "infinirouter_policy_"); n != 0 {
		t.Errorf("%d rows of nothing", n)
	}
	m.SetServiceSource(func() []ServiceSample {
		return []ServiceSample{
			{Name: "a", Healthy: true, InFlight: 3, Requests: 150, Errors: 2, State: "healthy", Share: 0.5, Reports: true, Running: 7, Waiting: math.NaN(), CacheUse: 0.25, Age: 500 * time.Millisecond},
			{Name: "b", State: "ejected", Ejections: 4, Spared: 5},
		}
	})
	if n := count(t, m, "infinirouter_service_engine_"); n != 3 {
		t.Errorf("%d figures of engines, want 3", n)
	}
	m.SetPolicySource(func() map[string]plugins.Stats {
		return map[string]plugins.Stats{"alias": {
			Plugin: "alias.wasm", SHA256: "abc", Instances: 4, InstancesMade: 7, BreakerOpen: true, InitFuel: 900, InitFuelLimit: 1000,
			Hooks: []plugins.HookStats{{
				Hook: abi.OnRequest, Calls: 10, Failures: 1, ByKind: map[plugins.FailureKind]uint64{plugins.FailureFuel: 1}, Refused: 6,
				Fuel: 5000, FuelLast: 300, FuelMax: 4000, FuelRecentMax: 800, FuelLimit: 10_000, Time: 3 * time.Millisecond, Timed: 2,
			}},
		}}
	})
	want(t, m, map[string]string{
		`infinirouter_service_healthy{service="a"}`:                                 "1",
		`infinirouter_service_healthy{service="b"}`:                                 "0",
		`infinirouter_service_state{service="a",state="healthy"}`:                   "1",
		`infinirouter_service_state{service="b",state="healthy"}`:                   "0",
		`infinirouter_service_state{service="b",state="ejected"}`:                   "1",
		`infinirouter_service_engine_running{service="a"}`:                          "7",
		`infinirouter_service_engine_cache_use{service="a"}`:                        "0.25",
		`infinirouter_service_engine_age_seconds{service="a"}`:                      "0.5",
		`infinirouter_service_share{service="a"}`:                                   "0.5",
		`infinirouter_service_ejections_total{service="b"}`:                         "4",
		`infinirouter_service_ejections_spared_total{service="b"}`:                  "5",
		`infinirouter_service_requests_in_flight{service="a"}`:                      "3",
		`infinirouter_service_requests_total{service="a"}`:                          "150",
		`infinirouter_service_errors_total{service="a"}`:                            "2",
		`infinirouter_policy_info{plugin="alias.wasm",policy="alias",sha256="abc"}`: "1",
		`infinirouter_policy_instances{policy="alias"}`:                             "4",
		`infinirouter_policy_breaker_open{policy="alias"}`:                          "1",
		`infinirouter_policy_calls_total{hook="on_request",policy="alias"}`:         "10",
		`infinirouter_policy_instances_made_total{policy="alias"}`:                  "7",
		`infinirouter_policy_fuel_max{hook="configure",policy="alias"}`:             "900",
		`infinirouter_policy_fuel_limit{hook="configure",policy="alias"}`:           "1000",
		`infinirouter_policy_fuel_max{hook="on_request",policy="alias"}`:            "800",
		`infinirouter_policy_fuel_limit{hook="on_request",policy="alias"}`:          "10000",
		`infinirouter_policy_refused_total{hook="on_request",policy="alias"}`:       "6",

		`infinirouter_policy_failures_total{hook="on_request",kind="fuel",policy="alias"}`: "1",
		`infinirouter_policy_failures_total{hook="on_request",kind="trap",policy="alias"}`: "0",

		`infinirouter_policy_fuel_total{hook="on_request",policy="alias"}`:          "5000",
		`infinirouter_policy_timed_seconds_total{hook="on_request",policy="alias"}`: "0.003",
		`infinirouter_policy_timed_calls_total{hook="on_request",policy="alias"}`:   "2",
	})
}

func TestRouterFigures(t *testing.T) {
	m := NewMetrics("v1.2.3")
	m.RequestStarted()
	m.RequestStarted()
	m.RequestDone()
	m.ReloadDone(true, 1)
	m.ReloadDone(true, 2)
	m.ReloadDone(false, 2)
	want(t, m, map[string]string{
		"infinirouter_requests_in_flight":              "1",
		"infinirouter_generation":                      "2",
		"infinirouter_last_reload_ok":                  "0",
		`infinirouter_reloads_total{result="ok"}`:      "2",
		`infinirouter_reloads_total{result="refused"}`: "1",
	})
	if text, _ := m.Exposition(""); !strings.Contains(string(text), `,version="v1.2.3"} 1`) {
		t.Error("build_info does not tell the version")
	}
	for _, prefix := range []string{"go_goroutines", "process_cpu_seconds_total", "infinirouter_build_info{goversion=\"go"} {
		if count(t, m, prefix) != 1 {
			t.Errorf("no %s", prefix)
		}
	}
	m.ReloadDone(true, 3)
	want(t, m, map[string]string{"infinirouter_last_reload_ok": "1", "infinirouter_generation": "3"})
}

func TestFormats(t *testing.T) {
	m := NewMetrics("v1.2.3")
	m.Observe(record())
	body, contentType := m.Exposition("application/openmetrics-text; version=1.0.0, text/plain;q=0.5")
	if !strings.HasPrefix(contentType, "application/openmetrics-text") || !strings.HasSuffix(string(body), "# EOF\n") {
		t.Errorf("%s ends in %q", contentType, body[max(0, len(body)-20):])
	}
	for _, accept := range []string{"", "*/*", "text/html", "nonsense;;;,"} {
		if _, contentType := m.Exposition(accept); !strings.HasPrefix(contentType, "text/plain") {
			t.Errorf("%q gets %s", accept, contentType)
		}
	}
}

func TestObserveConcurrently(t *testing.T) {
	m := NewMetrics("v1.2.3")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 500 {
				r := record()
				r.Model = fmt.Append(nil, "model-", i%50)
				m.Observe(r)
				m.PolicyMetricAdd("p", fmt.Sprint("name", i%50), 1)
				if i%100 == 0 {
					m.Exposition("")
				}
			}
		})
	}
	all.Wait()
	for i := range 50 {
		want(t, m, map[string]string{
			fmt.Sprintf(`infinirouter_requests_total{model="model-%d",route="default",service="a",status="2xx"}`, i): "80",
			fmt.Sprintf(`infinirouter_policy_metric_total{label="",name="name%d",policy="p",value=""}`, i):           "80",
		})
	}
}

func TestObserveAllocations(t *testing.T) {
	m, r := NewMetrics("v1.2.3"), record()
	r.Attempts, r.Outcome = 2, "cut"
	if n := testing.AllocsPerRun(100, func() { m.Observe(r) }); n != 0 && !raceEnabled {
		t.Errorf("Observe allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { m.PolicyMetricAdd("p", "arm;arm=b", 1) }); n != 0 && !raceEnabled {
		t.Errorf("PolicyMetricAdd allocates %v times", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	m, r := NewMetrics("v1.2.3"), record()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.Observe(r)
		}
	})
}
