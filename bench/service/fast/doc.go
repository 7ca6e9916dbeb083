// Package fast is the fake service for load: it speaks just enough of the
// OpenAI API (chat and text completions, streamed or not, the models list,
// health) and spends so little on it that it is never what a benchmark
// measures. Package service next door is the one to test a client with.
//
// One thread serves all connections. It writes pre-rendered bytes into which
// only the request's name and the event's number are put, one write an event,
// and wakes once for all events that are due in the same tick.
//
// Every reply says whose it is and, of a stream, which of how many events:
//
//	id                  "chatcmpl-" and the request's "user", if that has 16 characters
//	system_fingerprint  "fake-" and the number of tokens in six digits
//	content             of token 17: " 000017"
//
// so that a client sees whatever was lost, doubled, reordered or mixed up on
// the way.
package fast
