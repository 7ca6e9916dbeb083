package route

import (
	"testing"

	"github.com/infinirouter/infinirouter/host/config"
)

func headers(h map[string]string) func(string) []byte {
	return func(name string) []byte {
		if v, ok := h[name]; ok {
			return []byte(v)
		}
		return nil
	}
}

func TestPathPatterns(t *testing.T) {
	for pattern, c := range map[string]struct{ match, not []string }{
		"/*": {[]string{"/", "/v1", "/v1/", "/x", "/v1/chat/completions"}, []string{"", "x"}},
		"":   {[]string{"/", "/x", ""}, nil},
		"*":  {[]string{"/", "/x", ""}, nil},
		"/v1/chat/completions": {
			[]string{"/v1/chat/completions", "/chat/completions"},
			[]string{"/chat/completions/", "/v1/chat/completions/x", "/v1/v1/chat/completions", "/CHAT/completions", "/completions", "/v10/chat/completions", ""},
		},
		"/chat/completions": {[]string{"/v1/chat/completions", "/chat/completions"}, []string{"/chat"}},
		"/chat/*":           {[]string{"/chat/", "/chat/completions", "/v1/chat/x/y"}, []string{"/chat", "/chats/x", "/v1"}},
		"/v1/audio/*":       {[]string{"/audio/speech", "/v1/audio/speech"}, []string{"/audio", "/v1/video/x"}},
		"/v1/*":             {[]string{"/v1/x", "/x", "/v1"}, []string{""}},
		"/v1*":              {[]string{"/v1/x", "/x", "/v1"}, nil},
		"/v1":               {[]string{"/v1", "/", "/v1/"}, []string{"/x"}},
		"/v10/*":            {[]string{"/v10/x"}, []string{"/x", "/0/x"}},
		"/emb*":             {[]string{"/embeddings", "/v1/embeddings", "/emb"}, []string{"/em"}},
	} {
		table := NewTable([]config.Route{{Path: pattern}})
		for _, path := range c.match {
			if table.Match([]byte(path), nil, nil) == nil {
				t.Errorf("%q does not match %q", pattern, path)
			}
		}
		for _, path := range c.not {
			if table.Match([]byte(path), nil, nil) != nil {
				t.Errorf("%q matches %q", pattern, path)
			}
		}
	}
}

func TestModelPatterns(t *testing.T) {
	for _, c := range []struct {
		patterns   []string
		match, not []string
	}{
		{nil, []string{"", "x"}, nil},
		{[]string{"*"}, []string{"", "x"}, nil},
		{[]string{"a", "*"}, []string{"", "a", "x"}, nil},
		{[]string{"qwen"}, []string{"qwen"}, []string{"", "Qwen", "qwen3", "qwe"}},
		{[]string{"qwen*"}, []string{"qwen", "qwen3"}, []string{"", "qwe", "x-qwen"}},
		{[]string{"a", "b*", "c"}, []string{"a", "b", "bb", "c"}, []string{"", "aa", "cc", "*"}},
	} {
		table := NewTable([]config.Route{{Path: "/*", Models: c.patterns}})
		for _, model := range c.match {
			if table.Match([]byte("/x"), []byte(model), nil) == nil {
				t.Errorf("%q does not match %q", c.patterns, model)
			}
		}
		for _, model := range c.not {
			if table.Match([]byte("/x"), []byte(model), nil) != nil {
				t.Errorf("%q matches %q", c.patterns, model)
			}
		}
	}
}

func TestHeaderMatches(t *testing.T) {
	type h = map[string]string
	for _, c := range []struct {
		want, sent h
		match      bool
	}{
		{nil, nil, true},
		{nil, h{"X-A": "1"}, true},
		{h{"X-A": "1"}, h{"X-A": "1", "X-B": "2"}, true},
		{h{"X-A": "1"}, h{"X-A": "2"}, false},
		{h{"X-A": "1"}, nil, false},
		{h{"X-A": "*"}, h{"X-A": "anything"}, true},
		{h{"X-A": "*"}, h{"X-A": ""}, false},
		{h{"X-A": "*"}, nil, false},
		{h{"X-A": "1", "X-B": "*"}, h{"X-A": "1"}, false},
		{h{"X-A": "1", "X-B": "*"}, h{"X-A": "1", "X-B": "2"}, true},
		{h{"X-A": "1*"}, h{"X-A": "12"}, false},
	} {
		table := NewTable([]config.Route{{Path: "/*", Headers: c.want}})
		if got := table.Match([]byte("/x"), nil, headers(c.sent)) != nil; got != c.match {
			t.Errorf("headers %v against %v: %v", c.sent, c.want, got)
		}
	}
	if NewTable([]config.Route{{Headers: h{"X-A": "*"}}}).Match([]byte("/x"), nil, nil) != nil {
		t.Error("a request without headers matches a route that wants one")
	}
}

func TestFirstMatchWins(t *testing.T) {
	table := NewTable([]config.Route{
		{Name: "gold chat", Path: "/v1/chat/*", Models: []string{"qwen*"}, Headers: map[string]string{"X-Tier": "gold"}},
		{Name: "chat", Path: "/chat/*", Models: []string{"*"}, Balance: config.BalanceRandom},
		{Name: "qwen", Path: "/*", Models: []string{"qwen*"}},
	})
	gold := headers(map[string]string{"X-Tier": "gold"})
	for _, c := range []struct {
		path, model string
		header      func(string) []byte
		want        string
	}{
		{"/chat/completions", "qwen3", gold, "gold chat"},
		{"/chat/completions", "llama", gold, "chat"},
		{"/v1/chat/completions", "qwen3", nil, "chat"},
		{"/v1/chat/completions", "", nil, "chat"},
		{"/v1/embeddings", "qwen3", gold, "qwen"},
		{"/v1/embeddings", "llama", gold, ""},
		{"/v1/embeddings", "", nil, ""},
	} {
		got := ""
		if r := table.Match([]byte(c.path), []byte(c.model), c.header); r != nil {
			got = r.Config.Name
		}
		if got != c.want {
			t.Errorf("%s %s: route %q, want %q", c.path, c.model, got, c.want)
		}
	}
	if len(table.Routes()) != 3 || NewTable(nil).Match([]byte("/"), nil, nil) != nil {
		t.Error("a table has other routes than it was given")
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	table := NewTable([]config.Route{
		{Path: "/v1/audio/*"},
		{Path: "/*", Models: []string{"a", "b", "c*"}},
		{Path: "/*", Models: []string{"*"}, Headers: map[string]string{"X-A": "1", "X-B": "*"}},
		{Path: "/v1/chat/completions", Models: []string{"other", "qwen*"}},
	})
	path, model, one := []byte("/v1/chat/completions"), []byte("qwen3-32b"), []byte("1")
	header := func(name string) []byte {
		if name == "X-A" {
			return one
		}
		return nil
	}
	var got *Route
	if n := testing.AllocsPerRun(100, func() { got = table.Match(path, model, header) }); n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
	if got != table.Routes()[3] {
		t.Error("wrong route")
	}
}
