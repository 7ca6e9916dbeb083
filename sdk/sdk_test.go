package sdk

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// stub answers every text with value and every code with code.
type stub struct {
	Host  // panics for what is not here
	value string
	code  int32
	asked int
	last  string
	mask  int32
}

func (s *stub) give(room []byte) int32 {
	s.asked++
	if s.code < 0 {
		return s.code
	}
	if len(s.value) <= len(room) {
		copy(room, s.value)
	}
	return int32(len(s.value))
}

func (s *stub) ConfigGet(room []byte) int32            { return s.give(room) }
func (s *stub) PropertyGet(_ int32, room []byte) int32 { return s.give(room) }
func (s *stub) JSONGet(_ string, room []byte) int32    { return s.give(room) }
func (s *stub) JSONSet(_, _ string) int32              { return s.code }
func (s *stub) JSONNumber(string) float64              { return math.NaN() }
func (s *stub) ModelSet(string) int32                  { return s.code }
func (s *stub) Fail(reason string)                     { s.last = reason }
func (s *stub) InterestSet(mask int32) int32           { s.mask = mask; return 0 }
func (s *stub) KVAdd(string, int64, int64) int64       { return abi.KVFailed }
func (s *stub) Reply(_ int32, _, body string) int32    { s.last = body; return s.code }

func with(t *testing.T, s *stub) *stub {
	t.Helper()
	previous := SetHost(s)
	releaseArena()
	t.Cleanup(func() { SetHost(previous) })
	return s
}

func TestAnswersStandSideBySideUntilTheHookReturns(t *testing.T) {
	s := with(t, &stub{value: "first"})
	kept := ""
	Hook(func() Action {
		a, _ := Property(abi.PropertyModel)
		s.value = strings.Repeat("long ", 20_000) // larger than the arena
		b, ok := JSON("/x")
		if !ok || b != s.value {
			t.Errorf("a value that must grow the arena: %d bytes, %v", len(b), ok)
		}
		s.value = "third"
		c, _ := JSON("/y")
		if a != "first" || c != "third" {
			t.Errorf("got %q and %q, want first and third", a, c)
		}
		kept = c
		return Continue
	})
	if kept == "third" {
		t.Error("a string that was kept beyond the hook is still readable: a test would not find the mistake")
	}
}

func TestAHugeArenaIsGivenBack(t *testing.T) {
	s := with(t, &stub{value: strings.Repeat("x", arenaKeep)})
	Hook(func() Action { JSON("/x"); return Continue })
	if size > arenaKeep {
		t.Errorf("an idle instance holds %d bytes", size)
	}
	s.value = ""
	if v, ok := JSON("/x"); !ok || v != "" {
		t.Errorf("an empty value: %q, %v, want it present", v, ok)
	}
}

func TestAFilledArenaGrowsOnceAndThenAsksOnce(t *testing.T) {
	s := with(t, &stub{value: strings.Repeat("x", 3*arenaStart)})
	Hook(func() Action { JSON("/x"); return Continue })
	s.asked = 0
	Hook(func() Action { JSON("/x"); return Continue })
	if s.asked != 1 {
		t.Errorf("the second hook asked %d times for a value that fits, want 1", s.asked)
	}
}

func TestErrSaysWhy(t *testing.T) {
	s := with(t, &stub{})
	for code, want := range map[int32]Error{
		abi.Absent: ErrAbsent, abi.Malformed: ErrMalformed, abi.NotAllowed: ErrNotAllowed, abi.TooLarge: ErrTooLarge,
	} {
		s.code = code
		if _, ok := JSON("/x"); ok || Err() != want {
			t.Errorf("code %d: ok %v, Err %v, want %v", code, ok, Err(), want)
		}
		if err := SetModel("m"); err != want {
			t.Errorf("code %d: SetModel: %v, want %v", code, err, want)
		}
	}
	s.code = -99
	if err := SetJSON("/x", "1"); err != ErrUnknown {
		t.Errorf("a code from the future: %v, want ErrUnknown", err)
	}
	s.code = 0
	if err := SetModel("m"); err != nil || Err() != 0 {
		t.Errorf("a call that went well: %v, Err %v", err, Err())
	}
	if _, ok := Float("/x"); ok {
		t.Error("NaN is no number")
	}
	if _, ok := KVAdd("k", 1, 0); ok || Err() != ErrNotAllowed {
		t.Errorf("KVAdd that was not done: %v, Err %v", ok, Err())
	}
}

