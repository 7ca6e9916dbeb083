package sdktest

import (
	"math"
	"strings"
	"testing"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// play runs hooks on a case and fails the test when a hook fails.
func play(t *testing.T, c Case, hooks Hooks) Outcome {
	t.Helper()
	c.Name = "test"
	if err := c.complete(); err != nil {
		t.Fatal(err)
	}
	return Play(&c, &Native{Hooks: hooks})
}

func hook(run func()) func() int32 {
	return func() int32 { return sdk.Hook(func() sdk.Action { run(); return sdk.Continue }) }
}

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// readErr is why path cannot be read.
func readErr(path string) error {
	if _, ok := sdk.JSON(path); ok {
		return nil
	}
	return sdk.Err()
}

const private = `{"model":"m","messages":[{"content":"secret"}],"prompt":"p","input":"i","instructions":"i","system":"s",` +
	`"n":1,"short":"x","tools":[1],"long":"` + "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" +
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" +
	"012345678901234567890123456789012345678901234567890123456" + `"}`

func TestWithoutTheContentGrantARequestShowsItsParameters(t *testing.T) {
	out := play(t, Case{Request: Request{Body: private}}, Hooks{OnRequest: hook(func() {
		for path, want := range map[string]error{
			"/model": nil, "/n": nil, "/short": nil, "/nothing": sdk.ErrAbsent,
			"/messages": sdk.ErrNotAllowed, "/messages/0/content": sdk.ErrNotAllowed, "/prompt": sdk.ErrNotAllowed,
			"/input": sdk.ErrNotAllowed, "/instructions": sdk.ErrNotAllowed, "/system": sdk.ErrNotAllowed,
			"/tools": sdk.ErrNotAllowed, "/long": sdk.ErrNotAllowed, "": sdk.ErrNotAllowed,
		} {
			wantErr(t, "read "+path, readErr(path), want)
		}
		if _, ok := sdk.Text("/long"); ok || sdk.Err() != sdk.ErrNotAllowed {
			t.Error("a long string was read as text")
		}
		wantErr(t, "set a list", sdk.SetJSON("/stop", "[1]"), sdk.ErrNotAllowed)
		wantErr(t, "set a long string", sdk.SetText("/stop", strings.Repeat("x", 257)), sdk.ErrNotAllowed)
		wantErr(t, "set the prompt", sdk.SetText("/prompt", "x"), sdk.ErrNotAllowed)
		wantErr(t, "set a number", sdk.SetFloat("/n", 2), nil)
		wantErr(t, "remove what cannot be read", sdk.RemoveJSON("/tools"), nil)
		wantErr(t, "remove the messages", sdk.RemoveJSON("/messages"), sdk.ErrNotAllowed)
	})})
	if !strings.Contains(out.Body, `"n":2`) || strings.Contains(out.Body, "tools") || !strings.Contains(out.Body, "secret") {
		t.Errorf("body: %s", out.Body)
	}
}

func TestWithTheContentGrantEverythingIsOpen(t *testing.T) {
	play(t, Case{Request: Request{Body: private}, Grants: []string{"content"}}, Hooks{OnRequest: hook(func() {
		for _, path := range []string{"/messages", "/messages/0/content", "/prompt", "/tools", "/long", ""} {
			wantErr(t, "read "+path, readErr(path), nil)
		}
		wantErr(t, "append", sdk.SetJSON("/messages/-", "{}"), nil)
	})})
}

func TestWithoutTheContentGrantARepliesModelIsAllThereIs(t *testing.T) {
	body := Text(`{"model":"m","id":"x","response":{"model":"r"},"message":{"model":"a"},"choices":[]}`)
	look := hook(func() {
		for path, want := range map[string]error{
			"/model": nil, "/response/model": nil, "/message/model": nil, "/id": sdk.ErrNotAllowed, "/choices": sdk.ErrNotAllowed, "": sdk.ErrNotAllowed,
		} {
			wantErr(t, "read "+path, readErr(path), want)
		}
		wantErr(t, "set", sdk.SetText("/response/model", "z"), nil)
		wantErr(t, "remove", sdk.RemoveJSON("/model"), sdk.ErrNotAllowed)
	})
	play(t, Case{Reply: &Reply{Body: body}}, Hooks{OnResponse: look})
	out := play(t, Case{Events: []Text{body}}, Hooks{OnEvent: look})
	if !strings.Contains(out.Events[0], `"response":{"model":"z"}`) {
		t.Errorf("event: %s", out.Events[0])
	}
}

func TestCredentialsNeedTheirGrant(t *testing.T) {
	request := Request{Headers: map[string]string{"Authorization": "Bearer x", "X-Team": "blue"}}
	read := func(name string) error {
		if _, ok := sdk.RequestHeader(name); ok {
			return nil
		}
		return sdk.Err()
	}
	play(t, Case{Request: request}, Hooks{OnRequest: hook(func() {
		wantErr(t, "read", read("authorization"), sdk.ErrNotAllowed)
		wantErr(t, "set", sdk.SetRequestHeader("Cookie", "x"), sdk.ErrNotAllowed)
		wantErr(t, "remove", sdk.RemoveRequestHeader("x-acme-api-key"), sdk.ErrNotAllowed)
		wantErr(t, "another header", read("x-team"), nil)
		wantErr(t, "no header", read("x-none"), sdk.ErrAbsent)
		wantErr(t, "framing", sdk.SetRequestHeader("Content-Length", "1"), sdk.ErrNotAllowed)
		wantErr(t, "a second line", sdk.SetRequestHeader("X-A", "b\r\nX-C: d"), sdk.ErrMalformed)
		wantErr(t, "no name", sdk.SetRequestHeader("X A", "b"), sdk.ErrMalformed)
		wantErr(t, "the reply's side", sdk.SetReplyHeader("X-A", "b"), sdk.ErrNotAllowed)
	})})
	play(t, Case{Request: request, Grants: []string{"credentials"}}, Hooks{OnRequest: hook(func() {
		wantErr(t, "read", read("authorization"), nil)
		wantErr(t, "framing", sdk.RemoveRequestHeader("Host"), sdk.ErrNotAllowed)
	})})
}

func TestWhichHookMayCallWhat(t *testing.T) {
	c := Case{
		Request: Request{Body: `{"model":"m"}`}, Candidates: []Candidate{{Name: "s", Labels: map[string]string{"a": "b"}}},
		Reply: &Reply{}, Events: []Text{`{"model":"m"}`, "[DONE]"},
	}
	reply := func() bool { return sdk.Reply(200, "", "") == abi.Replied }
	out := play(t, c, Hooks{
		OnRequest: hook(func() {
			wantErr(t, "model_set", sdk.SetModel("n"), nil)
			if sdk.CandidateCount() != 0 {
				t.Error("on_request has candidates")
			}
		}),
		OnRoute: hook(func() {
			wantErr(t, "model_set", sdk.SetModel("o"), sdk.ErrNotAllowed)
			label, ok := sdk.CandidateLabel(0, "a")
			all, _ := sdk.Candidate(0, abi.CandidateLabels)
			weight, known := sdk.CandidateNumber(0, abi.CandidateWeight)
			_, queue := sdk.CandidateNumber(0, abi.CandidateQueue)
			if label != "b" || !ok || all != `{"a":"b"}` || weight != 1 || !known || queue {
				t.Errorf("candidate: label %q, labels %s, weight %v, queue known %v", label, all, weight, queue)
			}
			wantErr(t, "score", sdk.SetScore(0, 0.5), nil)
			wantErr(t, "score of none", sdk.SetScore(1, 1), sdk.ErrMalformed)
			if reply() {
				t.Error("on_route may reply")
			}
		}),
		OnResponse: hook(func() {
			wantErr(t, "reply header", sdk.SetReplyHeader("X-A", "b"), nil)
			wantErr(t, "score", sdk.SetScore(0, 1), sdk.ErrNotAllowed)
			wantErr(t, "a stream has no body", readErr("/model"), sdk.ErrAbsent)
		}),
		OnEvent: hook(func() {
			wantErr(t, "the head was sent", sdk.SetReplyHeader("X-A", "c"), sdk.ErrNotAllowed)
			if v, ok := sdk.ReplyHeader("x-a"); v != "b" || !ok {
				t.Errorf("reply header in on_event: %q", v)
			}
			if reply() {
				t.Error("on_event may reply")
			}
		}),
		OnDone: hook(func() {
			wantErr(t, "no document", readErr("/model"), sdk.ErrAbsent)
			if v, ok := sdk.Property(abi.PropertyOutcome); v != "ok" || !ok {
				t.Errorf("outcome %q", v)
			}
		}),
	})
	if out.Failed != "" || out.Model != "n" || out.Scores["s"] != 0.5 || len(out.Events) != 2 {
		t.Errorf("outcome: %+v", out)
	}
}

func TestAFailedHookLeavesNothing(t *testing.T) {
	change := func() {
		_ = sdk.SetModel("changed")
		_ = sdk.SetRequestHeader("X-A", "changed")
		_ = sdk.SetVar("v", "changed")
	}
	for name, run := range map[string]func() sdk.Action{
		"fail":         func() sdk.Action { change(); return sdk.Fail("no") },
		"a bad action": func() sdk.Action { change(); return sdk.End },
		"no reply":     func() sdk.Action { change(); return abi.Replied },
	} {
		c := Case{Request: Request{Body: `{"model":"m"}`, Headers: map[string]string{"X-A": "b"}}, Vars: map[string]string{"v": "w"}}
		out := play(t, c, Hooks{OnRequest: func() int32 { return sdk.Hook(run) }})
		if out.Failed != "on_request" || out.Model != "m" || out.Headers["x-a"] != "b" || out.Vars["v"] != "w" {
			t.Errorf("%s: %+v", name, out)
		}
	}
	for _, score := range []float64{math.NaN(), math.Inf(1), -1} {
		out := play(t, Case{Candidates: []Candidate{{Name: "a"}, {Name: "b"}}}, Hooks{OnRoute: hook(func() {
			_ = sdk.SetScore(0, 0)
			_ = sdk.SetScore(1, score)
		})})
		if out.Failed != "on_route" || out.Scores["a"] != 1 {
			t.Errorf("score %v: %+v", score, out)
		}
	}
}

func TestVarsAndStore(t *testing.T) {
	c := Case{KV: map[string]string{"n": "41"}, Grants: []string{"kv"}}
	out := play(t, c, Hooks{OnRequest: hook(func() {
		wantErr(t, "var", sdk.SetVar("log.a", "b"), nil)
		wantErr(t, "a var's name", sdk.SetVar("Upper", "b"), sdk.ErrMalformed)
		wantErr(t, "a var's size", sdk.SetVar("big", strings.Repeat("x", maxVarBytes+1)), sdk.ErrTooLarge)
		if n, ok := sdk.KVAdd("n", 1, 0); n != 42 || !ok {
			t.Errorf("KVAdd: %d, %v", n, ok)
		}
		wantErr(t, "set", sdk.KVSet("k", "v", 1000), nil)
		wantErr(t, "a negative ttl", sdk.KVSet("k", "v", -1), sdk.ErrMalformed)
		wantErr(t, "too large", sdk.KVSet("k", strings.Repeat("x", maxKVBytes+1), 0), sdk.ErrTooLarge)
		if v, ok := sdk.KVGet("k"); v != "v" || !ok {
			t.Errorf("KVGet: %q, %v", v, ok)
		}
		for i := range maxVars {
			_ = sdk.SetVar("v"+string(rune('a'+i%26))+string(rune('a'+i/26)), "")
		}
		wantErr(t, "a var too many", sdk.SetVar("another", ""), sdk.ErrTooLarge)
		wantErr(t, "one that is there", sdk.SetVar("log.a", "c"), nil)
	})})
	if out.KV["n"] != "42" || out.Vars["log.a"] != "c" {
		t.Errorf("outcome: %v %v", out.KV, out.Vars)
	}
	play(t, Case{}, Hooks{OnRequest: hook(func() {
		if _, ok := sdk.KVGet("k"); ok || sdk.Err() != sdk.ErrNotAllowed {
			t.Error("the store is open without a grant")
		}
		if _, ok := sdk.KVAdd("k", 1, 0); ok {
			t.Error("the store is open without a grant")
		}
	})})
}

func TestMetricsAndClock(t *testing.T) {
	numbers := func() (n [2]uint64) {
		play(t, Case{Request: Request{Seed: 7, Now: 1234}}, Hooks{OnRequest: hook(func() {
			n = [2]uint64{sdk.Random(), sdk.Random()}
			if sdk.NowMS() != 1234 {
				t.Errorf("now %d", sdk.NowMS())
			}
			wantErr(t, "a label", sdk.AddMetric("requests;arm=a b", 1), nil)
			for _, bad := range []string{"", "Upper", "a;b", "a;b=", "a;=c", "a b", "a;b=c\n"} {
				wantErr(t, "metric "+bad, sdk.AddMetric(bad, 1), sdk.ErrMalformed)
			}
			wantErr(t, "a negative count", sdk.AddMetric("a", -1), sdk.ErrMalformed)
		})})
		return n
	}
	if a, b := numbers(), numbers(); a != b || a[0] == a[1] {
		t.Errorf("random numbers %v and %v: want the same sequence twice, of different numbers", a, b)
	}
}

func TestInterestNarrowsTheHooks(t *testing.T) {
	run := hook(func() {
		wantErr(t, "interest in a hook", sdk.Interest(abi.OnDone), sdk.ErrNotAllowed)
	})
	out := play(t, Case{Request: Request{Body: "{}"}}, Hooks{
		Configure: func() int32 {
			return sdk.Configure(func(*sdk.Config) {
				wantErr(t, "interest", sdk.Interest(abi.OnRequest, abi.OnEvent), nil)
				wantErr(t, "interest in a hook that there is not", sdk.Interest(7), sdk.ErrMalformed)
			})
		},
		OnRequest: run, OnResponse: run,
	})
	if len(out.Hooks) != 1 || out.Hooks[0] != "on_request" {
		t.Errorf("hooks %v, want on_request: exported and asked for", out.Hooks)
	}
}
