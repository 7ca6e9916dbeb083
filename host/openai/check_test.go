package openai

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/infinirouter/infinirouter/host/large"
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
		text := []byte(`"` + strings.Repeat("a", n) + `"` + strings.Repeat(" ", n%9)) // more may lie behind it
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

const chat = `[{"role":"system","content":"a text of seventeen"},{"role":"user","content":"one text after another"},` +
	`{"role":"user","content":"one text after another"},{"role":"user","content":"one text after another"}]`

// TestJoints has documents of long texts with few ways of going on between them, right and
// wrong, so that the same joints come at the same and at other nestings.
func TestJoints(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	texts := []string{`"a text of seventeen"`, `"a text of seventeen"`, `"a longer one, with \"quotes\" in it"`, `"é, and seventeen more"`, `"short"`, `"seventeen and a \x01"`, "\"seventeen and a \xff\""}
	var write func(b []byte, depth int) []byte
	write = func(b []byte, depth int) []byte {
		switch n := random.IntN(6); {
		case n < 3 || depth == 0:
			kinds := len(texts)
			if random.IntN(40) > 0 {
				kinds -= 2 // that are wrong
			}
			return append(b, texts[random.IntN(kinds)]...)
		case n < 5:
			b = append(b, '[')
			for i := range random.IntN(6) {
				if i > 0 {
					b = append(b, ',')
				}
				b = write(b, depth-1)
			}
			return append(b, ']')
		}
		b = append(b, '{')
		for i := range random.IntN(4) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, []string{`"a":`, `"é":`}[random.IntN(10)/9]...)
			b = write(b, depth-1)
		}
		return append(b, '}')
	}
	right := 0
	for range 60_000 {
		b := []byte{'['}
		for range 1 + random.IntN(12) {
			b = append(write(b, 4), ',')
		}
		b[len(b)-1] = ']'
		for range random.IntN(3) { // something is wrong, or only different
			at := random.IntN(len(b))
			if i := bytes.IndexAny(b[at:], "[]{},:"); i >= 0 {
				b[at+i] = "[]{},:"[random.IntN(6)]
			}
		}
		c := checker{b: b, depth: maxDepth, joints: new(joints)}
		want := json.Valid(b) && utf8.Valid(b)
		if got := c.whole(); got != want {
			t.Fatalf("%s: %v, want %v (%s at %d)", b, got, want, c.reason, c.at)
		}
		if want {
			right++
		}
	}
	if right < 10_000 || right > 50_000 {
		t.Errorf("%d documents are right", right)
	}
}

// A joint is known by its bytes and where it stands, and not looked at again: these are
// none that could be learned.
func TestJointsAreNotLookedAt(t *testing.T) {
	now, then := nesting{1, 1}, nesting{2, 3}
	c := checker{b: []byte(`a text"!!"a second"??"a third"!!"a fourth"??"a fifth"??"`), joints: new(joints)}
	c.joints.known[0] = joint{bytes: []byte(`!!"`), before: now, after: then, next: 1}
	c.joints.known[1] = joint{bytes: []byte(`??"`), before: then, after: now, next: 0}
	c.joints.last = 1
	end, at := c.again(0, len(`a text"`), now)
	if want := len(c.b) - len(`??"`); end != want || at != now || c.joints.end != end || c.joints.at != now {
		t.Errorf("%d, %v; want %d, %v", end, at, want, now)
	}
	c.b = append(bytes.ReplaceAll(c.b, []byte("fourth"), []byte("four\nth")), "more"...)
	c.joints.end, c.joints.last = 0, 1
	if end, _ := c.again(0, len(`a text"`), now); end != -1 || c.at != bytes.IndexByte(c.b, '\n') {
		t.Errorf("%d, fault at %d", end, c.at)
	}
}

// What stands between two members is no joint: the second may not be there.
func TestNoJointsBetweenMembers(t *testing.T) {
	var d Document
	body := `{"":"` + strings.Repeat("x", manyTexts) + `","a":["a text of seventeen"],"b":["a text of seventeen"],"b":["a text of seventeen"]}`
	if err := d.Parse([]byte(body), Limits{}); err == nil || !strings.Contains(err.Error(), "duplicate key") {
		t.Errorf("two members of a name: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":[1,"\u00e9",null]}`, `[[[]]]`, "\"\x01\"", `"\ud800\udc00"`, `-0.5e+7`, "\"\xff\"", chat} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := checker{b: b, depth: maxDepth}
		got, want := c.whole(), json.Valid(b) && utf8.Valid(b)
		if got != want && !c.tooDeep {
			t.Fatalf("%q: %v, want %v (%s at %d)", b, got, want, c.reason, c.at)
		}
		joined := checker{b: b, depth: maxDepth, joints: new(joints)}
		if joined.whole() != got || joined.at != c.at || joined.reason != c.reason {
			t.Fatalf("%q: %q at %d, with joints %q at %d", b, c.reason, c.at, joined.reason, joined.at)
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
	for _, n := range []int{0, 1, 31, 32, 33, 63, 64, 65, 96, 200, large.Piece + 200} {
		for _, at := range []int{0, 1, 31, 32, 33, 40, 63, 64, 70, 95, 96, 97, 127, 128, 159, 160, 199, large.Piece + 31, large.Piece + 32, n - 1} {
			for _, stop := range []byte{'"', '\\', 0, '\n', 0x1f, ' ', '!', '#', '[', ']', 0x7f, 0x80, 0xa2, 0xff} {
				if 0 <= at && at < n {
					b := bytes.Repeat([]byte("n"), n) // makes an escape sequence
					b[at] = stop
					check(append(b, `"`...))
				}
			}
		}
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
