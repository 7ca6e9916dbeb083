package native

import (
	"math"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// document returns the hook's document and the path, and says why the path may
// not be used.
func (c *Call) document(ptr, n uint64, use access) (doc plugins.Document, path []byte, code int32) {
	path = c.view(ptr, n)
	doc, code = c.at(path, use)
	return doc, path, code
}

// at returns the hook's document, and says why path may not be used in it.
func (c *Call) at(path []byte, use access) (doc plugins.Document, code int32) {
	if doc = c.x.Document(); doc == nil {
		return nil, abi.Absent
	}
	if c.policy.Grants&abi.GrantContent == 0 && !openPath(c.where, path, use) {
		c.policy.lack(abi.GrantContent, c.inside.name)
		return nil, abi.NotAllowed
	}
	c.find(doc, path)
	return doc, 0
}

// read returns the raw JSON at path if the policy may see it.
func (c *Call) read(doc plugins.Document, path []byte) ([]byte, int32) {
	raw, err := doc.Get(path)
	if err != nil {
		return nil, c.code(err)
	}
	if c.policy.Grants&abi.GrantContent == 0 && !openValue(raw) {
		c.policy.lack(abi.GrantContent, c.inside.name)
		return nil, abi.NotAllowed
	}
	return raw, 0
}

func jsonGet(c *Call, s []uint64) {
	doc, path, code := c.document(s[0], s[1], reading)
	if code == 0 {
		var raw []byte
		if raw, code = c.read(doc, path); code == 0 {
			c.give(s, raw, s[2], s[3])
			return
		}
	}
	s[0] = result(code)
}

func jsonNumber(c *Call, s []uint64) {
	doc, path, code := c.document(s[0], s[1], reading)
	s[0] = notANumber
	if code != 0 {
		return
	}
	if f, err := doc.GetNumber(path); err == nil {
		s[0] = math.Float64bits(f)
	}
}

func jsonString(c *Call, s []uint64) {
	text, code := c.text(c.view(s[0], s[1]))
	if code != 0 {
		s[0] = result(code)
		return
	}
	c.give(s, text, s[2], s[3])
}

// text returns the string at path, unescaped into scratch space.
func (c *Call) text(path []byte) ([]byte, int32) {
	doc, code := c.at(path, reading)
	if code == 0 && c.policy.Grants&abi.GrantContent == 0 {
		_, code = c.read(doc, path) // its size must be known before it is unescaped
	}
	if code != 0 {
		return nil, code
	}
	text, err := doc.AppendString(c.scratch[:0], path)
	if err != nil {
		return nil, c.code(err)
	}
	c.scratch = text
	c.holds(cap(text))
	c.scrutinize(len(text))
	return text, 0
}

func jsonSet(c *Call, s []uint64) {
	doc, path, code := c.document(s[0], s[1], writing)
	raw := c.view(s[2], s[3])
	if code == 0 && c.policy.Grants&abi.GrantContent == 0 && !openValue(raw) {
		c.policy.lack(abi.GrantContent, c.inside.name)
		code = abi.NotAllowed
	}
	if code == 0 {
		c.payEdit(doc, path, len(raw))
		c.edit()
		code = c.code(doc.Set(path, raw))
	}
	s[0] = result(code)
}

func jsonSetString(c *Call, s []uint64) {
	doc, path, code := c.document(s[0], s[1], writing)
	text := c.view(s[2], s[3])
	if code == 0 && c.policy.Grants&abi.GrantContent == 0 && escapedLen(text) > openString {
		c.policy.lack(abi.GrantContent, c.inside.name)
		code = abi.NotAllowed
	}
	if code == 0 {
		c.payEdit(doc, path, escapedLen(text))
		c.edit()
		code = c.code(doc.SetString(path, text))
	}
	s[0] = result(code)
}

func jsonSetNumber(c *Call, s []uint64) {
	f := math.Float64frombits(s[2])
	doc, path, code := c.document(s[0], s[1], writing)
	if code == 0 && (math.IsNaN(f) || math.IsInf(f, 0)) {
		code = abi.Malformed
	}
	if code == 0 {
		c.payEdit(doc, path, 0)
		c.edit()
		code = c.code(doc.SetNumber(path, f))
	}
	s[0] = result(code)
}

func jsonRemove(c *Call, s []uint64) {
	doc, path, code := c.document(s[0], s[1], removing)
	if code == 0 {
		c.payEdit(doc, path, 0)
		c.edit()
		code = c.code(doc.Remove(path))
	}
	s[0] = result(code)
}
