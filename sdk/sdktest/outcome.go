package sdktest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Outcome is what a policy did to one exchange, whatever it ran on.
type Outcome struct {
	ConfigureError string // "" when the config was taken; then nothing else happened
	Hooks          []string
	Action         string      // of on_request: "continue" or "reply"
	Failed         string      // the hook that failed, "" when none did
	Reason         string      // why it failed
	Reply          *EarlyReply // what the policy answered with
	Model          string
	Body           string
	Headers        map[string]string // of the request, by lower-case name
	Scores         map[string]float64
	Vars           map[string]string
	KV             map[string]string
	Events         []string // what the client gets
	Ended          bool
	Metrics        map[string]float64
	ReplyHeaders   map[string]string // by lower-case name
	ReplyBody      string
}

// Check compares an outcome with what the case wants, and returns a line for
// each difference.
func (c *Case) Check(got Outcome) []string {
	w, d := &c.Want, differences{}
	if w.ConfigureError != "" || got.ConfigureError != "" {
		if w.ConfigureError == "" || !strings.Contains(got.ConfigureError, w.ConfigureError) {
			d.add("configure_error", got.ConfigureError, w.ConfigureError)
		}
		return d
	}
	if got.Failed != w.Failed {
		d = append(d, fmt.Sprintf("failed: got %q (%s), want %q", got.Failed, got.Reason, w.Failed))
	}
	if w.Hooks != nil && !slices.Equal(got.Hooks, w.Hooks) {
		d.add("hooks", got.Hooks, w.Hooks)
	}
	if w.Action != "" {
		d.text("action", got.Action, w.Action)
	}
	if w.Model != nil {
		d.text("model", got.Model, *w.Model)
	}
	if w.Body != nil {
		d.text("body", got.Body, string(*w.Body))
	}
	if w.ReplyBody != nil {
		d.text("reply_body", got.ReplyBody, string(*w.ReplyBody))
	}
	d.reply(got.Reply, w.Reply)
	d.named("headers", got.Headers, w.Headers, strings.ToLower)
	d.named("reply_headers", got.ReplyHeaders, w.ReplyHeaders, strings.ToLower)
	d.named("vars", got.Vars, w.Vars, func(s string) string { return s })
	if w.Scores != nil && !maps.Equal(got.Scores, w.Scores) {
		d.add("scores", got.Scores, w.Scores)
	}
	if w.Metrics != nil && !maps.Equal(got.Metrics, w.Metrics) {
		d.add("metrics", got.Metrics, w.Metrics)
	}
	if w.KV != nil && !maps.Equal(got.KV, w.KV) {
		d.add("kv", got.KV, w.KV)
	}
	if w.Events != nil {
		d.events(got.Events, w.Events)
	}
	if w.Ended != got.Ended {
		d.add("ended", got.Ended, w.Ended)
	}
	return d
}

type differences []string

func (d *differences) add(what string, got, want any) {
	*d = append(*d, fmt.Sprintf("%s:\n  got  %v\n  want %v", what, got, want))
}

func (d *differences) text(what, got, want string) {
	if got != want {
		d.add(what, got, want)
	}
}

// reply: an early reply that a case does not want is a difference too.
func (d *differences) reply(got, want *EarlyReply) {
	switch {
	case got == nil && want == nil:
	case got == nil:
		d.add("reply", "none", *want)
	case want == nil:
		d.add("reply", *got, "none")
	case *got != *want:
		d.add("reply", *got, *want)
	}
}

// named compares the names that are wanted; nil wants a name not to be there.
func (d *differences) named(what string, got map[string]string, want map[string]*string, fold func(string) string) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		value, ok := got[fold(name)]
		switch w := want[name]; {
		case w == nil && ok:
			d.add(what+": "+name, value, "not there")
		case w != nil && !ok:
			d.add(what+": "+name, "not there", *w)
		case w != nil && value != *w:
			d.add(what+": "+name, value, *w)
		}
	}
}

func (d *differences) events(got []string, want []Text) {
	if len(got) != len(want) {
		d.add("events", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		d.text(fmt.Sprintf("events[%d]", i), got[i], string(want[i]))
	}
}
