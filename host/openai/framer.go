package openai

import (
	"fmt"

	"github.com/infinirouter/infinirouter/plugins"
)

// Framer cuts a stream into events as its bytes arrive. However they are
// chunked, no byte is searched twice. The zero value is ready.
//
//	err := f.Write(chunk)
//	for event := f.Next(); event != nil; event = f.Next() {
type Framer struct {
	// Max bounds an event that is not complete, in bytes; 0 is no limit.
	Max int

	buf   []byte
	start int // of what Next has not returned
	found progress
}

// Write takes over a copy of chunk. It wraps plugins.ErrTooLarge when events
// that Next was not asked for, or one that does not end, go over Max.
func (f *Framer) Write(chunk []byte) error {
	if f.start > 0 {
		f.buf = f.buf[:copy(f.buf, f.buf[f.start:])]
		f.start = 0
	}
	f.buf = append(f.buf, chunk...)
	if f.Max > 0 && len(f.buf) > f.Max && EventEnd(f.buf) == 0 {
		return fmt.Errorf("event of more than %d bytes: %w", f.Max, plugins.ErrTooLarge)
	}
	return nil
}

// Next returns the next complete event, nil if there is none yet. It holds
// until the next Write.
func (f *Framer) Next() []byte {
	rest := f.buf[f.start:]
	end := f.found.eventEnd(rest)
	if end == 0 {
		return nil
	}
	f.start += end
	return rest[:end:end]
}

// Rest returns what came after the last complete event. It holds until the
// next Write.
func (f *Framer) Rest() []byte { return f.buf[f.start:] }

// Reset empties the framer. Its buffer stays, unless it is large.
func (f *Framer) Reset() {
	if cap(f.buf) > keep {
		f.buf = nil
	}
	f.buf, f.start, f.found = f.buf[:0], 0, progress{}
}
