// Package service is a fake inference service, without a model: it speaks what
// InfiniLM, vLLM and their like speak over HTTP (chat, completions, embeddings
// and the rest, streamed and not), answers with believable text that is a
// function of the prompt alone, and does what a real service does only on a bad
// day whenever a test asks for it: slow first tokens, errors, replies cut in
// the middle, a port that refuses.
//
// It also watches. Every request is recorded (Requests), and Wait blocks until
// a recorded request is in the state that a test is after: arrived, answered,
// or left by its client before the answer was complete. With an event gate
// (header X-Fake-Step, or Config.Step) a stream emits its next event only when
// Step says so, which lets a test prove "events arrive one by one" without a
// clock.
//
// A request can ask for a fault of its own by header (see Faults), so that a
// client suite in any language can provoke one through the router. The same
// controls are there over HTTP below /fake/.
//
// The package speaks HTTP only and imports nothing of the router.
package service
