package sdk

import (
	"unsafe"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// The arena is where the router writes what it answers. Answers stand one
// behind the other until the hook returns; then all of it is free again. When
// it is full a larger one takes its place, and the strings in the old one keep
// that alive as long as they are used.
//
// It is a pointer and two numbers and not a slice, and every getter spells out
// the same five lines, because this is what a policy spends its time on: the
// compiler puts room, left and keep into their callers.
var (
	base unsafe.Pointer // first byte
	used int32
	size int32
)

const (
	arenaStart = 4 << 10
	arenaKeep  = 1 << 20 // a larger one is given back after the hook
)

func init() { newArena(arenaStart) }

func newArena(n int32) {
	base, used, size = unsafe.Pointer(unsafe.SliceData(make([]byte, n))), 0, n
}

// room is where the next answer goes, left how long it may be. The last byte
// is never given away: a pointer behind it would be one into something else.
func room() unsafe.Pointer { return unsafe.Add(base, used) }
func left() int32          { return size - used - 1 }

// grow makes room for an answer of n bytes.
func grow(n int32) { newArena(max(2*size, 2*n)) }

// keep turns what the router answered into a string, or notes its code.
func keep(n int32) (string, bool) {
	if uint32(n) > uint32(left()) {
		last = min(n, abi.Absent) // longer than it said it was: as good as not there
		return "", false
	}
	s := unsafe.String((*byte)(unsafe.Add(base, used)), n)
	last, used = 0, used+n
	return s, true
}

// releaseArena ends the life of the hook's strings.
func releaseArena() {
	spoil(base, used)
	used = 0
	if size > arenaKeep {
		newArena(arenaStart)
	}
}
