package sdk

import (
	"strconv"
	"strings"
	"unsafe"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// A call of the router costs more than most of its answers. What a policy
// always asks for together it can ask for in one: make the question once, in
// Configure's setup, and ask it in the hook.

// NumberAnswer is what the router has at one path of Floats.
type NumberAnswer struct {
	Value float64
	code  int32
}

// Err is 0 when there is a number, and says why there is none: ErrAbsent,
// ErrMalformed for something else than a number, ErrNotAllowed.
func (n *NumberAnswer) Err() Error { return Error(n.code) }

// Floats reads the numbers at several paths of the document. It is a question
// and the memory for its answer, for one hook at a time.
type Floats struct {
	paths   string
	answers []NumberAnswer
	at      unsafe.Pointer // answers as the router takes them
	size    int32
}

// NewFloats makes a question of paths. A path with a NUL in it cannot be asked.
func NewFloats(paths ...string) *Floats {
	answers := make([]NumberAnswer, len(paths))
	at := unsafe.Pointer(unsafe.SliceData(answers))
	return &Floats{strings.Join(paths, "\x00"), answers, at, int32(len(paths) * abi.NumberRecord)}
}

// Ask returns an answer for each path, in order, which holds until the next
// Ask. It is nil when the hook has no right to ask.
func (f *Floats) Ask() []NumberAnswer {
	n := rawJSONNumbers(f.paths, f.at, f.size)
	if n != f.size {
		last = n
		return nil
	}
	last = 0
	return f.answers
}

// Texts reads several texts of the exchange. It is a question, for one hook at
// a time; the texts end with the hook.
type Texts struct {
	names string
	asked int32          // how many
	count int32          // how many are answered: all or, before Ask, none
	at    unsafe.Pointer // the router's answer to the latest Ask
}

// Add puts a property into the question, and returns its place in the answer.
func (t *Texts) Add(key abi.Property) int { return t.add(abi.AskProperty, strconv.Itoa(int(key))) }

// AddHeader puts a header of the request into the question.
func (t *Texts) AddHeader(name string) int { return t.add(abi.AskHeader, name) }

// AddText puts a string of the document into the question.
func (t *Texts) AddText(path string) int { return t.add(abi.AskText, path) }

func (t *Texts) add(kind, name string) int {
	if t.asked > 0 {
		t.names += "\x00"
	}
	t.names += kind + ":" + name
	t.asked++
	return int(t.asked - 1)
}

// Ask asks the router, and reports whether the hook has the right to.
func (t *Texts) Ask() bool {
	start := -used & 7 // records are aligned
	used += start
	n := rawTextsGet(t.names, room(), left())
	if n > left() {
		grow(n)
		n = rawTextsGet(t.names, room(), left())
	}
	if uint32(n) > uint32(left()) || n < t.asked*abi.TextRecord {
		last, t.count = min(n, abi.Absent), 0
		return false
	}
	last, t.at, t.count = 0, room(), t.asked
	used += n
	return true
}

type textRecord struct{ offset, length int32 }

// Get returns text i of the latest answer, and false when there is none.
func (t *Texts) Get(i int) (string, bool) {
	if uint(i) >= uint(t.count) {
		return "", false
	}
	r := (*textRecord)(unsafe.Add(t.at, i*abi.TextRecord))
	if r.length < 0 {
		return "", false
	}
	return unsafe.String((*byte)(unsafe.Add(t.at, r.offset)), r.length), true
}

// Why returns 0 when there is a text i, and says why there is none.
func (t *Texts) Why(i int) Error {
	if uint(i) >= uint(t.count) {
		return ErrAbsent
	}
	return Error(min((*textRecord)(unsafe.Add(t.at, i*abi.TextRecord)).length, 0))
}
