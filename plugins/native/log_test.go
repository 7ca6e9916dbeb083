package native

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

func TestFailText(t *testing.T) {
	g := newGuest(t)
	g.do("fail", g.args([]any{"bad\nkey \x1b[31m\xff"})...)
	if got := g.call.FailText(); got != `bad\nkey \x1b[31m\xff` {
		t.Errorf("text is %s", got)
	}
	g.do("fail", g.args([]any{strings.Repeat("é", 4000)})...)
	if got := g.call.FailText(); len(got) > maxFailText+3 || !utf8.ValidString(got) {
		t.Errorf("text has %d bytes", len(got))
	}
	g.call.Start(abi.OnRequest, g.x)
	if g.call.HasFailText() || g.call.FailText() != "" {
		t.Error("the text outlived its call")
	}
}

func TestOneLine(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 5, ""},
		{"abc", 3, "abc"},
		{"abcd", 3, "abc..."},
		{"aé", 2, "a..."},
		{"aé", 3, "aé"},
		{"a\r\n\tb\x00", 99, `a\r\n\tb\x00`},
		{"\u2028\u202e", 99, `\u2028\u202e`},
		{"\xe2\x82", 99, `\xe2\x82`},
		{"日本", 4, "日..."},
		{"\xff\xff\xff", 2, `\xff\xff...`},
		{"é", 1, "..."},
		{"\x80", 1, `\x80`},
	} {
		if got := OneLine([]byte(c.in), c.limit); got != c.want {
			t.Errorf("OneLine(%q, %d) = %s, want %s", c.in, c.limit, got, c.want)
		}
	}
}

func FuzzOneLine(f *testing.F) {
	f.Add([]byte("a\nb\xff日本"), 5)
	f.Fuzz(func(t *testing.T, text []byte, limit int) {
		if limit < 0 {
			return
		}
		got := OneLine(text, limit)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\x00\x1b\u2028\u202e") {
			t.Errorf("OneLine(%q, %d) = %q", text, limit, got)
		}
	})
}

func TestLogLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuest(t, func(o *Options) { o.Limits.LogPerSecond = 20 })
		for i := range 10_000 {
			g.top = 1024
			g.do("log", g.args([]any{i % 5, "storm"})...)
			g.call.Start(abi.OnRequest, g.x)
		}
		if n := strings.Count(g.log.String(), "text=storm"); n != 20 {
			t.Errorf("%d lines were logged at once, want 20", n)
		}
		g.logged(t, "policy=p", "request_id=req-1", "hook=on_request", "level=DEBUG", "level=INFO", "level=WARN", "level=ERROR")
		time.Sleep(500 * time.Millisecond)
		g.log.Reset()
		for range 100 {
			g.top = 1024
			g.do("log", g.args([]any{2, "a\nb\x1b"})...)
		}
		if n := strings.Count(g.log.String(), `text=a\nb\x1b`); n != 10 {
			t.Errorf("%d lines were logged after half a second, want 10:\n%s", n, g.log)
		}
		g.logged(t, "dropped_lines=9980")
		time.Sleep(time.Hour)
		g.log.Reset()
		for range 100 {
			g.top = 1024
			g.do("log", g.args([]any{2, strings.Repeat("x", maxLogLine+1)})...)
		}
		if n := strings.Count(g.log.String(), "xxx..."); n != 20 {
			t.Errorf("%d lines were saved up over an hour, want 20", n)
		}
	})
}
