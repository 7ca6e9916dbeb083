package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// withPolicy is a [[policies]] section.
func withPolicy(name, plugin, config string) string {
	return fmt.Sprintf("[[policies]]\nname = %q\nplugin = %q\nconfig = %s\n", name, plugin, config)
}

func pluginsIn(dir string) string { return fmt.Sprintf("[plugins]\ndir = %q\n", dir) }

// TestAliasChangesOnlyTheModel sends 1 MB through a real plugin: all but the
// model's bytes must arrive as they were sent.
func TestAliasChangesOnlyTheModel(t *testing.T) {
	s := startService(t, echo, "Qwen3-32B")
	r := startRouter(t, oneService(s.URL, pluginsIn(builtPolicies(t)))+withPolicy("names", "alias.wasm", `{ "gpt-4" = "Qwen3-32B" }`))
	body := func(model string) string {
		return "{ \"messages\" : [{\"content\":\"" + strings.Repeat("x\\n é", 170_000) + "\"}],\n\t\"model\":  \"" + model + "\" , \"seed\":1.0}"
	}
	resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", body("gpt-4"))
	if resp.StatusCode != 200 || string(got) != body("Qwen3-32B") {
		t.Errorf("%d, %d bytes for %d", resp.StatusCode, len(got), len(body("gpt-4")))
	}
}

// TestPoliciesPage shows what an operator sees of a policy at work, and of one
// that fails.
func TestPoliciesPage(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL, pluginsIn(builtPolicies(t)))+
		withPolicy("names", "alias.wasm", `{ gpt = "m" }`)+
		withPolicy("poor", "alias.wasm", `{ gpt = "m" }`)+"limits = { fuel = 10 }\non_error = \"skip\"\n")
	for range 3 {
		if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", `{"model":"gpt"}`); resp.StatusCode != 200 || string(got) != `{"model":"m"}` {
			t.Fatalf("%d %s", resp.StatusCode, got)
		}
	}
	_, page := fetchJSON(t, "GET", r.url+"/policies", "")
	rows := page["policies"].([]any)
	good, poor := rows[0].(map[string]any), rows[1].(map[string]any)
	if page["generation"] != 1.0 || good["name"] != "names" || good["plugin"] != "alias.wasm" || len(good["sha256"].(string)) != 64 || good["calls"] != 3.0 || good["traps"] != 0.0 {
		t.Errorf("%v", page)
	}
	hook := good["hooks"].([]any)[0].(map[string]any)
	if hook["hook"] != "on_request" || hook["average_fuel"].(float64) <= 0 || hook["average_time"].(float64) <= 0 {
		t.Errorf("%v", hook)
	}
	if mean, most := hook["average_fuel"].(float64), hook["max_fuel"].(float64); most < mean || most >= hook["fuel_limit"].(float64) ||
		hook["recent_max_fuel"] != most || hook["last_fuel"].(float64) <= 0 || good["init_fuel"].(float64) <= most {
		t.Errorf("fuel: %v", good)
	}
	bad := poor["hooks"].([]any)[0].(map[string]any)
	if kinds := bad["failures_by_kind"].(map[string]any); kinds["fuel"] != 3.0 || bad["max_fuel"] != 10.0 || bad["fuel_limit"] != 10.0 {
		t.Errorf("%v", bad)
	}
	if last, _ := poor["last_error"].(string); poor["traps"] != 3.0 || !strings.Contains(last, "policies.limits.fuel") {
		t.Errorf("%v", poor)
	}
	resp, got := fetch(t, "GET", r.url+"/metrics", "")
	for _, want := range []string{
		`infinirouter_generation 1`, `policy="names"`, `infinirouter_requests_total{`, `service="one"`,
		`infinirouter_policy_fuel_max{hook="on_request",policy="poor"} 10`, `infinirouter_policy_fuel_limit{hook="on_request",policy="poor"} 10`,
		`infinirouter_policy_failures_total{hook="on_request",kind="fuel",policy="poor"} 3`,
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("/metrics (%s) has no %s", resp.Header.Get("Content-Type"), want)
		}
	}
}

// TestFailingPolicyRejects: with on_error = "reject" the client hears which
// policy failed and nothing of why.
func TestFailingPolicyRejects(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL, pluginsIn(builtPolicies(t)))+withPolicy("poor", "alias.wasm", `{ gpt = "m" }`)+"limits = { fuel = 10 }\n")
	resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", `{"model":"gpt"}`)
	if resp.StatusCode != 500 || string(got) != `{"error":"policy poor failed"}` {
		t.Errorf("%d %s", resp.StatusCode, got)
	}
	eventually(t, "the log says why", func() bool { return strings.Contains(r.log.String(), "policies.limits.fuel") })
}

// TestRefusingPolicyIsNamed: the access log says which policy answered an error.
func TestRefusingPolicyIsNamed(t *testing.T) {
	s := startService(t, echo)
	r := startRouter(t, oneService(s.URL, pluginsIn(builtPolicies(t)))+withPolicy("strict", "clamp.wasm", `{ params = { n = { deny = true } } }`))
	if resp, got := fetch(t, "POST", r.url+"/v1/chat/completions", `{"model":"m","n":2}`); resp.StatusCode != 400 {
		t.Fatalf("%d %s", resp.StatusCode, got)
	}
	accessLine(t, r, `"outcome":"rejected","error":"answered by the policy strict"`)
}

// TestUsageIsCounted reads token counts out of whole replies and of streams.
func TestUsageIsCounted(t *testing.T) {
	s := startService(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		usage := `"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}`
		if strings.Contains(string(body), "stream") {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: {\"choices\":[]}\n\ndata: {"+usage+"}\n\ndata: [DONE]\n\n")
			return
		}
		_, _ = io.WriteString(w, "{"+usage+"}")
	})
	r := startRouter(t, oneService(s.URL))
	fetch(t, "POST", r.url+"/v1/chat/completions", chat)
	fetch(t, "POST", r.url+"/v1/chat/completions", streamChat)
	eventually(t, "both are in the access log", func() bool { return strings.Count(r.access.String(), `"tokens_out":7`) == 2 })
	if log := r.access.String(); strings.Contains(log, "hello") || !strings.Contains(log, `"tokens_in":5`) {
		t.Errorf("access log: %s", log)
	}
	_, got := fetch(t, "GET", r.url+"/metrics", "")
	if !strings.Contains(string(got), `infinirouter_tokens_total{direction="out",model="m",route="default",service="one"} 14`) {
		t.Errorf("metrics: %s", got)
	}
}
