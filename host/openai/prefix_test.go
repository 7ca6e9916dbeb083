package openai

import (
	"fmt"
	"strings"
	"testing"
)

func prefixOfBody(t testing.TB, body string, limit int) uint64 {
	t.Helper()
	var d Document
	if err := d.Parse([]byte(body), Limits{}); err != nil {
		t.Fatal(err)
	}
	return d.PrefixHash(limit)
}

const (
	sys  = `{"role":"system","content":"Be brief."}`
	user = `{"role":"user","content":"Hello!"}`
	bot  = `{"role":"assistant","content":"Hi."}`
	more = `{"role":"user","content":"And now?"}`
)

// TestPrefixHash groups bodies: those of one group have the same hash, and no
// other group has it.
func TestPrefixHash(t *testing.T) {
	long := strings.Repeat("x", 2000)
	groups := map[string][]string{
		"the turns of a conversation": {
			`{"messages":[` + sys + `,` + user + `]}`,
			`{"messages":[` + sys + `,` + user + `,` + bot + `,` + more + `]}`,
			`{"model":"m","temperature":1,"messages" : [ ` + sys + ` , ` + user + `,` + bot + `],"stream":true}`,
		},
		"without a system prompt": {`{"messages":[` + user + `]}`, `{"messages":[` + user + `,` + bot + `,` + more + `]}`, `{"input":"z","messages":[` + user + `]}`},
		"another question":        {`{"messages":[` + sys + `,` + more + `]}`},
		"another order":           {`{"messages":[` + bot + `,` + sys + `,` + user + `]}`},
		"tools":                   {`{"tools":[{"type":"function"}],"messages":[` + sys + `,` + user + `]}`, `{"messages":[` + sys + `,` + user + `],"tools":[{"type":"function"}]}`},
		"Anthropic's system":      {`{"system":"Be brief.","messages":[` + user + `]}`, `{"system":"Be brief.","messages":[` + user + `,` + bot + `]}`},
		"instructions":            {`{"instructions":"Be brief.","input":"Hello!"}`},
		"input":                   {`{"input":"Hello!"}`},
		"a list of inputs":        {`{"input":["Hello!"]}`},
		"a long text that differs at its end": {
			`{"messages":[{"role":"user","content":"` + long + ` Who?"}]}`,
			`{"messages":[{"role":"user","content":"` + long + ` When?"}]}`,
		},
		"a prompt":                {`{"prompt":"` + long + ` a"}`, `{"prompt":"` + long + ` b"}`},
		"another prompt":          {`{"prompt":"a` + long + `"}`},
		"tokens":                  {`{"prompt":[1,2,3]}`},
		"other tokens":            {`{"prompt":[1,2,4]}`},
		"content of several kind": {`{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}`},
	}
	seen := map[uint64]string{}
	for name, bodies := range groups {
		want := prefixOfBody(t, bodies[0], 1024)
		if other, taken := seen[want]; taken || want == 0 {
			t.Errorf("%s: hash %d is that of %q", name, want, other)
		}
		seen[want] = name
		for _, body := range bodies[1:] {
			if got := prefixOfBody(t, body, 1024); got != want {
				t.Errorf("%s: %.80s has another hash than %.80s", name, body, bodies[0])
			}
		}
	}
	for _, body := range []string{`{}`, `{"model":"m"}`, `{"messages":[]}`} {
		if got := prefixOfBody(t, body, 1024); got != 0 {
			t.Errorf("%s has a prefix", body)
		}
	}
	a, b := `{"prompt":"`+long+`a"}`, `{"prompt":"`+long+`b"}`
	if prefixOfBody(t, a, 4096) == prefixOfBody(t, b, 4096) || prefixOfBody(t, a, 1) != prefixOfBody(t, b, 1) {
		t.Error("the limit is not heeded")
	}
}

// TestPrefixHashOfEdits: what counts is the document as policies left it.
func TestPrefixHashOfEdits(t *testing.T) {
	var d Document
	if err := d.Parse([]byte(`{"messages":[`+user+`]}`), Limits{}); err != nil {
		t.Fatal(err)
	}
	before := d.PrefixHash(1024)
	if err := d.Set([]byte("/messages"), []byte(`[`+more+`]`)); err != nil {
		t.Fatal(err)
	}
	if after := d.PrefixHash(1024); after == before || after != prefixOfBody(t, `{"messages":[`+more+`]}`, 1024) {
		t.Error("an edit does not count")
	}
}

func TestPrefixHashAllocatesNothing(t *testing.T) {
	var d Document
	if err := d.Parse([]byte(`{"tools":[],"messages":[`+sys+`,`+user+`,`+bot+`]}`), Limits{}); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { d.PrefixHash(1024) }); n != 0 && !raceEnabled {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPrefixHash(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			var d Document
			body := `{"messages":[` + sys + `,{"role":"user","content":"` + strings.Repeat("x", size) + `"}]}`
			if err := d.Parse([]byte(body), Limits{}); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				d.PrefixHash(1024)
			}
		})
	}
}
