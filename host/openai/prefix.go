package openai

import "github.com/cespare/xxhash/v2"

// What stands before the messages in the prompt that an engine makes.
var prefaceNames = [...][]byte{[]byte("tools"), []byte("system"), []byte("instructions")}

// PrefixHash returns a hash of how the prompt begins, 0 when there is none. Equal
// hashes mean that an engine which has seen one prompt has the beginning of the
// other in its cache.
//
// It covers tools, instructions, and the messages up to the first of the user's:
// all of that is there in every later turn of the same conversation. Of each it
// takes the first limit bytes, as they are written: so a long text that many ask
// different things about is the same for all of them, and a system prompt that
// everybody has does not drown what is asked. Nothing is decoded, and nothing
// allocated.
func (d *Document) PrefixHash(limit int) uint64 {
	h := uint64(0)
	for _, name := range prefaceNames {
		if m := d.lookup(name); m != nil {
			h = chain(h, m.value, limit)
		}
	}
	for _, name := range promptNames {
		m := d.lookup(name)
		if m == nil {
			continue
		}
		return prefixOf(h, m.value, limit)
	}
	return h
}

// prefixOf adds messages, or a prompt that is a text or a list of texts or
// tokens, which are one block.
func prefixOf(h uint64, v []byte, limit int) uint64 {
	if v[0] != '[' {
		return chain(h, v, limit)
	}
	for w := walkArray(v); w.next(); {
		message := w.value()
		if message[0] != '{' {
			return chain(h, v, limit)
		}
		h = chain(h, message, limit)
		if string(field(message, "role")) == `"user"` {
			break
		}
	}
	return h
}

// chain adds the beginning of a block to the hash of those before it.
func chain(h uint64, block []byte, limit int) uint64 {
	return max((h^xxhash.Sum64(block[:min(len(block), limit)]))*0x9e3779b97f4a7c15, 1)
}
