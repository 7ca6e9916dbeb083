package native

import (
	"bytes"
	"encoding/binary"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Host work that grows with a length is paid in fuel, as the guest's own bulk
// instructions are: without that, a thousand host calls over 32 MiB each would
// be nearly free. A byte costs a unit, for what is long is in no cache. Short
// lengths are paid with the call instruction.
const (
	freeBytes     = 512
	walkedPerFuel = 8 // bytes of JSON that are skipped
	fuelPerByte   = 4 // that is written into a document: checked, kept, rendered, sent
)

// charge pays for n bytes that are copied and stops the guest that cannot.
func (c *Call) charge(n uint32) {
	if n > freeBytes {
		c.burn(int64(n))
	}
}

// scrutinize pays for n bytes that are looked at one by one, beside what was
// paid for them as a whole.
func (c *Call) scrutinize(n int) {
	if n > freeBytes {
		c.burn(int64(n))
	}
}

// payEdit pays for an edit at path of doc that writes n bytes of JSON. Below the
// top level the rest of the member is copied with it.
func (c *Call) payEdit(doc plugins.Document, path []byte, n int) {
	fuel := n * fuelPerByte
	if below(path) {
		fuel += doc.Size()
	}
	if fuel > freeBytes*fuelPerByte {
		c.burn(int64(fuel))
		c.wrote(n)
	}
}

// wrote notes n bytes that the router will send on behalf of the guest.
func (c *Call) wrote(n int) { c.written, c.untidy = c.written+int64(n), true }

// below reports whether path leads below a member at the top level, or is no
// path at all.
func below(path []byte) bool { return len(path) == 0 || bytes.IndexByte(path[1:], '/') >= 0 }

// find pays for finding path in doc. At the top level that costs the same in
// any document.
func (c *Call) find(doc plugins.Document, path []byte) {
	if below(path) {
		c.walk(doc)
	}
}

// walk pays for going through doc.
func (c *Call) walk(doc plugins.Document) {
	if n := doc.Size(); n > freeBytes {
		c.burn(int64(n / walkedPerFuel))
	}
}

// burn takes fuel. Fuel below zero is how the sandbox knows what happened.
func (c *Call) burn(fuel int64) {
	if !c.fuel.burn(fuel) {
		c.stop(plugins.FailureFuel, "out of fuel in %s", c.inside.name)
	}
}

// view returns the guest's bytes at ptr, length n, which stay valid until the
// host function returns. A guest that hands over memory that it does not have
// is broken in the way that traps everywhere else in WebAssembly: it is stopped.
func (c *Call) view(ptr, n uint64) []byte {
	if uint32(n) == 0 {
		return nil
	}
	b, ok := c.mem.Read(uint32(ptr), uint32(n))
	if !ok {
		c.stop(plugins.FailureTrap, "%s was handed memory that the plugin does not have: pointer %d, length %d",
			c.inside.name, uint32(ptr), uint32(n))
	}
	c.charge(uint32(n))
	return b
}

// give writes v into the guest's buffer at ptr if it fits capacity, and
// answers its length either way.
func (c *Call) give(s []uint64, v []byte, ptr, capacity uint64) {
	if int64(len(v)) > maxLength {
		s[0] = result(abi.TooLarge)
		return
	}
	room := uint32(capacity)
	if room != 0 {
		buf, ok := c.mem.Read(uint32(ptr), room)
		if !ok {
			c.stop(plugins.FailureTrap, "%s was handed a buffer that the plugin does not have: pointer %d, capacity %d",
				c.inside.name, uint32(ptr), room)
		}
		if len(v) <= len(buf) {
			c.charge(uint32(len(v)))
			copy(buf, v)
		}
	}
	s[0] = uint64(len(v))
}

// maxLength is the longest value that an i32 result can announce.
const maxLength = 1<<31 - 1

// result is an i32 on wazero's stack.
func result(code int32) uint64 { return uint64(uint32(code)) }

// word, long and their set forms are little-endian fields of a view.
func word(b []byte) uint32        { return binary.LittleEndian.Uint32(b) }
func long(b []byte) uint64        { return binary.LittleEndian.Uint64(b) }
func setWord(b []byte, v uint32)  { binary.LittleEndian.PutUint32(b, v) }
func setLong(b []byte, v uint64)  { binary.LittleEndian.PutUint64(b, v) }
func setShort(b []byte, v uint16) { binary.LittleEndian.PutUint16(b, v) }
