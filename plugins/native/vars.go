package native

import (
	"math"
	"strconv"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

const (
	maxVarName = 64
	maxKVKey   = 256
)

// validVarName reports 1 to 64 bytes of a-z, 0-9, "_", "." and "-".
func validVarName(name []byte) bool {
	if len(name) == 0 || len(name) > maxVarName {
		return false
	}
	for _, b := range name {
		if !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '_' || b == '.' || b == '-') {
			return false
		}
	}
	return true
}

func varGet(c *Call, s []uint64) {
	name := c.view(s[0], s[1])
	if !validVarName(name) {
		s[0] = result(abi.Malformed)
		return
	}
	v, ok := c.x.Var(name)
	if !ok {
		s[0] = result(abi.Absent)
		return
	}
	c.give(s, v, s[2], s[3])
}

func varSet(c *Call, s []uint64) {
	name, value := c.view(s[0], s[1]), c.view(s[2], s[3])
	if !validVarName(name) {
		s[0] = result(abi.Malformed)
		return
	}
	lim := &c.policy.Limits
	if len(value) > lim.VarBytes {
		s[0] = c.tooLarge("a var's value", len(value), "bytes", lim.VarBytes, "policies.limits.var_bytes")
		return
	}
	if c.x.VarCount() >= lim.Vars {
		if _, ok := c.x.Var(name); !ok {
			s[0] = c.tooLarge("another var", c.x.VarCount()+1, "vars", lim.Vars, "policies.limits.vars")
			return
		}
	}
	c.edit()
	s[0] = result(c.code(c.x.SetVar(name, value)))
}

// tooLarge logs which limit was met and answers TooLarge.
func (c *Call) tooLarge(what string, size int, unit string, limit int, knob string) uint64 {
	c.notice(what+" was refused",
		strconv.Itoa(size)+" "+unit+", the limit is "+strconv.Itoa(limit)+" ("+knob+")")
	return result(abi.TooLarge)
}

// kvKey returns a key of the store, or why there is none.
func (c *Call) kvKey(ptr, n uint64) (key []byte, code int32) {
	key = c.view(ptr, n)
	switch {
	case c.policy.Store == nil:
		return nil, abi.NotAllowed
	case len(key) == 0 || len(key) > maxKVKey:
		return nil, abi.Malformed
	}
	return key, 0
}

// ttl turns milliseconds into a duration; ok is false below zero.
func ttl(ms uint64) (d time.Duration, ok bool) {
	n := int64(ms)
	return time.Duration(min(n, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, n >= 0
}

// storeFailed logs a fault of the store. The guest goes on as if the value were
// absent: a policy that counts must not fail requests because a store is away.
func (c *Call) storeFailed(err error) int32 {
	if code := c.code(err); code != abi.Malformed || err == plugins.ErrMalformed {
		return code
	}
	c.notice("the key-value store failed", err.Error())
	return abi.Absent
}

func kvGet(c *Call, s []uint64) {
	key, code := c.kvKey(s[0], s[1])
	if code != 0 {
		s[0] = result(code)
		return
	}
	v, ok, err := c.policy.Store.Get(c.scratch[:0], c.policy.Name, key)
	switch {
	case err != nil:
		s[0] = result(c.storeFailed(err))
	case !ok:
		s[0] = result(abi.Absent)
	default:
		c.scratch = v
		c.holds(cap(v))
		c.give(s, v, s[2], s[3])
	}
}

func kvSet(c *Call, s []uint64) {
	key, code := c.kvKey(s[0], s[1])
	value := c.view(s[2], s[3])
	d, ok := ttl(s[4])
	switch {
	case code != 0:
	case !ok:
		code = abi.Malformed
	case len(value) > c.policy.Limits.KVBytes:
		s[0] = c.tooLarge("a key-value value", len(value), "bytes", c.policy.Limits.KVBytes, "policies.limits.kv_bytes")
		return
	default:
		if err := c.policy.Store.Set(c.policy.Name, key, value, d); err != nil {
			code = c.storeFailed(err)
		}
	}
	s[0] = result(code)
}

func kvAdd(c *Call, s []uint64) {
	key, code := c.kvKey(s[0], s[1])
	d, ok := ttl(s[3])
	if code != 0 || !ok {
		s[0] = kvFailed
		return
	}
	sum, err := c.policy.Store.Add(c.policy.Name, key, int64(s[2]), d)
	if err != nil {
		c.storeFailed(err)
		s[0] = kvFailed
		return
	}
	s[0] = uint64(sum)
}