func TestGettersAllocateNothing(t *testing.T) {
	s := with(t, &stub{value: "Qwen3-32B"})
	allocs := testing.AllocsPerRun(100, func() {
		Hook(func() Action {
			if v, ok := Property(abi.PropertyModel); !ok || v != "Qwen3-32B" {
				return Fail("wrong value")
			}
			_, _ = JSON("/temperature")
			if SetModel("m") != nil || SetJSON("/n", "1") != nil {
				return Fail("wrong code")
			}
			return Continue
		})
	})
	if allocs != 0 && !raceEnabled {
		t.Errorf("a hook allocates %v times, want 0", allocs)
	}
	if s.last != "" {
		t.Error(s.last)
	}
}

func TestReplyThatIsRefusedFails(t *testing.T) {
	s := with(t, &stub{})
	if a := Refuse(429, "slow \"down\"\n"); a != abi.Replied || s.last != `{"error":"slow \"down\"\n"}` {
		t.Errorf("Refuse: action %d, body %s", a, s.last)
	}
	s.code = abi.Malformed
	if a := Refuse(99, "x"); a >= 0 || !strings.Contains(s.last, "malformed") {
		t.Errorf("a reply that the router refuses: action %d, reason %q", a, s.last)
	}
}

func TestConfigure(t *testing.T) {
	s := with(t, &stub{value: `{"a":"x","b":1}`})
	if code := Configure(func(c *Config) {
		if c.String("a", "") != "x" || c.Number("b", 0) != 1 {
			t.Error("values are not what the config says")
		}
		_ = Interest(abi.OnRequest, abi.OnDone)
	}); code != 0 || s.mask != 1<<abi.OnRequest|1<<abi.OnDone {
		t.Errorf("code %d, interest %b", code, s.mask)
	}
	if code := Configure(func(c *Config) { c.String("a", "") }); code == 0 || !strings.Contains(s.last, "b: unknown key; known here: a") {
		t.Errorf("a key that nobody asked for: code %d, reason %q", code, s.last)
	}
	s.value = "[]"
	if code := Configure(func(*Config) {}); code == 0 || !strings.Contains(s.last, "want a table, have a list") {
		t.Errorf("a config that is no table: code %d, reason %q", code, s.last)
	}
	s.code = abi.Absent
	if code := Configure(func(*Config) {}); code != 0 {
		t.Errorf("no config at all: code %d, %q, want an empty table", code, s.last)
	}
}

func TestConfigStringsSurviveTheHook(t *testing.T) {
	s := with(t, &stub{value: `{"a":"keep me"}`})
	kept := ""
	Configure(func(c *Config) { kept = c.String("a", "") })
	s.value = strings.Repeat("z", 100)
	Hook(func() Action { JSON("/x"); return Continue })
	if kept != "keep me" {
		t.Errorf("a config's string became %q", kept)
	}
}

func TestConfigFaultsNameTheirKeys(t *testing.T) {
	c, err := ParseConfig(`{"s":1,"b":"x","n":"x","l":[1],"t":[],"d":{"deep":[{"u":1,"u":2}]},"v":[[1]],"w":{}}`)
	if err != nil {
		t.Fatal(err)
	}
	c.String("s", "")
	c.Bool("b", false)
	c.Number("n", 0)
	c.Strings("l")
	c.Table("t")
	c.Table("d").Tables("deep")[0].Has("known")
	c.Scalars("v")
	c.Scalar("w")
	want := []string{
		"s: want a string, have a number", "b: want a boolean, have a string", "n: want a number, have a string",
		"l[0]: want a string, have a number", "t: want a table, have a list", "v[0]: want a single value, have a list",
		"w: want a single value, have a table", "d.deep[0].u: unknown key; known here: known",
	}
	if err := c.Err(); err == nil || err.Error() != strings.Join(want, "; ") {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "; "))
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{{"a", "a", true}, {"a", "ab", false}, {"a*", "ab", true}, {"a*", "a", true}, {"*", "", true}, {"", "", true}, {"a*", "b", false}} {
		if got := MatchAny([]string{"-", c.pattern}, c.name); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.name, got)
		}
	}
}

