package sdk

import "unsafe"

// The functions of module router_v1 as Go declares them. A string travels as
// pointer and length, room as pointer and capacity. The router keeps no
// pointer, so nothing escapes.

//go:wasmimport router_v1 config_get
//go:noescape
func hostConfigGet(buf unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 interest_set
func rawInterestSet(mask int32) int32

//go:wasmimport router_v1 fail
//go:noescape
func rawFail(reason string)

//go:wasmimport router_v1 property_get
//go:noescape
func hostPropertyGet(key int32, buf unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 number_get
func rawNumberGet(key int32) float64

//go:wasmimport router_v1 header_get
//go:noescape
func hostHeaderGet(side int32, name string, buf unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 header_set
//go:noescape
func rawHeaderSet(side int32, name, value string) int32

//go:wasmimport router_v1 header_remove
//go:noescape
func rawHeaderRemove(side int32, name string) int32

//go:wasmimport router_v1 json_get
//go:noescape
func hostJSONGet(path string, buf unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 json_set
//go:noescape
func rawJSONSet(path, value string) int32

//go:wasmimport router_v1 json_remove
//go:noescape
func rawJSONRemove(path string) int32

//go:wasmimport router_v1 json_number
//go:noescape
func rawJSONNumber(path string) float64

//go:wasmimport router_v1 json_set_number
//go:noescape
func rawJSONSetNumber(path string, value float64) int32

//go:wasmimport router_v1 json_string
//go:noescape
func hostJSONString(path string, buf unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 json_set_string
//go:noescape
func rawJSONSetString(path, text string) int32

//go:wasmimport router_v1 model_set
//go:noescape
func rawModelSet(model string) int32

//go:wasmimport router_v1 candidate_count
func rawCandidateCount() int32

//go:wasmimport router_v1 candidate_get
//go:noescape
func hostCandidateGet(i, key int32, buf unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 candidate_label
//go:noescape
func hostCandidateLabel(i int32, name string, buf unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 candidate_number
func rawCandidateNumber(i, key int32) float64

//go:wasmimport router_v1 candidate_score
func rawCandidateScore(i int32, score float64) int32

//go:wasmimport router_v1 reply
//go:noescape
func rawReply(status int32, contentType, body string) int32

//go:wasmimport router_v1 var_get
//go:noescape
func hostVarGet(name string, buf unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 var_set
//go:noescape
func rawVarSet(name, value string) int32

//go:wasmimport router_v1 kv_get
//go:noescape
func hostKVGet(key string, buf unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 kv_set
//go:noescape
func rawKVSet(key, value string, ttlMS int64) int32

//go:wasmimport router_v1 kv_add
//go:noescape
func rawKVAdd(key string, delta, ttlMS int64) int64

//go:wasmimport router_v1 log
//go:noescape
func rawLog(level int32, text string)

//go:wasmimport router_v1 metric_add
//go:noescape
func rawMetricAdd(name string, value float64) int32

//go:wasmimport router_v1 now_ms
func rawNowMS() int64

//go:wasmimport router_v1 random
func rawRandom() int64

//go:wasmimport router_v1 hash
//go:noescape
func rawHash(text string) int64

func rawConfigGet(room []byte) int32 {
	return hostConfigGet(unsafe.Pointer(unsafe.SliceData(room)), int32(len(room)))
}

func rawPropertyGet(key int32, room []byte) int32 {
	return hostPropertyGet(key, unsafe.Pointer(unsafe.SliceData(room)), int32(len(room)))
}

func rawHeaderGet(side int32, name string, room []byte) int32 {
	return hostHeaderGet(side, name, unsafe.Pointer(unsafe.SliceData(room)), int32(len(room)))
}

func rawJSONGet(path string, room []byte) int32 {
	return hostJSONGet(path, unsafe.Pointer(unsafe.SliceData(room)), int32(len(room)))
}

func rawJSONString(path string, room []byte) int32 {
	return hostJSONString(path, unsafe.Pointer(unsafe.SliceData(room)), int32(len(room)))
}

func rawCandidateGet(i, key int32, room []byte) int32 {
	return hostCandidateGet(i, key, unsafe.Pointer(unsafe.SliceData(room)), int32(len(room)))
}

func rawCandidateLabel(i int32, name string, room []byte) int32 {
	return hostCandidateLabel(i, name, unsafe.Pointer(unsafe.SliceData(room)), int32(len(room)))
}

func rawVarGet(name string, room []byte) int32 {
	return hostVarGet(name, unsafe.Pointer(unsafe.SliceData(room)), int32(len(room)))
}

func rawKVGet(key string, room []byte) int32 {
	return hostKVGet(key, unsafe.Pointer(unsafe.SliceData(room)), int32(len(room)))
}

// spoil does nothing here: only a native test run pays for finding mistakes.
func spoil([]byte) {}
