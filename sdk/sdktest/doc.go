// Package sdktest runs a policy's test cases. The cases are data, so that the
// same ones run on the policy compiled natively, under `go test` and a debugger,
// and on its .wasm in the router's sandbox, with the same results.
//
// A policy's test is three lines:
//
//	func TestCases(t *testing.T) {
//		sdktest.Run(t, "testdata/cases.json", sdktest.Hooks{Configure: configure, OnRequest: onRequest})
//	}
//
// # The file
//
// cases.json is a list of cases. Each is one exchange, told in the order in
// which the router meets its parts, and what is wanted of it:
//
//	[{
//	  "name": "an alias is replaced",
//	  "config": {"gpt-4": "Qwen3-32B"},
//	  "grants": ["content"],
//	  "request": {"method": "POST", "path": "/v1/chat/completions", "headers": {"X-Team": "blue"},
//	              "client_address": "10.0.0.7", "api_key_id": "team-blue", "request_id": "r1",
//	              "seed": 1, "now": 1700000000000, "body": {"model": "gpt-4", "messages": []}},
//	  "candidates": [{"name": "a", "url": "http://a", "labels": {"tier": "gold"}, "weight": 1, "in_flight": 0}],
//	  "reply": {"status": 200, "headers": {"Content-Type": "application/json"}, "body": {"model": "Qwen3-32B"}},
//	  "events": [],
//	  "want": {"model": "Qwen3-32B", "body": {"model": "Qwen3-32B", "messages": []}}
//	}]
//
// A body, an event or a reply is a JSON value, which is taken without the white
// space around its tokens, or a string, which is taken as it is: text that is
// not JSON, such as "[DONE]", or JSON whose very spaces matter. With "events"
// the reply streams, and on_response sees its head alone. "properties" and
// "numbers" of a case give what is not told elsewhere, by the names in
// sdk/ABI.md: {"route": "default"}, {"tokens_out": 12}. "vars" and "kv" are there before
// the first hook. Without "reply" the exchange ends before a service answers.
//
// "want" may have any of: configure_error (a part of it), hooks (those that
// the router would call), action ("continue" or "reply": of on_request), failed (a hook's name),
// reply ({status, type, body}: what the policy answered with), model, body, headers
// and reply_headers (null: not there), scores (by candidate), vars (null: not there), kv,
// events (what the client gets), ended (a hook ended the stream), metrics, reply_body.
// What is not there is not compared, but for this: a case that does not want
// configure_error or failed fails when they happen.
//
// # What is pretended
//
// The router's side here (Exchange, Host) keeps to sdk/ABI.md: hooks, grants,
// transactions, paths, byte-exact edits. It does not measure: fuel, memory,
// host calls, log rates and time do not run out, and random numbers are
// SplitMix64 from the request's seed. A top-level member that was removed and
// set again stands last here and at its old place in the router.
package sdktest
