package openai

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheck(t *testing.T) {
	for _, text := range []string{
		`0`, `-0`, `12`, `-1.5`, `1e5`, `1E+5`, `0.0e-0`, `1.25e10`, `123456789012345678901234567890`,
		`""`, `"a"`, `"\"\\\/\b\f\n\r\t\u00e9"`, `"\ud83d\ude00"`, `"\ud800"`, `"é 北京 😀"`, `"\u0000"`, "\"\x7f\"",
		`true`, `false`, `null`, `[]`, `{}`, `[ ]`, `{ }`, "[\t1 ,\n2\r]", `[[],[[]],{}]`,
		`{"a":1,"a":2}`, `{"":{"":[]}}`, ` {"a" : [ true , false,null ] } `,
		`"0123456789012345678901234567890123456789"`, `"0123456789012345678901234567890\n"`,
	} {
		c := checker{b: []byte(text), depth: 128}
		if !c.whole() {
			t.Errorf("%q is refused: %v", text, c.err())
		}
		if !json.Valid([]byte(text)) {
			t.Errorf("%q is no JSON", text)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	pad := strings.Repeat("x", 64)
	for _, tt := range []struct {
		text   string
		offset int
		reason string
	}{
		{``, 0, "unexpected end, a value"},
		{`  `, 2, "unexpected end, a value"},
		{`01`, 1, "the end is due"},
		{`-`, 1, "a digit is due"},
		{`-a`, 1, "a digit is due"},
		{`+1`, 0, "a value is due"},
		{`.5`, 0, "a value is due"},
		{`1.`, 2, "a digit is due"},
		{`1.e5`, 2, "a digit is due"},
		{`1e`, 2, "a digit is due"},
		{`1e+`, 3, "a digit is due"},
		{`0x1`, 1, "the end is due"},
		{`NaN`, 0, "a value is due"},
		{`Infinity`, 0, "a value is due"},
		{`'a'`, 0, "a value is due"},
		{`tru`, 0, "true is due"},
		{`trux`, 0, "true is due"},
		{`truee`, 4, "the end is due"},
		{`nul`, 0, "null is due"},
		{`1 2`, 2, "the end is due"},
		{"\x00", 0, "a value is due"},
		{"\ufeff1", 0, "a value is due"},
		{"\u00a01", 0, "a value is due"},
		{"\f1", 0, "a value is due"},
		{`"a`, 2, "unexpected end inside a string"},
		{`"a\`, 3, "unexpected end inside a string"},
		{`"\q"`, 1, "escape sequence"},
		{`"\u12"`, 1, "four hex digits"},
		{`"\u12g4"`, 1, "four hex digits"},
		{`"\U0001"`, 1, "escape sequence"},
		{"\"a\nb\"", 2, "control character"},
		{"\"\x00\"", 1, "control character"},
		{"\"" + pad + "\x1f" + pad + "\"", 65, "control character"},
		{"\"" + pad[:40] + "\t\"", 41, "control character"},
		{"\"\xff\"", 1, "not UTF-8"},
		{"\"" + pad + "\xc3\"", 65, "not UTF-8"},
		{"\"\xed\xa0\x80\"", 1, "not UTF-8"},     // a surrogate
		{"\"\xc0\x80\"", 1, "not UTF-8"},         // overlong
		{"\"\xf4\x90\x80\x80\"", 1, "not UTF-8"}, // beyond Unicode
		{`[1,]`, 3, "a value is due"},
		{`[1 2]`, 3, "a comma or closing bracket"},
		{`[1`, 2, "a comma or closing bracket"},
		{`[1}`, 2, "a comma or closing bracket"},
		{`{"a":1]`, 6, "a comma or closing bracket"},
		{`{"a":1,}`, 7, "a key in quotes"},
		{`{"a" 1}`, 5, "a colon"},
		{`{a:1}`, 1, "a key in quotes"},
		{`{,}`, 1, "a key in quotes"},
		{`[,]`, 1, "a value is due"},
		{`{"a":}`, 5, "a value is due"},
		{`{"a`, 3, "unexpected end inside a string"},
		{`]`, 0, "a value is due"},
		{`[1]]`, 3, "the end is due"},
		{`[/**/1]`, 1, "a value is due"},
		{`[[[1]]]`, 2, "nested deeper than 2"},
		{`{"a":{"a":{}}}`, 10, "nested deeper than 2"},
	} {
		c := checker{b: []byte(tt.text), depth: 2}
		if c.whole() {
			t.Errorf("%q is accepted", tt.text)
			continue
		}
		if c.at != tt.offset || !strings.Contains(c.reason, tt.reason) {
			t.Errorf("%q: %v; want %q at byte %d", tt.text, c.err(), tt.reason, tt.offset)
		}
	}
}

func TestCheckDepth(t *testing.T) {
	for _, open := range []string{"[", `{"a":`} {
		end := map[string]string{"[": "]", `{"a":`: "}"}[open]
		for _, depth := range []int{1, 63, 64, 65, 128, maxDepth} {
			for _, extra := range []int{0, 1} {
				n := depth + extra
				text := strings.Repeat(open, n-1) + "[]" + strings.Repeat(end, n-1)
				c := checker{b: []byte(text), depth: depth}
				if c.whole() != (extra == 0) {
					t.Errorf("%s: depth %d of %d: %s", open, n, depth, c.reason)
				}
				if extra == 0 && skipContainer([]byte(text), 0) != len(text) {
					t.Errorf("%s: depth %d is not skipped", open, n)
				}
			}
		}
	}
}

// Every byte in every position of a word, in strings of every length around
// the sizes that are read at once.
func TestCheckEveryByte(t *testing.T) {
	for n := 1; n < 80; n++ {
		text := []byte(`"` + strings.Repeat("a", n) + `"`)
		for i := 1; i <= n; i++ {
			for ch := range 256 {
				text[i] = byte(ch)
				c := checker{b: text, depth: 1}
				if got, want := c.whole(), json.Valid(text) && utf8.Valid(text); got != want {
					t.Fatalf("%q: %v, want %v", text, got, want)
				}
			}
			text[i] = 'a'
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,"\u00e9",null]}`, `[[[]]]`, "\"\x01\"", `"\ud800\udc00"`, `-0.5e+7`, "\"\xff\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := checker{b: b, depth: maxDepth}
		got := c.whole()
		want := json.Valid(b) && utf8.Valid(b)
		if got != want && !c.tooDeep {
			t.Fatalf("%q: %v, want %v (%s at %d)", b, got, want, c.reason, c.at)
		}
		if i := skipSpace(b, 0); got {
			own := checker{b: b, depth: maxDepth}
			if end := skipValue(b, i); end != own.value(i) {
				t.Fatalf("%q: skipped to %d", b, end)
			}
		} else if c.at < 0 || c.at > len(b) {
			t.Fatalf("%q: fault at %d", b, c.at)
		}
	})
}

// TestText holds text, by whatever way it goes on, against one that looks at each byte, with
// strings that are full of what it has to look for.
func TestText(t *testing.T) {
	defer func(is bool) { hasLongText = is }(hasLongText)
	ways := []bool{hasLongText, false}
	random := rand.New(rand.NewPCG(1, 2))
	alphabets := []string{
		"abc", `abc\`, `\\\\\\a"`, `\"`, `n\`, `\\nu"`, "\\\\aéß\u4e2d😀n", "\\\"/bfnrtu0000", "abcdefghijklmnopqrstuvwxyz\\\"", "\\a\x00\x1f\n \x80\xc3\xff",
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\xff\"\\",
	}
	pieces := []string{`\n`, `\"`, `\\`, `\/`, `\b`, `\f`, `\r`, `\t`, `\u00e9`, `\u`, `\x`, "é", "中", "\xed\xa0\x80", `"`, "\n", strings.Repeat("a", 30), strings.Repeat("b", 64)}
	check := func(b []byte) (reason string) {
		t.Helper()
		at, reason := slowText(b)
		for _, hasLongText = range ways {
			c := checker{b: b}
			got := c.text(0)
			if got > 0 && !c.decodable() {
				got = -1
			}
			if got != at && reason == "" || got != -1 && reason != "" || reason != "" && (c.at != at || !strings.Contains(c.reason, reason)) {
				t.Fatalf("long %v: %q: %d, fault %q at %d; want %d, %q", hasLongText, b, got, c.reason, c.at, at, reason)
			}
		}
		return reason
	}
	plain := strings.Repeat("x", 200)
	for ch := range 256 { // behind a backslash
		for n := range 140 {
			check([]byte(plain[:n] + `\` + string([]byte{byte(ch)}) + plain[:100] + `"`))
		}
	}
	ends := map[string]int{}
	for range 60_000 {
		b := []byte(plain[:random.IntN(3)*random.IntN(60)])
		if random.IntN(2) == 0 {
			alphabet := alphabets[random.IntN(len(alphabets))]
			for range random.IntN(300) {
				b = append(b, alphabet[random.IntN(len(alphabet))])
			}
		} else {
			for few := 1 + random.IntN(len(pieces)); len(b) < 300 && random.IntN(20) > 0; {
				b = append(b, pieces[(random.IntN(few)+few)%len(pieces)]...)
			}
		}
		b = append(b, `"and more, with é and " and \, behind it, which must not matter`...)
		for range random.IntN(40) {
			b = append(b, "\"é"...)
		}
		if random.IntN(10) == 0 {
			b = b[:random.IntN(len(b))]
		}
		ends[check(b)]++
	}
	for _, reason := range []string{"", "control", "escape", "digits", "UTF-8", "end"} {
		if ends[reason] < 500 {
			t.Errorf("only %d strings ended by %q", ends[reason], reason)
		}
	}
}

// slowText returns where the string that b begins with ends, behind its quote; or where its
// fault is and a word of the reason.
func slowText(b []byte) (at int, reason string) {
	for i := 0; ; i++ {
		switch {
		case i == len(b):
			return i, "end"
		case b[i] < ' ':
			return i, "control"
		case b[i] == '"':
			if !utf8.Valid(b[:i]) {
				return invalidUTF8(b[:i]), "UTF-8"
			}
			return i + 1, ""
		case b[i] != '\\':
		case i+1 == len(b):
			return i + 1, "end"
		case b[i+1] == 'u':
			for n := range 4 {
				if i+2+n >= len(b) || !strings.ContainsRune("0123456789abcdefABCDEF", rune(b[i+2+n])) {
					return i, "digits"
				}
			}
			i += 5
		case strings.IndexByte(`"\/bfnrt`, b[i+1]) < 0:
			return i, "escape"
		default:
			i++
		}
	}
}
