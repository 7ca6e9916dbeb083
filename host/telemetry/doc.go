// Package telemetry tells what the router did: Metrics for /metrics and
// AccessLog for one line a request. Both take a Record, which the router fills
// once at the end of an exchange, and neither ever sees a prompt or a key.
//
// Whatever a client or a policy can make up is bounded before it becomes a
// label: a model counts under its name only when a service answered for it, and
// past a fixed number of names the rest share one called "other".
//
// Both are on the path of every request. Observe finds its counters in one map
// that is copied on write, and the log line is formatted into a shared buffer
// which a goroutine writes out, so neither allocates nor waits for a disk.
package telemetry
