//go:build linux

package loop

import (
	"sync"
	"sync/atomic"
)

// table finds the connection of an fd. What epoll reports may be about a
// connection that has been closed since: serials tell.
type table struct {
	chunks [tableChunks]atomic.Pointer[tableChunk]
	mu     sync.Mutex // chunks are made under it
	serial atomic.Uint32
}

// A table has room for a million fds.
const (
	tableChunks  = 1 << 10
	tableChunkOf = 1 << 10
)

type tableChunk [tableChunkOf]atomic.Pointer[Conn]

func (t *table) add(c *Conn) {
	c.serial = t.serial.Add(1)
	at := &t.chunks[c.fd/tableChunkOf]
	if at.Load() == nil {
		t.mu.Lock()
		if at.Load() == nil {
			at.Store(new(tableChunk))
		}
		t.mu.Unlock()
	}
	at.Load()[c.fd%tableChunkOf].Store(c)
}

func (t *table) remove(c *Conn) {
	if chunk := t.chunks[c.fd/tableChunkOf].Load(); chunk != nil {
		chunk[c.fd%tableChunkOf].CompareAndSwap(c, nil)
	}
}

// find returns the connection that an event is about, or nil.
func (t *table) find(fd int32, serial uint32) *Conn {
	chunk := t.chunks[fd/tableChunkOf].Load()
	if chunk == nil {
		return nil
	}
	c := chunk[fd%tableChunkOf].Load()
	if c == nil || c.serial != serial {
		return nil
	}
	return c
}

func (t *table) each(f func(*Conn)) {
	for i := range t.chunks {
		chunk := t.chunks[i].Load()
		if chunk == nil {
			continue
		}
		for j := range chunk {
			if c := chunk[j].Load(); c != nil {
				f(c)
			}
		}
	}
}
