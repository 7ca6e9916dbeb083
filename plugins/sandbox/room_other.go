//go:build !unix

package sandbox

// room is memory that grows. The zero room is empty.
type room struct{ all []byte }

// grow returns size bytes, those that were there before among them. New ones are
// zero.
func (r *room) grow(size, _ uint64) []byte {
	r.all = append(r.all, make([]byte, size-uint64(len(r.all)))...)
	return r.all
}

// free lets go of everything.
func (r *room) free() { r.all = nil }
