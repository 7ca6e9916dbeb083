package corpus

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
)

// NameLength is the length of the name and of the mark that a body bears.
const NameLength = 16

// Corpus makes bodies. It is not safe for concurrent use.
type Corpus struct {
	kind      Kind
	templates []template
	cold      uint64 // number of the next mark
	hot       int
	draw      *rand.Rand
}

// template is a body but for its name and its mark.
type template [3][]byte

// Body is one request's body: Parts[0], a name of NameLength bytes that the
// sender gives the request, Parts[1], Mark, Parts[2]. The parts are shared with
// other bodies and must not be changed. The name stands in the member "user",
// the mark is what tells one chat from another, in its messages.
type Body struct {
	Parts [3][]byte
	Mark  [NameLength]byte
}

// Append appends the body with a name to dst.
func (b *Body) Append(dst []byte, name [NameLength]byte) []byte {
	dst = append(append(dst, b.Parts[0]...), name[:]...)
	dst = append(append(dst, b.Parts[1]...), b.Mark[:]...)
	return append(dst, b.Parts[2]...)
}

const (
	hotSet = 8
	// mostMemory bounds what the templates of a corpus take together.
	mostMemory = 32 << 20
)

// New makes a corpus. Equal options give equal bodies in the same order.
func New(o Options) (*Corpus, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	c := &Corpus{kind: o.Kind, draw: rand.New(rand.NewPCG(o.Seed, 0))}
	for i := range max(1, min(hotSet, mostMemory/o.Bytes)) {
		t, err := build(o, rand.New(rand.NewPCG(o.Seed, uint64(i)+1)))
		if err != nil {
			return nil, err
		}
		c.templates = append(c.templates, t)
	}
	if o.Kind == Prefix {
		c.templates = c.templates[:1]
	}
	return c, nil
}

// Next returns the next body. It allocates nothing.
func (c *Corpus) Next() Body {
	hot := c.kind == Hot || c.kind == Mixed && c.draw.Uint64N(5) != 0
	var b Body
	if hot {
		b.Parts = c.templates[c.hot%len(c.templates)]
		b.Mark = Name(uint64(c.hot % hotSet))
		c.hot++
		return b
	}
	b.Parts = c.templates[c.cold%uint64(len(c.templates))]
	b.Mark = Name(hotSet + c.cold)
	c.cold++
	return b
}

// Name writes a number as a name: sixteen hexadecimal digits.
func Name(n uint64) (name [NameLength]byte) {
	const digits = "0123456789abcdef"
	for i := NameLength - 1; i >= 0; i-- {
		name[i] = digits[n&15]
		n >>= 4
	}
	return name
}

// build makes a template of exactly o.Bytes, its name and mark included.
func build(o Options, r *rand.Rand) (template, error) {
	model, err := json.Marshal(o.Model)
	if err != nil {
		return template{}, err
	}
	tail := `],"temperature":0.7,"top_p":0.95`
	if o.Tokens > 0 {
		tail += fmt.Sprintf(`,"max_tokens":%d,"ignore_eos":true`, o.Tokens)
	}
	tail += fmt.Sprintf(`,"stream":%v}`, o.Stream)
	name := fmt.Appendf(nil, `{"model":%s,"user":"`, model)
	before := []byte(`","messages":[{"role":"system","content":"`)
	left := o.Bytes - len(name) - len(before) - len(tail) - 2*NameLength
	var behind []byte
	sentences := o.Kind.sentences()
	if o.Kind == Prefix {
		// Three quarters are the prompt that all share, the mark begins what follows.
		const turn = `"},{"role":"user","content":"`
		shared := left * 3 / 4
		before = append(appendText(before, r, sentences, shared), turn...)
		left -= shared + len(turn)
	}
	behind = appendTurns(behind, r, sentences, left-len(` "}`), o.Kind == Prefix)
	behind = append(append(append([]byte{' '}, behind...), `"}`...), tail...)
	return template{name, before, behind}, nil
}

// appendTurns appends n bytes: the rest of the message that is open, and turns
// of user and assistant, the last of them the user's and open as well.
func appendTurns(b []byte, r *rand.Rand, sentences []string, n int, user bool) []byte {
	const ask, answer = `"},{"role":"user","content":"`, `"},{"role":"assistant","content":"`
	for {
		length := 60 + r.IntN(240) // of this message
		if r.IntN(4) == 0 {
			length *= 8
		}
		if n < length+len(ask)+len(answer)+700 {
			break
		}
		b = appendText(b, r, sentences, length)
		turn := ask
		if user {
			turn = answer
		}
		b = append(b, turn...)
		n -= length + len(turn)
		user = !user
	}
	if !user && n > 2*len(ask) {
		length := n / 2
		b = append(appendText(b, r, sentences, length), ask...)
		n -= length + len(ask)
	}
	return appendText(b, r, sentences, n)
}
