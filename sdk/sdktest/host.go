package sdktest

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/infinirouter/infinirouter/sdk"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Limits of one policy that a test may meet, as the router has them by default.
const (
	maxVars       = 32
	maxVarBytes   = 4 << 10
	maxKVBytes    = 64 << 10
	maxHeader     = 8 << 10
	openStringLen = 256 // bytes of a string that counts as a parameter, not as text
)

// host is the router as a natively compiled policy sees it: it keeps to the
// rules of sdk/ABI.md and passes on to the exchange what they allow.
type host struct {
	config   string
	grants   abi.Grant
	world    *World
	x        *Exchange // nil in configure
	begun    bool
	replied  bool
	reason   string // of fail
	refused  string // why the call has failed whatever the hook says
	interest int32
}

var _ sdk.Host = (*host)(nil)

// give writes v into room if it fits, and returns its length.
func give(v, room []byte) int32 {
	if len(v) <= len(room) {
		copy(room, v)
	}
	return int32(len(v))
}

func giveIf(v []byte, ok bool, room []byte) int32 {
	if !ok {
		return abi.Absent
	}
	return give(v, room)
}

func code(err error) int32 {
	switch err {
	case nil:
		return 0
	case sdk.ErrAbsent:
		return abi.Absent
	case sdk.ErrNotAllowed:
		return abi.NotAllowed
	}
	return abi.Malformed
}

func (h *host) in(hooks ...abi.Hook) bool {
	if h.x == nil {
		return false
	}
	for _, k := range hooks {
		if h.x.stage == k {
			return true
		}
	}
	return len(hooks) == 0
}

func (h *host) has(g abi.Grant) bool { return h.grants&g != 0 }

func (h *host) edit() {
	if !h.begun {
		h.begun = true
		h.x.Begin()
	}
}

func (h *host) ConfigGet(room []byte) int32 { return give([]byte(h.config), room) }

func (h *host) InterestSet(mask int32) int32 {
	switch {
	case h.x != nil:
		return abi.NotAllowed
	case mask&^abi.AllHooks != 0:
		return abi.Malformed
	}
	h.interest = mask
	return 0
}

func (h *host) Fail(reason string) { h.reason = reason }

func (h *host) PropertyGet(key int32, room []byte) int32 {
	switch {
	case !h.in():
		return abi.NotAllowed
	case key < 1 || abi.Property(key) > abi.PropertyLast:
		return abi.Malformed
	}
	v, ok := h.x.Property(abi.Property(key))
	return giveIf(v, ok, room)
}

// TextsGet answers each name as the function for its kind does.
func (h *host) TextsGet(names string, room []byte) int32 {
	if !h.in() {
		return abi.NotAllowed
	}
	if names == "" {
		return 0
	}
	list := strings.Split(names, "\x00")
	records, texts := make([]byte, 0, len(list)*abi.TextRecord), []byte(nil)
	for _, name := range list {
		text := make([]byte, 256)
		n := h.textOf(name, text)
		if int(n) > len(text) {
			text = make([]byte, n)
			n = h.textOf(name, text)
		}
		records = binary.LittleEndian.AppendUint32(records, uint32(len(list)*abi.TextRecord+len(texts)))
		records = binary.LittleEndian.AppendUint32(records, uint32(n))
		texts = append(texts, text[:max(n, 0)]...)
	}
	return give(append(records, texts...), room)
}

func (h *host) textOf(name string, room []byte) int32 {
	switch kind, rest, _ := strings.Cut(name, ":"); kind {
	case abi.AskProperty:
		if key, err := strconv.ParseUint(rest, 10, 16); err == nil {
			return h.PropertyGet(int32(key), room)
		}
	case abi.AskHeader:
		return h.HeaderGet(int32(abi.RequestSide), rest, room)
	case abi.AskText:
		return h.JSONString(rest, room)
	}
	return abi.Malformed
}

func (h *host) NumberGet(key int32) float64 {
	if !h.in() {
		return math.NaN()
	}
	return h.x.Number(abi.Number(key))
}

func (h *host) ModelSet(model string) int32 {
	switch {
	case !h.in(abi.OnRequest):
		return abi.NotAllowed
	case model == "":
		return abi.Malformed
	}
	h.edit()
	return code(h.x.SetModel([]byte(model)))
}

func (h *host) Reply(status int32, contentType, body string) int32 {
	switch {
	case !h.in(abi.OnRequest, abi.OnResponse):
		return abi.NotAllowed
	case !validHeaderValue(contentType):
		return abi.Malformed
	}
	h.edit()
	err := h.x.SetReply(int(status), []byte(contentType), []byte(body))
	h.replied = h.replied || err == nil
	return code(err)
}

