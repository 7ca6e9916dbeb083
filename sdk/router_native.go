//go:build !wasip1

package sdk

import "unsafe"

// Host is the router as a natively compiled policy sees it: the functions of
// module router_v1, with a string in place of pointer and length, and room in
// place of pointer and capacity: a value longer than room is not written, its
// length is returned all the same. Package sdktest has the one implementation
// that an author needs.
type Host interface {
	ConfigGet(room []byte) int32
	InterestSet(mask int32) int32
	Fail(reason string)
	PropertyGet(key int32, room []byte) int32
	TextsGet(names string, room []byte) int32
	NumberGet(key int32) float64
	HeaderGet(side int32, name string, room []byte) int32
	HeaderSet(side int32, name, value string) int32
	HeaderRemove(side int32, name string) int32
	JSONGet(path string, room []byte) int32
	JSONSet(path, value string) int32
	JSONRemove(path string) int32
	JSONNumber(path string) float64
	JSONNumbers(paths string, room []byte) int32
	JSONSetNumber(path string, value float64) int32
	JSONString(path string, room []byte) int32
	JSONSetString(path, text string) int32
	ModelSet(model string) int32
	CandidateCount() int32
	CandidateGet(i, key int32, room []byte) int32
	CandidateLabel(i int32, name string, room []byte) int32
	CandidateNumber(i, key int32) float64
	CandidateScore(i int32, score float64) int32
	Reply(status int32, contentType, body string) int32
	VarGet(name string, room []byte) int32
	VarSet(name, value string) int32
	KVGet(key string, room []byte) int32
	KVSet(key, value string, ttlMS int64) int32
	KVAdd(key string, delta, ttlMS int64) int64
	Log(level int32, text string)
	MetricAdd(name string, value float64) int32
	NowMS() int64
	Random() int64
	Hash(text string) int64
}

var host Host

// SetHost puts h in the router's place and returns what was there. There is
// one at a time, as there is one policy in a package: do not run tests of one
// policy in parallel.
func SetHost(h Host) (previous Host) {
	previous, host = host, h
	return previous
}

// current returns the host, or says how to have one.
func current() Host {
	if host == nil {
		panic("sdk: no router here: run the policy's hooks through sdktest, or call SetHost")
	}
	return host
}

func rawConfigGet(room unsafe.Pointer, size int32) int32 {
	return current().ConfigGet(bytesAt(room, size))
}

func rawInterestSet(mask int32) int32 { return current().InterestSet(mask) }
func rawFail(reason string)           { current().Fail(reason) }
func rawPropertyGet(key int32, room unsafe.Pointer, size int32) int32 {
	return current().PropertyGet(key, bytesAt(room, size))
}

func rawTextsGet(names string, room unsafe.Pointer, size int32) int32 {
	return current().TextsGet(names, bytesAt(room, size))
}

func rawNumberGet(key int32) float64 { return current().NumberGet(key) }
func rawHeaderGet(side int32, name string, room unsafe.Pointer, size int32) int32 {
	return current().HeaderGet(side, name, bytesAt(room, size))
}

func rawHeaderSet(side int32, name, value string) int32 {
	return current().HeaderSet(side, name, value)
}
func rawHeaderRemove(side int32, name string) int32 { return current().HeaderRemove(side, name) }
func rawJSONGet(path string, room unsafe.Pointer, size int32) int32 {
	return current().JSONGet(path, bytesAt(room, size))
}

func rawJSONSet(path, value string) int32 { return current().JSONSet(path, value) }
func rawJSONRemove(path string) int32     { return current().JSONRemove(path) }
func rawJSONNumber(path string) float64   { return current().JSONNumber(path) }
func rawJSONNumbers(paths string, room unsafe.Pointer, size int32) int32 {
	return current().JSONNumbers(paths, bytesAt(room, size))
}

func rawJSONSetNumber(path string, value float64) int32 { return current().JSONSetNumber(path, value) }

func rawJSONString(path string, room unsafe.Pointer, size int32) int32 {
	return current().JSONString(path, bytesAt(room, size))
}

func rawJSONSetString(path, text string) int32 { return current().JSONSetString(path, text) }
func rawModelSet(model string) int32           { return current().ModelSet(model) }
func rawCandidateCount() int32                 { return current().CandidateCount() }
func rawCandidateGet(i, key int32, room unsafe.Pointer, size int32) int32 {
	return current().CandidateGet(i, key, bytesAt(room, size))
}

func rawCandidateLabel(i int32, name string, room unsafe.Pointer, size int32) int32 {
	return current().CandidateLabel(i, name, bytesAt(room, size))
}
func rawCandidateNumber(i, key int32) float64        { return current().CandidateNumber(i, key) }
func rawCandidateScore(i int32, score float64) int32 { return current().CandidateScore(i, score) }
func rawReply(status int32, contentType, body string) int32 {
	return current().Reply(status, contentType, body)
}

func rawVarGet(name string, room unsafe.Pointer, size int32) int32 {
	return current().VarGet(name, bytesAt(room, size))
}

func rawVarSet(name, value string) int32 { return current().VarSet(name, value) }
func rawKVGet(key string, room unsafe.Pointer, size int32) int32 {
	return current().KVGet(key, bytesAt(room, size))
}

func rawKVSet(key, value string, ttlMS int64) int32 { return current().KVSet(key, value, ttlMS) }
func rawKVAdd(key string, delta, ttlMS int64) int64 { return current().KVAdd(key, delta, ttlMS) }
func rawLog(level int32, text string)               { current().Log(level, text) }
func rawMetricAdd(name string, value float64) int32 { return current().MetricAdd(name, value) }
func rawNowMS() int64                               { return current().NowMS() }
func rawRandom() int64                              { return current().Random() }
func rawHash(text string) int64                     { return current().Hash(text) }

func bytesAt(room unsafe.Pointer, size int32) []byte { return unsafe.Slice((*byte)(room), size) }

// spoil overwrites what a hook was given, so that a policy that keeps a string
// beyond the hook's end fails in its tests.
func spoil(used unsafe.Pointer, size int32) {
	for i := range bytesAt(used, size) {
		bytesAt(used, size)[i] = '?'
	}
}
