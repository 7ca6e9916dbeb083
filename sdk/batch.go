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
	count int32
	at    unsafe.Pointer // the router's answer to the latest Ask
}

// Add puts a property into the question, and returns its place in the answer.
func (t *Texts) Add(key abi.Property) int { return t.add(abi.AskProperty, strconv.Itoa(int(key))) }

// AddHeader puts a header of the request into the question.
func (t *Texts) AddHeader(name string) int { return t.add(abi.AskHeader, name) }

// AddText puts a string of the document into the question.
func (t *Texts) AddText(path string) int { return t.add(abi.AskText, path) }

func (t *Texts) add(kind, name string) int {
	if t.count > 0 {
		t.names += "\x00"
	}
	t.names += kind + ":" + name
	t.count++
	return int(t.count - 1)
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
	if uint32(n) > uint32(left()) || n < t.count*abi.TextRecord {
		last, t.at = min(n, abi.Absent), nil
		return false
	}
	last, t.at = 0, room()
	used += n
	return true
}

type textRecord struct{ offset, length int32 }

// Get returns text i of the answer, and false when there is none: Err says why.
func (t *Texts) Get(i int) (string, bool) {
	if t.at == nil || uint(i) >= uint(t.count) {
		last = abi.Absent
		return "", false
	}
	r := (*textRecord)(unsafe.Add(t.at, i*abi.TextRecord))
	if r.length < 0 {
		last = r.length
		return "", false
	}
	last = 0
	return unsafe.String((*byte)(unsafe.Add(t.at, r.offset)), r.length), true
}
