package sdktest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func load(t *testing.T, text string) ([]Case, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cases.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

func TestLoadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                                    "no cases",
		`[{"name":"a"},{"name":"a"}]`:           "there twice",
		`[{}]`:                                  "needs a name",
		"[\n{\"name\":\"a\",\"wnat\":{}}]":      `unknown field "wnat"`,
		`[{"name":"a","grants":["x"]}]`:         `no grant "x"`,
		`[{"name":"a","properties":{"x":"y"}}]`: `no property "x"`,
		`[{"name":"a","numbers":{"x":1}}]`:      `no number "x"`,
		`[{"name":"a"}] []`:                     "something follows",
		`{"name":"a"}`:                          "cannot unmarshal",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.json")); err == nil {
		t.Error("a file that is not there was loaded")
	}
}

func TestLoadTakesBodiesAsTheyAre(t *testing.T) {
	cases, err := load(t, `[{"name":"a","request":{"body":{ "n": 1.0, "s": "\u00e9<" }},"reply":{"body":"{ }"},"events":[null,"[DONE]"]}]`)
	if err != nil {
		t.Fatal(err)
	}
	c := cases[0]
	if c.Request.Body != `{"n":1.0,"s":"\u00e9<"}` || c.Reply.Body != "{ }" || c.Events[1] != "[DONE]" || c.Reply.Status != 200 {
		t.Errorf("case: %+v", c)
	}
}

// What a case wants and does not get is a difference: each field is tried on
// an outcome that has it otherwise.
func TestCheckFindsEveryDifference(t *testing.T) {
	good := Outcome{
		Hooks: []string{"on_request"}, Action: "continue", Model: "m", Body: "{}", ReplyBody: "r",
		Headers: map[string]string{"x-a": "b"}, ReplyHeaders: map[string]string{"x-b": "c"}, Vars: map[string]string{"v": "w"},
		Scores: map[string]float64{"s": 1}, KV: map[string]string{"k": "v"}, Events: []string{"e"}, Metrics: map[string]float64{"m": 1},
	}
	wants := `[{"name":"a","want":{"hooks":["on_request"],"action":"continue","model":"m","body":"{}","reply_body":"r",
		"headers":{"X-A":"b","X-None":null},"reply_headers":{"X-B":"c"},"vars":{"v":"w","u":null},"scores":{"s":1},"kv":{"k":"v"},"events":["e"],"metrics":{"m":1}}}]`
	cases, err := load(t, wants)
	if err != nil {
		t.Fatal(err)
	}
	if d := cases[0].Check(good); len(d) != 0 {
		t.Fatalf("an outcome as wanted: %v", d)
	}
	for what, spoil := range map[string]func(*Outcome){
		"configure_error":    func(o *Outcome) { o.ConfigureError = "x" },
		"failed":             func(o *Outcome) { o.Failed = "on_done" },
		"hooks":              func(o *Outcome) { o.Hooks = nil },
		"action":             func(o *Outcome) { o.Action = "reply" },
		"reply":              func(o *Outcome) { o.Reply = &EarlyReply{Status: 400} },
		"model":              func(o *Outcome) { o.Model = "" },
		"body":               func(o *Outcome) { o.Body = "{ }" },
		"reply_body":         func(o *Outcome) { o.ReplyBody = "" },
		"headers: X-A":       func(o *Outcome) { o.Headers = nil },
		"headers: X-None":    func(o *Outcome) { o.Headers = map[string]string{"x-a": "b", "x-none": ""} },
		"reply_headers: X-B": func(o *Outcome) { o.ReplyHeaders = map[string]string{"x-b": "d"} },
		"vars: u":            func(o *Outcome) { o.Vars = map[string]string{"v": "w", "u": "t"} },
		"scores":             func(o *Outcome) { o.Scores = map[string]float64{"s": 0} },
		"kv":                 func(o *Outcome) { o.KV = nil },
		"events":             func(o *Outcome) { o.Events = nil },
		"events[0]":          func(o *Outcome) { o.Events = []string{"f"} },
		"ended":              func(o *Outcome) { o.Ended = true },
		"metrics":            func(o *Outcome) { o.Metrics = map[string]float64{"m": 1, "n": 1} },
	} {
		bad := good
		spoil(&bad)
		if d := cases[0].Check(bad); len(d) != 1 || !strings.HasPrefix(d[0], what+":") {
			t.Errorf("%s: differences %q", what, d)
		}
	}
}

// recorder stands in for *testing.T.
type recorder struct {
	errors, fatal []string
	names         []string
}

func (r *recorder) Helper()                        {}
func (r *recorder) Errorf(format string, _ ...any) { r.errors = append(r.errors, format) }
func (r *recorder) Fatalf(format string, _ ...any) { r.fatal = append(r.fatal, format) }
func (r *recorder) Run(name string, f func(*recorder)) bool {
	r.names = append(r.names, name)
	f(r)
	return true
}

func TestRunReportsDifferences(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cases.json")
	text := `[{"name":"right","request":{"body":{"model":"m"}},"want":{"model":"m"}},{"name":"wrong","want":{"model":"m"}}]`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &recorder{}
	Run(r, path, Hooks{})
	if len(r.names) != 2 || len(r.errors) != 1 || len(r.fatal) != 0 {
		t.Errorf("%+v", r)
	}
	Run(r, path+"x", Hooks{})
	if len(r.fatal) != 1 {
		t.Error("a missing file is no failure")
	}
}
