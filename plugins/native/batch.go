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

// questions returns how many a list holds: none if it is empty.
func questions(list []byte) int {
	if len(list) == 0 {
		return 0
	}
	return bytes.Count(list, nul) + 1
}

// next splits the first question off a list.
func next(list []byte) (question, rest []byte) {
	if i := bytes.IndexByte(list, 0); i >= 0 {
		return list[:i], list[i+1:]
	}
	return list, nil
}

// records returns zeroed memory for the answers to n questions. Without room
// for them in the guest's buffer it answers how much they take, and is nil.
func (c *Call) records(s []uint64, n, size int) []byte {
	need := n * size
	if need > int(uint32(s[3])) || need > maxLength {
		c.give(s, nil, s[2], s[3]) // checks the buffer
		s[0] = result(int32(min(need, maxLength)))
		return nil
	}
	if n > 1 {
		c.also(n - 1)
	}
	if cap(c.answers) < need {
		c.answers = make([]byte, need, 2*need)
	}
	c.answers = c.answers[:need]
	clear(c.answers)
	return c.answers
}

// jsonNumbers answers a list of paths.
func jsonNumbers(c *Call, s []uint64) {
	list := c.view(s[0], s[1])
	n := questions(list)
	if n == 0 {
		c.give(s, nil, s[2], s[3])
		return
	}
	out := c.records(s, n, abi.NumberRecord)
	if out == nil {
		return
	}
	doc := c.x.Document()
	for at := 0; at < len(out); at += abi.NumberRecord {
		var path []byte
		path, list = next(list)
		f, code := c.numberAt(doc, path)
		binary.LittleEndian.PutUint64(out[at:], math.Float64bits(f))
		binary.LittleEndian.PutUint32(out[at+8:], uint32(code))
	}
	c.give(s, out, s[2], s[3])
}

// numberAt returns the number at path, or 0 and why there is none.
func (c *Call) numberAt(doc plugins.Document, path []byte) (float64, int32) {
	if doc == nil {
		return 0, abi.Absent
	}
	closed := c.policy.Grants&abi.GrantContent == 0
	if closed && !openPath(c.where, path, reading) {
		c.policy.lack(abi.GrantContent, c.inside.name)
		return 0, abi.NotAllowed
	}
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
	n := questions(list)
	if n == 0 {
		c.give(s, nil, s[2], s[3])
		return
	}
	if c.records(s, n, abi.TextRecord) == nil {
		return
	}
	room, end := int(uint32(s[3])), n*abi.TextRecord
	for at := 0; at < n*abi.TextRecord; at += abi.TextRecord {
		var name []byte
		name, list = next(list)
		text, code := c.textOf(name)
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
		binary.LittleEndian.PutUint32(c.answers[at:], uint32(end))
		binary.LittleEndian.PutUint32(c.answers[at+4:], uint32(size))
		end += len(text)
	}
	if end > room {
		c.give(s, nil, s[2], s[3])
		s[0] = uint64(end)
		return
	}
	c.give(s, c.answers, s[2], s[3])
}

// textOf answers one name; the text holds until the next call of the exchange.
func (c *Call) textOf(name []byte) ([]byte, int32) {
	kind, rest, _ := bytes.Cut(name, colon)
	switch string(kind) {
	case abi.AskProperty:
		key := 0
		for _, b := range rest {
			if b < '0' || b > '9' || key > 99 {
				return nil, abi.Malformed
			}
			key = 10*key + int(b-'0')
		}
		return c.property(abi.Property(key))
	case abi.AskHeader:
		return c.readHeader(uint64(abi.RequestSide), rest)
	case abi.AskText:
		return c.text(rest)
	}
	return nil, abi.Malformed
}

var colon = []byte{':'}