func TestAPolicyWithoutARouterSaysSo(t *testing.T) {
	previous := SetHost(nil)
	defer SetHost(previous)
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "sdktest") {
			t.Errorf("panic %q does not say what to do", text)
		}
	}()
	Model()
}

// flat is what encoding/json makes of a value, and what Config's parser does.
func flat(v *value) any {
	switch v.kind {
	case KindTable:
		m := map[string]any{}
		for i, k := range v.keys {
			m[k] = flat(&v.items[i])
		}
		return m
	case KindList:
		l := []any{}
		for i := range v.items {
			l = append(l, flat(&v.items[i]))
		}
		return l
	case KindString:
		return v.text
	default:
		return json.RawMessage(v.raw)
	}
}

// What encoding/json takes, the parser reads the same way.
func FuzzConfigReadsWhatJSONReads(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,-2.5e3,true,null,"\ud83d\ude00\n\u0000\ud800x\/"],"a":{"b":{}} , "c" : [ ] }`, `{}`, ` {"é":"\\"} `, `{"a":}`,
		`{"a":1,}`, `[1]`, `{"a":tru}`, `{"a":"\x"}`, `{"a":"`, `{"a" 1}`, `{"a":0x1}`, `{"a":Inf}`, `{"a":1 2}`, `{"a":1}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseConfig(text)
		var want map[string]any
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if !json.Valid([]byte(text)) || dec.Decode(&want) != nil || want == nil {
			return // the router sends nothing of the kind; only do not crash
		}
		if err != nil {
			if strings.Contains(err.Error(), "deep") || strings.Contains(err.Error(), "not JSON") && hasHugeNumber(want) {
				return
			}
			t.Fatalf("%q: %v", text, err)
		}
		got, err := json.Marshal(flat(c.table))
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(got, &a) != nil || json.Unmarshal(again, &b) != nil {
			return
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if string(x) != string(y) {
			t.Fatalf("%q:\ngot  %s\nwant %s", text, x, y)
		}
	})
}

func hasHugeNumber(v any) bool {
	switch v := v.(type) {
	case json.Number:
		_, err := v.Float64()
		return err != nil
	case []any:
		for _, e := range v {
			if hasHugeNumber(e) {
				return true
			}
		}
	case map[string]any:
		for _, e := range v {
			if hasHugeNumber(e) {
				return true
			}
		}
	}
	return false
}

func FuzzParseNumberIsExact(f *testing.F) {
	for _, s := range []string{"0", "-0", "0.7", "-12.50", "100000", "1e5", "1e999", "-1e999", "999999999999999", "9999999999999999", "0.000000000000001", "123456.789012345", "true", `"1"`, "", "-", "1."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		if !json.Valid([]byte(raw)) || strings.ContainsAny(raw, " \t\r\n") {
			return
		}
		got, ok := ParseNumber(raw)
		want, err := strconv.ParseFloat(raw, 64)
		isNumber := raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'
		if ok != isNumber {
			t.Fatalf("%q: ok %v", raw, ok)
		}
		if isNumber && (err == nil || errors.Is(err, strconv.ErrRange)) && (got != want || math.Signbit(got) != math.Signbit(want)) {
			t.Fatalf("%q: got %v, want %v", raw, got, want)
		}
	})
}

func FuzzAppendQuotedIsJSON(f *testing.F) {
	f.Add("a\"\\\n\r\t\x00\x1f/é\u2028")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		var back string
		if err := json.Unmarshal(AppendQuoted(nil, text), &back); err != nil || back != text {
			t.Fatalf("%q came back as %q, %v", text, back, err)
		}
	})
}
