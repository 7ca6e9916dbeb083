package sdk

import "unsafe"

// arena is where the router writes what it answers. Answers stand one behind
// the other until the hook returns; then all of it is free again. When it is
// full a larger one takes its place, and the strings in the old one keep that
// alive as long as they are used.
var arena = make([]byte, 0, arenaStart)

const (
	arenaStart = 4 << 10
	arenaKeep  = 1 << 20 // a larger one is given back after the hook
)

// last is the code that the latest call of the router ended with.
var last int32

// take reads one value into the arena. read is given the room there is, and
// returns the value's length, or a code below zero.
func take(read func(room []byte) int32) (string, bool) {
	room := arena[len(arena):cap(arena)]
	n := read(room)
	if int(n) > len(room) {
		arena = make([]byte, 0, max(2*cap(arena), 2*int(n)))
		room = arena[:cap(arena)]
		n = read(room)
	}
	if n < 0 || int(n) > len(room) {
		last = min(n, 0)
		return "", false
	}
	last = 0
	arena = arena[:len(arena)+int(n)]
	return unsafe.String(unsafe.SliceData(room), int(n)), true
}

// releaseArena ends the life of the hook's strings.
func releaseArena() {
	spoil(arena)
	if cap(arena) > arenaKeep {
		arena = make([]byte, 0, arenaStart)
	}
	arena = arena[:0]
}
