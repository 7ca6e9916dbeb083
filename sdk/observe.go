package sdk

import "github.com/infinirouter/infinirouter/sdk/abi"

// Log writes a line to the router's log. Lines over the policy's rate are dropped.
func Log(level abi.Level, text string) { rawLog(int32(level), text) }

// AddMetric adds value to one of the policy's counters. The name is "requests",
// or with one label "requests;arm=new".
func AddMetric(name string, value float64) error { return done(rawMetricAdd(name, value)) }

// NowMS returns the exchange's time in milliseconds since 1970. It does not move
// while a hook runs. (Package time alone would make a policy a tenth larger.)
func NowMS() int64 { return rawNowMS() }

// Random returns the next of the exchange's random numbers.
func Random() uint64 { return uint64(rawRandom()) }

// Hash returns the xxhash64 of text, the same in every language and router.
func Hash(text string) uint64 { return uint64(rawHash(text)) }
