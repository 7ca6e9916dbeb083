//go:build unix

package load

import (
	"bytes"
	"math/bits"
)

// check looks at what a reply says: that it is what was asked for, and, where
// the service numbers its events, that all are there, once, in order, and of
// this request.
type check struct {
	stream bool
	name   [16]byte // of the request
	to     *recorder

	numbered bool
	total    int // tokens that the service said it would send
	next     int // the number of the next event while all are in order
	highest  int
	seen     []uint64 // numbers seen, in bits, from the first disorder on
	disorder bool

	lost, doubled, reordered, foreign int64

	events  int   // so far
	began   int64 // when the first event came
	first   int64 // when the first content came, 0: not yet
	last    int64 // when the last event with content came
	done    bool  // [DONE] came
	bad     bool  // an error event, or something behind [DONE]
	opening [256]byte
	opened  int  // bytes of opening in use
	final   byte // the body's last byte that is no space
}

var (
	dataField   = []byte("data:")
	doneData    = []byte("[DONE]")
	errorData   = []byte(`{"error"`)
	fingerprint = []byte(`"system_fingerprint":"fake-`)
	idMember    = []byte(`"id":"`)
	contentOf   = []byte(`"content":"`)
	textOf      = []byte(`"text":"`)
	reasoningOf = []byte(`"reasoning_content":"`)
)

// event looks at one event of a stream, without its blank line.
func (c *check) event(b []byte, now int64) {
	data := b
	if !bytes.HasPrefix(b, dataField) || bytes.IndexByte(b, '\n') >= 0 {
		if data = dataLine(b); data == nil {
			return // a comment, which keeps connections alive
		}
	}
	data = bytes.TrimSpace(data[len(dataField):])
	if bytes.Equal(data, doneData) {
		c.bad = c.bad || c.done
		c.done = true
		return
	}
	if c.events++; c.events == 1 {
		c.began = now
	}
	c.bad = c.bad || c.done || bytes.HasPrefix(data, errorData)
	text := content(data)
	if len(text) > 0 && text[0] != '"' {
		if c.first == 0 {
			c.first = now
		} else {
			c.to.gap(now - c.last)
		}
		c.last = now
	}
	c.number(data, text)
}

// dataLine returns the data field of an event of several lines, nil for none.
func dataLine(b []byte) []byte {
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		if bytes.HasPrefix(line, dataField) {
			return line
		}
		b = rest
	}
	return nil
}

// content returns what follows the opening quote of the content, nil for none.
func content(data []byte) []byte {
	for _, member := range [...][]byte{contentOf, textOf, reasoningOf} {
		if i := bytes.Index(data, member); i >= 0 {
			return data[i+len(member):]
		}
	}
	return nil
}

// number checks whose an event is and which.
func (c *check) number(data, text []byte) {
	total, ok := after(data, fingerprint, 6)
	if !ok {
		return
	}
	c.numbered = true
	if c.total == 0 {
		c.total = total
	}
	if !c.mine(data) {
		c.foreign++
		return
	}
	if len(text) < 7 || text[0] != ' ' {
		return // no token: the role alone, a finish reason, usage
	}
	switch n, ok := digits(text[1:7]); {
	case !ok:
	case n >= c.total:
		c.foreign++ // there is no such event
	default:
		c.arrived(n)
	}
}

// mine says whether the id of a reply ends with the request's name.
func (c *check) mine(data []byte) bool {
	i := bytes.Index(data, idMember)
	if i < 0 {
		return false
	}
	id, _, _ := bytes.Cut(data[i+len(idMember):min(len(data), i+128)], []byte(`"`))
	return bytes.HasSuffix(id, c.name[:])
}

// after reads a number of n digits behind a text.
func after(data, text []byte, n int) (int, bool) {
	i := bytes.Index(data, text)
	if i < 0 || len(data) < i+len(text)+n {
		return 0, false
	}
	return digits(data[i+len(text) : i+len(text)+n])
}

func digits(b []byte) (n int, ok bool) {
	for _, d := range b {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = 10*n + int(d-'0')
	}
	return n, true
}

// arrived notes that token n is there.
func (c *check) arrived(n int) {
	if !c.disorder {
		if n == c.next {
			c.next++
			return
		}
		c.disorder = true
		c.seen = append(c.seen[:0], make([]uint64, c.total>>6+1)...)
		for i := range c.next {
			c.seen[i>>6] |= 1 << (i & 63)
		}
		c.highest = c.next - 1
	}
	switch bit := uint64(1) << (n & 63); {
	case c.seen[n>>6]&bit != 0:
		c.doubled++
		return
	default:
		c.seen[n>>6] |= bit
	}
	if n < c.highest {
		c.reordered++
	}
	c.highest = max(c.highest, n)
}

// whole looks at the bytes of a reply that does not stream.
func (c *check) whole(b []byte, now int64) {
	if c.first == 0 {
		c.first = now
	}
	c.opened += copy(c.opening[c.opened:], b)
	if t := bytes.TrimRight(b, " \r\n"); len(t) > 0 {
		c.final = t[len(t)-1]
	}
}

// firstToken returns when the first content came; of a stream of tool calls
// alone, when the first event did.
func (c *check) firstToken() int64 {
	if c.first == 0 {
		return c.began
	}
	return c.first
}

// verdict says what is wrong with a reply that is complete, "" for nothing, and
// counts what is missing.
func (c *check) verdict() string {
	if !c.stream {
		return c.wholeVerdict()
	}
	if c.numbered {
		got := c.next
		if c.disorder {
			got = 0
			for _, w := range c.seen {
				got += bits.OnesCount64(w)
			}
		}
		c.lost = int64(max(0, c.total-got))
	}
	switch {
	case c.foreign > 0:
		return ErrForeign
	case c.lost > 0 || c.doubled > 0 || c.reordered > 0:
		return ErrOrder
	case c.bad || !c.done || c.events == 0:
		return ErrReply
	}
	return ""
}

func (c *check) wholeVerdict() string {
	opening := c.opening[:c.opened]
	if c.opened == 0 || opening[0] != '{' || c.final != '}' {
		return ErrReply
	}
	if _, c.numbered = after(opening, fingerprint, 6); c.numbered && !c.mine(opening) {
		c.foreign = 1
		return ErrForeign
	}
	return ""
}
