package config

import (
	"math"
	"testing"
	"time"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "", 1},
		{"", "ab", 2},
		{"fuel", "fuel", 0},
		{"fule", "fuel", 1},
		{"memry", "memory", 1},
		{"listem", "listen", 1},
		{"kitten", "sitting", 3},
		{"ab", "ba", 1},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if distance(c.a, c.b) != distance(c.b, c.a) {
			t.Errorf("distance(%q, %q) depends on the order", c.a, c.b)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"url", "name", "unhealthy_after", "v1"}
	for _, c := range []struct{ name, want string }{
		{"urls", "url"},
		{"NAME", "name"},
		{"unhealthyafter", "unhealthy_after"},
		{"unhelthy_aftr", "unhealthy_after"},
		{"x", ""},
		{"xy", ""},
		{"frobnicate", ""},
		{"", ""},
		{"v2", "v1"},
	} {
		if got := nearest(c.name, words); got != c.want {
			t.Errorf("nearest(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	all := span{0, math.MaxInt64}
	for _, c := range []struct {
		text string
		want int64 // -1: an error
	}{
		{"0B", 0},
		{"512B", 512},
		{"64KiB", 64 << 10},
		{"64 KiB", 64 << 10},
		{"32MiB", 32 << 20},
		{"1GiB", 1 << 30},
		{"", -1},
		{"B", -1},
		{"1", -1},
		{"-1B", -1},
		{"+1B", -1},
		{"1.5MiB", -1},
		{"1MB", -1},
		{"1kib", -1},
		{"1 KiB ", -1},
		{"1  KiB", -1},
		{"8589934591GiB", 8589934591 << 30},
		{"8589934592GiB", -1},
		{"99999999999999999999B", -1},
	} {
		got, err := parseSize(c.text, all)
		if (err != nil) != (c.want < 0) || err == nil && got != c.want {
			t.Errorf("parseSize(%q) = %d, %v", c.text, got, err)
		}
	}
	for n, want := range map[int64]string{0: "0B", 1: "1B", 1024: "1KiB", 1025: "1025B", 32 << 20: "32MiB", 3 << 30: "3GiB"} {
		if got := spellSize(n); got != want {
			t.Errorf("spellSize(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestSpellDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Minute: "1h30m",
		90 * time.Second: "1m30s", 20 * time.Minute: "20m", 10 * time.Hour: "10h", time.Millisecond: "1ms",
	} {
		if got := SpellDuration(d); got != want {
			t.Errorf("SpellDuration(%d) = %q, want %q", d, got, want)
		}
	}
}

func TestExpand(t *testing.T) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "1", "B_2": "two", "EMPTY": "", "NEST": "${A}"}[name]
		return v, ok
	}
	for _, c := range []struct {
		text, want string
		ok         bool
	}{
		{"", "", true},
		{"plain $A", "plain $A", true},
		{"${A}", "1", true},
		{"x${A}y${B_2}z", "x1ytwoz", true},
		{"${NEST}", "${A}", true},
		{"$${A}", "${A}", true},
		{"$${A}${A}", "${A}1", true},
		{"$", "$", true},
		{"$}", "$}", true},
		{"${", "", false},
		{"${A", "", false},
		{"${}", "", false},
		{"${2}", "", false},
		{"${A B}", "", false},
		{"${A-B}", "", false},
		{"${EMPTY}", "", false},
		{"${NONE}", "", false},
	} {
		got, err := expand(c.text, env)
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("expand(%q) = %q, %v", c.text, got, err)
		}
	}
}
