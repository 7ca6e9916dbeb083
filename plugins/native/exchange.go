package native

import (
	"math"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Statuses that reply accepts: final ones.
const (
	minStatus = 200
	maxStatus = 599
)

func configGet(c *Call, s []uint64) { c.give(s, c.policy.Config, s[0], s[1]) }

// interestSet narrows the hooks that the router will call to those in a mask.
func interestSet(c *Call, s []uint64) {
	mask := int32(uint32(s[0]))
	if mask&^abi.AllHooks != 0 {
		s[0] = result(abi.Malformed)
		return
	}
	c.interest, s[0] = mask, 0
}

func fail(c *Call, s []uint64) {
	text := c.view(s[0], s[1])
	c.untidy = true
	c.failText = append(c.failText[:0], text[:min(len(text), maxFailText)]...)
}

func propertyGet(c *Call, s []uint64) {
	v, code := c.property(abi.Property(int32(uint32(s[0]))))
	if code != 0 {
		s[0] = result(code)
		return
	}
	c.give(s, v, s[1], s[2])
}

func (c *Call) property(key abi.Property) ([]byte, int32) {
	if key < 1 || key > abi.PropertyLast {
		return nil, abi.Malformed
	}
	v, ok := c.x.Property(key)
	if !ok {
		return nil, abi.Absent
	}
	return v, 0
}

func numberGet(c *Call, s []uint64) {
	key := abi.Number(int32(uint32(s[0])))
	if key < 1 || key > abi.NumberLast {
		s[0] = notANumber
		return
	}
	if key == abi.NumberMessages || key == abi.NumberPromptChars { // which an edit may have changed
		if doc := c.x.Document(); doc != nil {
			c.walk(doc)
		}
	}
	s[0] = math.Float64bits(c.x.Number(key))
}

func modelSet(c *Call, s []uint64) {
	model := c.view(s[0], s[1])
	if len(model) == 0 || !utf8.Valid(model) {
		s[0] = result(abi.Malformed)
		return
	}
	if len(model) > freeBytes {
		n := escapedLen(model)
		c.burn(int64(n * fuelPerByte))
		c.wrote(n)
	}
	c.edit()
	s[0] = result(c.code(c.x.SetModel(model)))
}

func reply(c *Call, s []uint64) {
	status := int32(uint32(s[0]))
	contentType, body := c.view(s[1], s[2]), c.view(s[3], s[4])
	if status < minStatus || status > maxStatus || !validHeaderValue(contentType) {
		s[0] = result(abi.Malformed)
		return
	}
	c.edit()
	err := c.x.SetReply(int(status), contentType, body)
	c.replied = c.replied || err == nil
	if len(body) > freeBytes {
		c.wrote(len(body))
	}
	s[0] = result(c.code(err))
}

// now is the exchange's clock, or the moment of loading outside an exchange.
func (c *Call) now() time.Time {
	if c.x == nil {
		return c.policy.loaded
	}
	return c.x.Now()
}

// next is the exchange's next random number. Outside an exchange it comes from
// a generator seeded by the plugin, so that every instance starts alike.
func (c *Call) next() uint64 {
	if c.x != nil {
		return c.x.Random()
	}
	c.random += 0x9e3779b97f4a7c15 // splitmix64
	z := c.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func nowMS(c *Call, s []uint64) { s[0] = uint64(c.now().UnixMilli()) }

func random(c *Call, s []uint64) { s[0] = c.next() }

func hash(c *Call, s []uint64) { s[0] = xxhash.Sum64(c.view(s[0], s[1])) }