func (h *host) CandidateCount() int32 {
	if !h.in(abi.OnRoute) {
		return abi.NotAllowed
	}
	return int32(h.x.Candidates().Len())
}

// candidate reports why candidate i cannot be asked, 0 when it can.
func (h *host) candidate(i int32) int32 {
	switch {
	case !h.in(abi.OnRoute):
		return abi.NotAllowed
	case i < 0 || int(i) >= h.x.Candidates().Len():
		return abi.Malformed
	}
	return 0
}

func (h *host) CandidateGet(i, key int32, room []byte) int32 {
	if c := h.candidate(i); c != 0 {
		return c
	}
	if key < int32(abi.CandidateName) || key > int32(abi.CandidateLabels) {
		return abi.Malformed
	}
	v, ok := h.x.Candidates().Property(int(i), abi.CandidateProperty(key))
	return giveIf(v, ok, room)
}

func (h *host) CandidateLabel(i int32, name string, room []byte) int32 {
	if c := h.candidate(i); c != 0 {
		return c
	}
	if name == "" {
		return abi.Malformed
	}
	v, ok := h.x.Candidates().Label(int(i), []byte(name))
	return giveIf(v, ok, room)
}

func (h *host) CandidateNumber(i, key int32) float64 {
	if h.candidate(i) != 0 {
		return math.NaN()
	}
	return h.x.Candidates().Number(int(i), abi.CandidateNumber(key))
}

// CandidateScore fails the whole call on a score that cannot be ranked.
func (h *host) CandidateScore(i int32, score float64) int32 {
	if !h.in(abi.OnRoute) {
		return abi.NotAllowed
	}
	if math.IsNaN(score) || math.IsInf(score, 0) || score < 0 {
		h.refused = "candidate_score: a score must be finite and not negative"
		return abi.Malformed
	}
	if c := h.candidate(i); c != 0 {
		return c
	}
	h.edit()
	h.x.Candidates().SetScore(int(i), score)
	return 0
}

func (h *host) VarGet(name string, room []byte) int32 {
	switch {
	case !h.in():
		return abi.NotAllowed
	case !validWord(name, "-."):
		return abi.Malformed
	}
	v, ok := h.x.Var([]byte(name))
	return giveIf(v, ok, room)
}

func (h *host) VarSet(name, value string) int32 {
	switch {
	case !h.in():
		return abi.NotAllowed
	case !validWord(name, "-."):
		return abi.Malformed
	case len(value) > maxVarBytes:
		return abi.TooLarge
	}
	if _, ok := h.x.Var([]byte(name)); !ok && h.x.VarCount() >= maxVars {
		return abi.TooLarge
	}
	h.edit()
	return code(h.x.SetVar([]byte(name), []byte(value)))
}

// kv reports why the store cannot be asked, 0 when it can.
func (h *host) kv(key string, ttlMS int64) int32 {
	switch {
	case !h.has(abi.GrantKV):
		return abi.NotAllowed
	case key == "" || len(key) > 256 || ttlMS < 0:
		return abi.Malformed
	}
	return 0
}

func (h *host) KVGet(key string, room []byte) int32 {
	if c := h.kv(key, 0); c != 0 {
		return c
	}
	v, ok, _ := h.world.Store.Get(nil, "", []byte(key))
	return giveIf(v, ok, room)
}

func (h *host) KVSet(key, value string, ttlMS int64) int32 {
	if c := h.kv(key, ttlMS); c != 0 {
		return c
	}
	if len(value) > maxKVBytes {
		return abi.TooLarge
	}
	return code(h.world.Store.Set("", []byte(key), []byte(value), time.Duration(ttlMS)*time.Millisecond))
}

func (h *host) KVAdd(key string, delta, ttlMS int64) int64 {
	if h.kv(key, ttlMS) != 0 {
		return abi.KVFailed
	}
	sum, _ := h.world.Store.Add("", []byte(key), delta, time.Duration(ttlMS)*time.Millisecond)
	return sum
}

// Log drops the line: what a policy logs is for people, not for cases.
func (h *host) Log(int32, string) {}

func (h *host) MetricAdd(name string, value float64) int32 {
	if !validMetric(name) || math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
		return abi.Malformed
	}
	h.world.Metrics.PolicyMetricAdd("", name, value)
	return 0
}

func (h *host) NowMS() int64 {
	if h.x == nil {
		return 0
	}
	return h.x.Now().UnixMilli()
}

// Random in configure is the same for every instance of a policy.
func (h *host) Random() int64 {
	if h.x == nil {
		return 0
	}
	return int64(h.x.Random())
}

func (h *host) Hash(text string) int64 { return int64(xxhash64(text)) }
