// Package abi is the policy ABI, version 1, as bytes and numbers: the names of
// the hooks that a plugin exports, the functions it may import, and the codes
// that travel between the two. sdk/ABI.md is the same contract in prose.
//
// It imports nothing, so that a guest, the router and a test agree on one list.
package abi

// ImportModule is the import module that every host function lives in. A
// change of meaning gets a new module, served beside this one; an addition is
// a new function in it.
const ImportModule = "router_v1"

// Names of exports that are not hooks.
const (
	ExportMemory     = "memory"      // the guest's one linear memory
	ExportInitialize = "_initialize" // optional () -> (): once per instance, before anything else
	ExportConfigure  = "configure"   // optional () -> i32: once per instance, 0 or a refusal
)

// Hook is a function that a plugin exports and the router calls: () -> i32.
type Hook uint8

// The hooks, in the order in which an exchange meets them.
const (
	OnRequest Hook = iota
	OnRoute
	OnResponse
	OnEvent
	OnDone
	HookCount int = iota
)

// AllHooks is the mask with every hook's bit set: bit h stands for Hook h.
// interest_set takes such a mask.
const AllHooks int32 = 1<<HookCount - 1

var hookNames = [HookCount]string{"on_request", "on_route", "on_response", "on_event", "on_done"}

// String returns the name of the export, such as "on_request".
func (h Hook) String() string {
	if int(h) < len(hookNames) {
		return hookNames[h]
	}
	return "unknown hook"
}

// HookByName returns the hook whose export has this name.
func HookByName(name string) (Hook, bool) {
	for i, n := range hookNames {
		if n == name {
			return Hook(i), true
		}
	}
	return 0, false
}

// Action is a hook's result. Which ones a hook may return: MaxAction.
type Action int32

const (
	Continue Action = 0 // go on; for an event: pass it
	Replied  Action = 1 // on_request, on_response: answer with what `reply` was given
	Drop     Action = 1 // on_event: the client does not get this event
	End      Action = 2 // on_event: the stream ends here, without this event
)

// MaxAction returns the largest result that hook h may return; anything above
// it, or below zero, is a failure of the policy.
func MaxAction(h Hook) Action {
	switch h {
	case OnRequest, OnResponse:
		return Replied
	case OnEvent:
		return End
	default:
		return Continue
	}
}

// Results below zero that a host function may return instead of a length.
const (
	Absent     int32 = -1 // there is no such value
	Malformed  int32 = -2 // a path, name or value that cannot be right
	NotAllowed int32 = -3 // not in this hook, or not without a grant
	TooLarge   int32 = -4 // over a limit of the policy; the log names the knob
)

// Side says whose headers are meant.
type Side int32

const (
	RequestSide Side = 0
	ReplySide   Side = 1
)

// Level is a log level.
type Level int32

const (
	LevelDebug Level = 0
	LevelInfo  Level = 1
	LevelWarn  Level = 2
	LevelError Level = 3
)

// Property names a text value of the exchange.
type Property int32

const (
	PropertyMethod         Property = 1  // "POST"
	PropertyPath           Property = 2  // path without query, escapes and dots resolved
	PropertyRoute          Property = 3  // name of the route
	PropertyModel          Property = 4  // the model as it is now
	PropertyRequestedModel Property = 5  // the model that the client asked for
	PropertyClientAddress  Property = 6  // IP address, no port
	PropertyAPIKeyID       Property = 7  // id of the client's key; absent when no keys are configured
	PropertyRequestID      Property = 8  // X-Request-Id
	PropertyStream         Property = 9  // "true" or "false": what the client asked for
	PropertyService        Property = 10 // name of the service; absent before it is chosen
	PropertyOutcome        Property = 11 // on_done: "ok", "client_gone", "service_error", "timeout", "rejected", "cut"
	PropertyEndpoint       Property = 12 // the path without "/v1" and slashes around it: "chat/completions"
	PropertyLast           Property = 12
)

// Number names a numeric value of the exchange; absent is NaN.
type Number int32

const (
	NumberBodyBytes        Number = 1  // bytes of the request body as it is now
	NumberMessages         Number = 2  // entries of messages
	NumberPromptChars      Number = 3  // characters (code points) of text in messages, prompt or input
	NumberAttempt          Number = 4  // 1 for the first service tried
	NumberStatus           Number = 5  // status of the reply
	NumberTimeToFirstToken Number = 6  // seconds from accept to the first byte of the reply's body
	NumberDuration         Number = 7  // on_done: seconds from accept to the end
	NumberTokensIn         Number = 8  // prompt tokens as the service counted them
	NumberTokensOut        Number = 9  // completion tokens as the service counted them
	NumberReplyBytes       Number = 10 // bytes of the reply body so far
	NumberEvents           Number = 11 // SSE events so far, this one included
	NumberLast             Number = 11
)

// CandidateProperty names a text value of a candidate.
type CandidateProperty int32

const (
	CandidateName   CandidateProperty = 1
	CandidateURL    CandidateProperty = 2
	CandidateLabels CandidateProperty = 3 // JSON object of strings
)

