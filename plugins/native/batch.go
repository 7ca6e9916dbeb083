package native

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// A call of the host costs a guest more than most answers do. So two functions
// answer a list of questions, NUL between them, with a list of records in one
// buffer. What each question may see is as if it were asked alone, and each
// counts as a call.

var nul = []byte{0}

// question is one of a list.
type question struct {
	start, end int          // of what it names, in the list
	kind       string       // of texts_get
	key        abi.Property // of kind property; 0 is none
	open       bool         // of json_numbers: a path that is open in a request
}

// asked is a list as it was understood. A policy asks the same one in every
// call, so the latest is remembered.
type asked struct {
	list      []byte
	questions []question
}

// count returns how many questions a list holds: none if it is empty.
func (a *asked) count(list []byte) int {
	switch {
	case len(list) == 0:
		return 0
	case string(list) == string(a.list):
		return len(a.questions)
	}
	return bytes.Count(list, nul) + 1
}

// parse returns the questions of a list that is not empty.
func (a *asked) parse(list []byte, read func([]byte) question) []question {
	if string(list) == string(a.list) {
		return a.questions
	}
	a.list, a.questions = append(a.list[:0], list...), a.questions[:0]
	for start := 0; start <= len(list); {
		end := len(list)
		if i := bytes.IndexByte(list[start:], 0); i >= 0 {
			end = start + i
		}
		q := read(list[start:end])
		q.start, q.end = q.start+start, end
		a.questions = append(a.questions, q)
		start = end + 1
	}
	return a.questions
}

// trim lets go of a long list.
func (a *asked) trim() {
	if cap(a.list) > maxScratch || cap(a.questions) > maxNames {
		*a = asked{}
	}
}

// records returns zeroed memory for the answers to n questions, each of which
// counts as a call; the first was counted already. Nil, when they are more than
// could stand in all of the guest's memory.
func (c *Call) records(n, size int) []byte {
	if n > int(c.mem.Size())/size {
		return nil
	}
	c.also(n - 1)
	if n > maxNames/2 { // Finish must see what it takes
		c.untidy = true
	}
	if cap(c.answers) < n*size {
		c.answers = make([]byte, n*size)
	}
	c.answers = c.answers[:n*size]
	clear(c.answers)
	c.holds(cap(c.answers))
	return c.answers
}

// jsonNumbers answers a list of paths.
func jsonNumbers(c *Call, s []uint64) {
	list := c.view(s[0], s[1])
	n := c.paths.count(list)
	if n == 0 {
		c.give(s, nil, s[2], s[3])
		return
	}
	out := c.records(n, abi.NumberRecord)
	if out == nil {
		s[0] = result(abi.TooLarge)
		return
	}
	doc, rest := c.x.Document(), out
	c.holds(2 * len(list))
	for _, q := range c.paths.parse(list, readPath) {
		f, code := c.numberAt(doc, list[q.start:q.end], q.open && c.where&(inRequest|inRoute) != 0)
		record := rest[:abi.NumberRecord]
		binary.LittleEndian.PutUint64(record, math.Float64bits(f))
		binary.LittleEndian.PutUint32(record[8:], uint32(code))
		rest = rest[abi.NumberRecord:]
	}
	c.give(s, out, s[2], s[3])
}

func readPath(path []byte) question {
	return question{open: openPath(inRequest, path, reading)}
}

// numberAt returns the number at path, or 0 and why there is none. Of a path
// that is known to be open it is not asked again whether it is.
func (c *Call) numberAt(doc plugins.Document, path []byte, open bool) (float64, int32) {
	if doc == nil {
		return 0, abi.Absent
	}
	closed := c.policy.Grants&abi.GrantContent == 0
	if closed && !open && !openPath(c.where, path, reading) {
		c.policy.lack(abi.GrantContent, c.inside.name)
		return 0, abi.NotAllowed
	}
	c.find(doc, path)
	f, err := doc.GetNumber(path)
	if err == nil {
		return f, 0
	}
	code := c.code(err)
	if closed && code == abi.Malformed { // of what is closed no more is told than that
		if _, why := c.read(doc, path); why != 0 {
			code = why
		}
	}
	return 0, code
}

// textsGet answers a list of names of texts.
func textsGet(c *Call, s []uint64) {
	list := c.view(s[0], s[1])
	n := c.texts.count(list)
	if n == 0 {
		c.give(s, nil, s[2], s[3])
		return
	}
	if c.records(n, abi.TextRecord) == nil {
		s[0] = result(abi.TooLarge)
		return
	}
	room, end := int(uint32(s[3])), n*abi.TextRecord
	c.holds(2 * len(list))
	for i, q := range c.texts.parse(list, readName) {
		text, code := c.textOf(q, list[q.start:q.end])
		size := code
		if code == 0 {
			if len(text) > maxLength-end {
				s[0] = result(abi.TooLarge)
				return
			}
			if end+len(text) <= room {
				c.answers = append(c.answers, text...)
			}
			size = int32(len(text))
		}
		record := c.answers[i*abi.TextRecord:][:abi.TextRecord]
		binary.LittleEndian.PutUint32(record, uint32(end))
		binary.LittleEndian.PutUint32(record[4:], uint32(size))
		end += len(text)
	}
	c.holds(cap(c.answers))
	if end > room {
		c.give(s, nil, s[2], s[3])
		s[0] = uint64(end)
		return
	}
	c.give(s, c.answers, s[2], s[3])
}

// readName understands one name of texts_get. A property's number has at most
// three digits; what is malformed has no kind, or no property has its number.
func readName(name []byte) question {
	kind, rest, found := bytes.Cut(name, colon)
	q := question{start: len(kind) + 1}
	switch {
	case !found:
		q.start = 0
	case string(kind) == abi.AskProperty:
		q.kind = abi.AskProperty
		for _, b := range rest {
			if b < '0' || b > '9' || len(rest) > 3 {
				q.key = 0
				break
			}
			q.key = 10*q.key + abi.Property(b-'0')
		}
	case string(kind) == abi.AskHeader:
		q.kind = abi.AskHeader
	case string(kind) == abi.AskText:
		q.kind = abi.AskText
	}
	return q
}

// textOf answers one question; the text holds until the exchange is asked again.
func (c *Call) textOf(q question, name []byte) ([]byte, int32) {
	switch q.kind {
	case abi.AskProperty:
		return c.property(q.key)
	case abi.AskHeader:
		return c.readHeader(uint64(abi.RequestSide), name)
	case abi.AskText:
		return c.text(name)
	}
	return nil, abi.Malformed
}

var colon = []byte{':'}
