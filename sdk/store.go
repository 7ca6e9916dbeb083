package sdk

import "github.com/infinirouter/infinirouter/sdk/abi"

// The key-value functions need the kv grant. Keys are the policy's own, shared
// by all exchanges, and with a shared store configured by all routers.

// KVGet returns the value at key.
func KVGet(key string) (string, bool) {
	n := rawKVGet(key, room(), left())
	if n > left() {
		grow(n)
		n = rawKVGet(key, room(), left())
	}
	return keep(n)
}

// KVSet puts a value that lives for ttlMS milliseconds, or with 0 until the
// store evicts it.
func KVSet(key, value string, ttlMS int64) error {
	return done(rawKVSet(key, value, ttlMS))
}

// KVAdd adds delta to the integer at key, atomically, and returns the sum. A
// key that is not there counts as 0; ttlMS applies when it is created. False:
// it was not done, for want of the grant or of the store.
func KVAdd(key string, delta int64, ttlMS int64) (int64, bool) {
	sum := rawKVAdd(key, delta, ttlMS)
	if sum == abi.KVFailed {
		last = abi.NotAllowed
		return 0, false
	}
	last = 0
	return sum, true
}