// CandidateNumber names a numeric value of a candidate; absent is NaN.
type CandidateNumber int32

const (
	CandidateWeight    CandidateNumber = 1 // as configured
	CandidateInFlight  CandidateNumber = 2 // requests this router has open there
	CandidateQueue     CandidateNumber = 3 // requests waiting in the service, as it reports
	CandidateLatency   CandidateNumber = 4 // moving average of response times, seconds
	CandidateCacheUse  CandidateNumber = 5 // 0 to 1, as the service reports
	CandidateErrorRate CandidateNumber = 6 // 0 to 1, moving average
)

// Grant is something private that an operator opened to a policy.
type Grant uint8

const (
	GrantContent     Grant = 1 << iota // messages, prompts, replies, events
	GrantCredentials                   // authorization, cookie, api keys
	GrantKV                            // the key-value functions
)

// GrantNames are the grants as router.toml spells them.
var GrantNames = map[string]Grant{"content": GrantContent, "credentials": GrantCredentials, "kv": GrantKV}

// Type is a WebAssembly value type as its binary encoding has it.
type Type byte

const (
	I32 Type = 0x7f
	I64 Type = 0x7e
	F64 Type = 0x7c
)

// Sizes of the records that the functions which answer several questions at
// once put into a buffer.
const (
	NumberRecord = 16 // json_numbers: f64, i32 code, four bytes unused
	TextRecord   = 8  // texts_get: i32 offset in the buffer, i32 length or code
)

// What a question of texts_get begins with; the rest names the text.
const (
	AskProperty = "property" // then a colon and the number of a Property, decimal
	AskHeader   = "header"   // then a colon and the name of a request header
	AskText     = "text"     // then a colon and the path of a string in the document
)

// Function is one host function: its name and WebAssembly signature, and the
// grant without which it always answers NotAllowed (0: none).
type Function struct {
	Name    string
	Params  []Type
	Results []Type
	Grant   Grant
}

// Functions are all functions of ImportModule.
var Functions = []Function{
	{"config_get", []Type{I32, I32}, []Type{I32}, 0},
	{"interest_set", []Type{I32}, []Type{I32}, 0},
	{"fail", []Type{I32, I32}, nil, 0},
	{"property_get", []Type{I32, I32, I32}, []Type{I32}, 0},
	{"texts_get", []Type{I32, I32, I32, I32}, []Type{I32}, 0},
	{"number_get", []Type{I32}, []Type{F64}, 0},
	{"header_get", []Type{I32, I32, I32, I32, I32}, []Type{I32}, 0},
	{"header_set", []Type{I32, I32, I32, I32, I32}, []Type{I32}, 0},
	{"header_remove", []Type{I32, I32, I32}, []Type{I32}, 0},
	{"json_get", []Type{I32, I32, I32, I32}, []Type{I32}, 0},
	{"json_set", []Type{I32, I32, I32, I32}, []Type{I32}, 0},
	{"json_remove", []Type{I32, I32}, []Type{I32}, 0},
	{"json_number", []Type{I32, I32}, []Type{F64}, 0},
	{"json_numbers", []Type{I32, I32, I32, I32}, []Type{I32}, 0},
	{"json_set_number", []Type{I32, I32, F64}, []Type{I32}, 0},
	{"json_string", []Type{I32, I32, I32, I32}, []Type{I32}, 0},
	{"json_set_string", []Type{I32, I32, I32, I32}, []Type{I32}, 0},
	{"model_set", []Type{I32, I32}, []Type{I32}, 0},
	{"candidate_count", nil, []Type{I32}, 0},
	{"candidate_get", []Type{I32, I32, I32, I32}, []Type{I32}, 0},
	{"candidate_label", []Type{I32, I32, I32, I32, I32}, []Type{I32}, 0},
	{"candidate_number", []Type{I32, I32}, []Type{F64}, 0},
	{"candidate_score", []Type{I32, F64}, []Type{I32}, 0},
	{"reply", []Type{I32, I32, I32, I32, I32}, []Type{I32}, 0},
	{"var_get", []Type{I32, I32, I32, I32}, []Type{I32}, 0},
	{"var_set", []Type{I32, I32, I32, I32}, []Type{I32}, 0},
	{"kv_get", []Type{I32, I32, I32, I32}, []Type{I32}, GrantKV},
	{"kv_set", []Type{I32, I32, I32, I32, I64}, []Type{I32}, GrantKV},
	{"kv_add", []Type{I32, I32, I64, I64}, []Type{I64}, GrantKV},
	{"log", []Type{I32, I32, I32}, nil, 0},
	{"metric_add", []Type{I32, I32, F64}, []Type{I32}, 0},
	{"now_ms", nil, []Type{I64}, 0},
	{"random", nil, []Type{I64}, 0},
	{"hash", []Type{I32, I32}, []Type{I64}, 0},
}

// KVFailed is what kv_add answers, in place of the sum, when it was not done:
// no grant, or no store. The smallest i64, which no honest counter reaches.
const KVFailed int64 = -1 << 63
