package native

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// fakeExchange answers from maps and counts what is done to it.
type fakeExchange struct {
	properties map[abi.Property]string
	numbers    map[abi.Number]float64
	headers    [2]*fakeHeaders
	doc        *fakeDocument
	candidates *fakeCandidates
	vars       map[string][]byte
	now        time.Time
	random     uint64

	model, replyType, replyBody string
	replyStatus                 int
	begins                      int
	err                         error // what edits answer
	boom                        func()
}

func newFake() *fakeExchange {
	return &fakeExchange{
		properties: map[abi.Property]string{abi.PropertyModel: "gpt-4", abi.PropertyRequestID: "req-1"},
		numbers:    map[abi.Number]float64{abi.NumberMessages: 3},
		headers:    [2]*fakeHeaders{{m: map[string]string{"x-team": "blue", "authorization": "Bearer s", "host": "h"}}, nil},
		doc: &fakeDocument{m: map[string]string{
			"": `{"all":1}`, "/model": `"gpt-4"`, "/temperature": "0.5", "/stream": "true", "/messages": `[{"content":"hi"}]`,
			"/tools": `[]`, "/messages/0/content": `"hi"`, "/user": `"u"`,
		}},
		candidates: &fakeCandidates{names: []string{"a", "b"}, scores: map[int]float64{}},
		vars:       map[string][]byte{},
		now:        time.UnixMilli(1_700_000_000_123),
	}
}

func (x *fakeExchange) Property(k abi.Property) ([]byte, bool) {
	if x.boom != nil {
		x.boom()
	}
	v, ok := x.properties[k]
	return []byte(v), ok
}

func (x *fakeExchange) Number(k abi.Number) float64 {
	if v, ok := x.numbers[k]; ok {
		return v
	}
	return math.NaN()
}

func (x *fakeExchange) Headers(side abi.Side) plugins.Headers {
	if x.headers[side] == nil {
		return nil
	}
	return x.headers[side]
}

func (x *fakeExchange) Document() plugins.Document {
	if x.doc == nil {
		return nil
	}
	return x.doc
}

func (x *fakeExchange) Candidates() plugins.Candidates {
	if x.candidates == nil {
		return nil
	}
	return x.candidates
}

func (x *fakeExchange) SetModel(m []byte) error { x.model = string(m); return x.err }

func (x *fakeExchange) SetReply(status int, contentType, body []byte) error {
	x.replyStatus, x.replyType, x.replyBody = status, string(contentType), string(body)
	return x.err
}

func (x *fakeExchange) Var(name []byte) ([]byte, bool) { v, ok := x.vars[string(name)]; return v, ok }

func (x *fakeExchange) SetVar(name, value []byte) error {
	x.vars[string(name)] = append([]byte(nil), value...)
	return x.err
}
func (x *fakeExchange) VarCount() int  { return len(x.vars) }
func (x *fakeExchange) Now() time.Time { return x.now }
func (x *fakeExchange) Random() uint64 { x.random++; return x.random }
func (x *fakeExchange) Begin()         { x.begins++ }
func (x *fakeExchange) Commit()        {}
func (x *fakeExchange) Rollback()      {}

type fakeHeaders struct {
	m   map[string]string
	err error
}

func (h *fakeHeaders) Get(name []byte) ([]byte, bool) {
	v, ok := h.m[string(name)]
	return []byte(v), ok
}

func (h *fakeHeaders) Set(name, value []byte) error { h.m[string(name)] = string(value); return h.err }
func (h *fakeHeaders) Remove(name []byte) error     { delete(h.m, string(name)); return h.err }

// fakeDocument knows raw values by whole path.
type fakeDocument struct {
	m    map[string]string
	err  error
	size int
}

func (d *fakeDocument) Size() int { return d.size }

func (d *fakeDocument) Get(path []byte) ([]byte, error) {
	if v, ok := d.m[string(path)]; ok {
		return []byte(v), nil
	}
	return nil, plugins.ErrAbsent
}

func (d *fakeDocument) AppendString(dst, path []byte) ([]byte, error) {
	v, ok := d.m[string(path)]
	switch {
	case !ok:
		return dst, plugins.ErrAbsent
	case !strings.HasPrefix(v, `"`):
		return dst, plugins.ErrMalformed
	}
	return append(dst, v[1:len(v)-1]...), nil
}

func (d *fakeDocument) GetNumber(path []byte) (float64, error) {
	raw, err := d.Get(path)
	if err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return 0, plugins.ErrMalformed
	}
	return f, nil
}
func (d *fakeDocument) Set(path, raw []byte) error { d.m[string(path)] = string(raw); return d.err }
func (d *fakeDocument) SetString(path, text []byte) error {
	d.m[string(path)] = `"` + string(text) + `"`
	return d.err
}

func (d *fakeDocument) SetNumber(path []byte, f float64) error {
	d.m[string(path)] = "number"
	return d.err
}
func (d *fakeDocument) Remove(path []byte) error { delete(d.m, string(path)); return d.err }

type fakeCandidates struct {
	names  []string
	scores map[int]float64
}

func (c *fakeCandidates) Len() int { return len(c.names) }

func (c *fakeCandidates) Property(i int, key abi.CandidateProperty) ([]byte, bool) {
	if key == abi.CandidateName {
		return []byte(c.names[i]), true
	}
	return nil, false
}

func (c *fakeCandidates) Label(i int, name []byte) ([]byte, bool) {
	if string(name) == "zone" || string(name) == "aaaa" {
		return []byte("z" + c.names[i]), true
	}
	return nil, false
}

func (c *fakeCandidates) Number(i int, key abi.CandidateNumber) float64 {
	if key == abi.CandidateWeight {
		return float64(i + 1)
	}
	return math.NaN()
}
func (c *fakeCandidates) SetScore(i int, score float64) { c.scores[i] = score }

// fakeStore is a map under "scope/key".
type fakeStore struct {
	m   map[string][]byte
	n   map[string]int64
	ttl time.Duration
	err error
}

func (s *fakeStore) Get(dst []byte, scope string, key []byte) ([]byte, bool, error) {
	v, ok := s.m[scope+"/"+string(key)]
	return append(dst, v...), ok, s.err
}

func (s *fakeStore) Set(scope string, key, value []byte, ttl time.Duration) error {
	s.ttl = ttl
	s.m[scope+"/"+string(key)] = append([]byte(nil), value...)
	return s.err
}

func (s *fakeStore) Add(scope string, key []byte, delta int64, ttl time.Duration) (int64, error) {
	s.ttl = ttl
	s.n[scope+"/"+string(key)] += delta
	return s.n[scope+"/"+string(key)], s.err
}

type fakeMetrics struct {
	name  string
	value float64
}

func (m *fakeMetrics) PolicyMetricAdd(policy, name string, value float64) {
	m.name, m.value = policy+"/"+name, m.value+value
}
