package sdk

import "unsafe"

// The functions of module router_v1 as Go declares them. A string travels as
// pointer and length, room as pointer and capacity. The router keeps no
// pointer, so nothing escapes.

//go:wasmimport router_v1 config_get
//go:noescape
func rawConfigGet(room unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 interest_set
func rawInterestSet(mask int32) int32

//go:wasmimport router_v1 fail
//go:noescape
func rawFail(reason string)

//go:wasmimport router_v1 property_get
//go:noescape
func rawPropertyGet(key int32, room unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 texts_get
//go:noescape
func rawTextsGet(names string, room unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 number_get
func rawNumberGet(key int32) float64

//go:wasmimport router_v1 header_get
//go:noescape
func rawHeaderGet(side int32, name string, room unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 header_set
//go:noescape
func rawHeaderSet(side int32, name, value string) int32

//go:wasmimport router_v1 header_remove
//go:noescape
func rawHeaderRemove(side int32, name string) int32

//go:wasmimport router_v1 json_get
//go:noescape
func rawJSONGet(path string, room unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 json_set
//go:noescape
func rawJSONSet(path, value string) int32

//go:wasmimport router_v1 json_remove
//go:noescape
func rawJSONRemove(path string) int32

//go:wasmimport router_v1 json_number
//go:noescape
func rawJSONNumber(path string) float64

//go:wasmimport router_v1 json_numbers
//go:noescape
func rawJSONNumbers(paths string, room unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 json_set_number
//go:noescape
func rawJSONSetNumber(path string, value float64) int32

//go:wasmimport router_v1 json_string
//go:noescape
func rawJSONString(path string, room unsafe.Pointer, size int32) int32

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
func rawCandidateGet(i, key int32, room unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 candidate_label
//go:noescape
func rawCandidateLabel(i int32, name string, room unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 candidate_number
func rawCandidateNumber(i, key int32) float64

//go:wasmimport router_v1 candidate_score
func rawCandidateScore(i int32, score float64) int32

//go:wasmimport router_v1 reply
//go:noescape
func rawReply(status int32, contentType, body string) int32

//go:wasmimport router_v1 var_get
//go:noescape
func rawVarGet(name string, room unsafe.Pointer, size int32) int32

//go:wasmimport router_v1 var_set
//go:noescape
func rawVarSet(name, value string) int32

//go:wasmimport router_v1 kv_get
//go:noescape
func rawKVGet(key string, room unsafe.Pointer, size int32) int32

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

// spoil does nothing here: only a native test run pays for finding mistakes.
func spoil(unsafe.Pointer, int32) {}
