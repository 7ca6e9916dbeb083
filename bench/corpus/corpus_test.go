package corpus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

type chat struct {
	Model     string
	User      string
	Stream    bool
	MaxTokens int `json:"max_tokens"`
	Messages  []struct{ Role, Content string }
}

func parse(t *testing.T, body []byte) chat {
	t.Helper()
	var c chat
	if err := json.Unmarshal(body, &c); err != nil {
		t.Fatalf("%v in %.200q", err, body)
	}
	return c
}

func make1(t *testing.T, o Options) *Corpus {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBodiesAreChatsOfTheLengthAskedFor(t *testing.T) {
	for _, kind := range Kinds {
		for _, size := range []int{MinBytes, 700, 1 << 10, 10 << 10, 100 << 10, 1 << 20} {
			t.Run(fmt.Sprint(kind, size), func(t *testing.T) {
				c := make1(t, Options{Kind: kind, Bytes: size, Model: strings.Repeat("m", 64), Tokens: 123456, Stream: true})
				for i := range uint64(max(2, min(10, 200<<10/size))) {
					b := c.Next()
					body := b.Append(nil, Name(i))
					if len(body) != size || !utf8.Valid(body) {
						t.Fatalf("%d bytes, valid UTF-8 %v", len(body), utf8.Valid(body))
					}
					got := parse(t, body)
					want := Name(i)
					if got.User != string(want[:]) || !got.Stream || got.MaxTokens != 123456 || len(got.Model) != 64 {
						t.Fatalf("%+v", got)
					}
					checkTurns(t, got)
				}
			})
		}
	}
}

// checkTurns: system, then user and assistant in turn, the user last.
func checkTurns(t *testing.T, c chat) {
	t.Helper()
	if len(c.Messages) < 2 {
		t.Fatalf("%d messages", len(c.Messages))
	}
	for i, m := range c.Messages {
		want := []string{"assistant", "user"}[i%2]
		if i == 0 {
			want = "system"
		}
		if m.Role != want || m.Content == "" {
			t.Fatalf("message %d of %d is %s's: %q", i, len(c.Messages), m.Role, m.Content)
		}
	}
	if last := c.Messages[len(c.Messages)-1]; last.Role != "user" {
		t.Fatalf("the last of %d messages is %s's", len(c.Messages), last.Role)
	}
}

func TestKindsAreWhatTheySay(t *testing.T) {
	const n, size = 200, 4 << 10
	prompts := func(kind Kind) (distinct map[string]int, first []string) {
		c := make1(t, Options{Kind: kind, Bytes: size, Model: "m", Seed: 7})
		distinct = map[string]int{}
		for range n {
			b := c.Next()
			chat := parse(t, b.Append(nil, Name(1)))
			text, _ := json.Marshal(chat.Messages)
			distinct[string(text)]++
			first = append(first, chat.Messages[0].Content)
		}
		return distinct, first
	}
	for _, c := range []struct {
		kind     Kind
		min, max int // different chats
	}{{Hot, 8, 8}, {Cold, n, n}, {Mixed, n/5 - 10, n/5 + 30}, {Prefix, n, n}, {UTF8, n, n}, {Escapes, n, n}} {
		distinct, first := prompts(c.kind)
		if len(distinct) < c.min || len(distinct) > c.max {
			t.Errorf("%s: %d different chats of %d", c.kind, len(distinct), n)
		}
		begin := map[string]bool{}
		for _, text := range first {
			begin[text[:min(len(text), 32)]] = true
		}
		if c.kind == Cold && len(begin) != n || c.kind == Prefix && (len(begin) != 1 || len(first[0]) < size*2/3) {
			t.Errorf("%s: %d different beginnings, the first prompt has %d bytes", c.kind, len(begin), len(first[0]))
		}
	}
}

func TestTheSameSeedGivesTheSameBodies(t *testing.T) {
	all := func(seed uint64) []byte {
		c := make1(t, Options{Kind: Mixed, Bytes: 2048, Model: "m", Seed: seed})
		var out []byte
		for i := range uint64(50) {
			b := c.Next()
			out = b.Append(out, Name(i))
		}
		return out
	}
	if !bytes.Equal(all(1), all(1)) {
		t.Error("one seed, two runs")
	}
	if bytes.Equal(all(1), all(2)) {
		t.Error("two seeds, one run")
	}
}

func TestTextIsWhatItShouldBe(t *testing.T) {
	b := make1(t, Options{Kind: UTF8, Bytes: 10 << 10, Model: "m"}).Next()
	wide := 0
	for _, r := range string(b.Append(nil, Name(0))) {
		if r > 127 {
			wide += utf8.RuneLen(r)
		}
	}
	if wide < 5<<10 {
		t.Errorf("%d bytes of wide characters in 10 KiB", wide)
	}
	b = make1(t, Options{Kind: Escapes, Bytes: 10 << 10, Model: "m"}).Next()
	if n := bytes.Count(b.Append(nil, Name(0)), []byte(`\`)); n < 1000 {
		t.Errorf("%d backslashes in 10 KiB", n)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for _, o := range []Options{
		{Kind: "warm", Bytes: 1024},
		{Kind: Hot, Bytes: MinBytes - 1},
		{Kind: Hot, Bytes: MaxBytes + 1},
		{Kind: Hot, Bytes: 1024, Model: strings.Repeat("m", 65)},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is fine", o)
		}
	}
}

func TestNextDoesNotAlloc(t *testing.T) {
	c := make1(t, Options{Kind: Mixed, Bytes: 10 << 10, Model: "m"})
	dst := make([]byte, 0, 10<<10)
	if n := testing.AllocsPerRun(1000, func() {
		b := c.Next()
		dst = b.Append(dst[:0], Name(3))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
