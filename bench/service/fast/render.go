package fast

import (
	"fmt"
	"strconv"
	"strings"
)

// shape is what replies must have in common to share their bytes.
type shape struct {
	chat, usage          bool
	tokens, bytes, event int
}

// rendered is a reply, ready but for the request's name and the event's number.
// It belongs to the service's thread, which patches and writes it.
type rendered struct {
	head   patched // of a stream
	event  patched // a chunk with one token
	first  patched // the first, which names the role
	last   patched // the end: finish reason, usage, [DONE], last chunk
	whole  patched // a reply that does not stream, head included
	tokens int
}

// patched is bytes with holes at known places.
type patched struct {
	b    []byte
	ids  []int // where a name of idLength goes
	seqs []int // where a number of seqLength goes
}

const (
	idLength  = 16
	seqLength = 6
	idMark    = "IIIIIIIIIIIIIIII"
	seqMark   = "SSSSSS"
)

// fill puts a name and a number in.
func (p *patched) fill(id *[idLength]byte, seq int) []byte {
	for _, at := range p.ids {
		copy(p.b[at:], id[:])
	}
	for _, at := range p.seqs {
		putNumber(p.b[at:at+seqLength], seq)
	}
	return p.b
}

// putNumber writes n in decimal, with zeros in front.
func putNumber(b []byte, n int) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// holes finds the marks in what was put around the model's name and the text,
// neither of which is looked into.
func holes(parts ...string) patched {
	var p patched
	for i, part := range parts {
		if i%2 == 0 {
			for at := 0; ; at++ {
				k := strings.Index(part[at:], idMark)
				if k < 0 {
					break
				}
				at += k
				p.ids = append(p.ids, len(p.b)+at)
			}
			for at := 0; ; at++ {
				k := strings.Index(part[at:], seqMark)
				if k < 0 {
					break
				}
				at += k
				p.seqs = append(p.seqs, len(p.b)+at)
			}
		}
		p.b = append(p.b, part...)
	}
	return p
}

// render makes the bytes of replies of one shape. model is JSON text, without
// quotes.
func render(model string, s shape, created int64) *rendered {
	object, id := "chat.completion", "chatcmpl-"
	if !s.chat {
		object, id = "text_completion", "cmpl-"
	}
	chunkObject := object
	if s.chat {
		chunkObject += ".chunk"
	}
	open := func(object string) string {
		return fmt.Sprintf(`{"id":"%s%s","object":"%s","created":%d,"model":"`, id, idMark, object, created)
	}
	after := fmt.Sprintf(`","system_fingerprint":"fake-%06d",`, s.tokens)
	usage := fmt.Sprintf(`"usage":{"prompt_tokens":16,"completion_tokens":%d,"total_tokens":%d}`, s.tokens, s.tokens+16)
	r := &rendered{tokens: s.tokens}
	r.head = patched{b: []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n")}

	// event builds one SSE event as a chunk of its own, of at least s.event bytes.
	event := func(members string, pad bool) patched {
		front, back := "data: "+open(chunkObject), after+members+"}\n\n"
		if missing := s.event - len(front) - len(model) - len(back); pad && missing > 0 {
			back = strings.Replace(back, seqMark, seqMark+strings.Repeat(" pad", missing/4+1)[:missing], 1)
		}
		size := strconv.FormatInt(int64(len(front)+len(model)+len(back)), 16)
		return holes(size+"\r\n"+front, model, back+"\r\n")
	}
	choice := func(text, role string, finish string) string {
		if s.chat {
			return `"choices":[{"index":0,"delta":{` + role + text + `},"logprobs":null,"finish_reason":` + finish + `}]`
		}
		return `"choices":[{"index":0,` + text + `,"logprobs":null,"finish_reason":` + finish + `}]`
	}
	text, none, role := `"content":" `+seqMark+`"`, "", `"role":"assistant",`
	if !s.chat {
		text, none, role = `"text":" `+seqMark+`"`, `"text":""`, ""
	}
	r.event = event(choice(text, "", "null"), true)
	r.first = event(choice(text, role, "null"), true)
	r.last = event(choice(none, "", `"length"`), false)
	if s.usage {
		r.last = join(r.last, event(`"choices":[],`+usage, false))
	}
	r.last.b = append(r.last.b, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"...)
	r.whole = renderWhole(open(object), model, after, usage, s)
	return r
}

// join puts b behind a.
func join(a, b patched) patched {
	for _, at := range b.ids {
		a.ids = append(a.ids, len(a.b)+at)
	}
	for _, at := range b.seqs {
		a.seqs = append(a.seqs, len(a.b)+at)
	}
	a.b = append(a.b, b.b...)
	return a
}

// renderWhole makes a reply that does not stream: the text is the same tokens.
func renderWhole(open, model, after, usage string, s shape) patched {
	var text strings.Builder
	for i := range s.tokens {
		fmt.Fprintf(&text, " %06d", i)
	}
	before := after + `"choices":[{"index":0,"message":{"role":"assistant","content":"`
	behind := `"},"logprobs":null,"finish_reason":"length"}],` + usage + `}`
	if !s.chat {
		before = after + `"choices":[{"index":0,"text":"`
		behind = `","logprobs":null,"finish_reason":"length"}],` + usage + `}`
	}
	length := len(open) + len(model) + len(before) + text.Len() + len(behind)
	if missing := s.bytes - length; missing > 0 {
		text.WriteString(strings.Repeat(" pad", missing/4+1)[:missing])
		length += missing
	}
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", length)
	return holes(head+open, model, before, text.String(), behind)
}

// renderings keeps what was rendered. Models and shapes are few; when they are
// not, all is made anew.
type renderings struct {
	created int64
	models  map[string]map[shape]*rendered
	count   int
}

const maxRenderings = 256

func (r *renderings) get(model []byte, s shape) *rendered {
	shapes := r.models[string(model)]
	if one := shapes[s]; one != nil {
		return one
	}
	if shapes == nil || r.count >= maxRenderings {
		if r.count >= maxRenderings || r.models == nil {
			r.models, r.count = map[string]map[shape]*rendered{}, 0
		}
		shapes = map[shape]*rendered{}
		r.models[string(model)] = shapes
	}
	one := render(string(model), s, r.created)
	shapes[s] = one
	r.count++
	return one
}
