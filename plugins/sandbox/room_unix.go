//go:build unix

package sandbox

import "syscall"

// room is a stretch of address space of which a part, from its start, is memory.
// The zero room is empty.
type room struct{ all []byte }

// grow makes size bytes of at most limit usable and returns them. New ones are
// zero. The result is nil if the system refuses.
func (r *room) grow(size, limit uint64) []byte {
	if r.all == nil {
		all, err := syscall.Mmap(-1, 0, int(max(limit, pageSize)), syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
		if err != nil {
			return nil
		}
		r.all = all
		if limit > smallRoom {
			preferHuge(all[smallRoom:])
		}
	}
	if size > 0 {
		if err := syscall.Mprotect(r.all[:size], syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
			return nil
		}
	}
	return r.all[:size:size]
}

// free gives everything back. What grow returned must not be touched after it.
func (r *room) free() {
	if r.all != nil {
		_ = syscall.Munmap(r.all) // of a mapping of ours: it cannot fail
		r.all = nil
	}
}
