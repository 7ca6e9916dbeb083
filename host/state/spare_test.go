package state

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"testing"
)

// TestAFloodMakesNoGarbage: in a store that is full, a new value lies where the
// one that had to go was.
func TestAFloodMakesNoGarbage(t *testing.T) {
	m := newMemory(t, 4<<20)
	key, value := make([]byte, 8), make([]byte, 64<<10)
	flood := func(n int) {
		for range n {
			binary.NativeEndian.PutUint64(key, rand.Uint64())
			if err := m.Set("p", key, value, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	flood(100)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n = 1000
	flood(n)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > n*uint64(len(value))/10 {
		t.Errorf("%d values of %d bytes allocated %d", n, len(value), got)
	}
}

// TestSpareMemoryIsNobodysValue: values of many sizes come and go; what is
// stored stays what it was.
func TestSpareMemoryIsNobodysValue(t *testing.T) {
	m := newMemory(t, 256<<10)
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 20_000 {
		key := byte(r.IntN(200))
		value := bytes.Repeat([]byte{key}, r.IntN(6000))
		if err := m.Set("p", []byte{key}, value, 0); err != nil {
			t.Fatal(err)
		}
		other := byte(r.IntN(200))
		got, _, err := m.Get(nil, "p", []byte{other})
		if err != nil || bytes.Count(got, []byte{other}) != len(got) {
			t.Fatalf("%d: key %d has %.40q, %v", n, other, got, err)
		}
		if used := m.Bytes(); used > 256<<10 || m.spare.size > m.spare.max {
			t.Fatalf("%d bytes are used and %d spare", used, m.spare.size)
		}
	}
}

func TestSpare(t *testing.T) {
	s := spare{max: 10 << 10}
	s.keep(make([]byte, 5, 4<<10))
	s.keep(make([]byte, 0, 5<<10))
	s.keep(make([]byte, 0, spareLeast-1))
	s.keep(make([]byte, 0, 11<<10))
	if s.size != 9<<10 || s.take(3<<10, 4<<10-1) != nil || s.take(1, 1<<20) != nil || s.take(6<<10, 1<<20) != nil {
		t.Errorf("%d bytes", s.size)
	}
	s.keep(make([]byte, 0, 2<<10)) // in place of the first
	if b := s.take(2<<10, 4<<10); cap(b) != 2<<10 || s.size != 5<<10 {
		t.Errorf("%d of %d bytes", cap(b), s.size)
	}
	if b := s.take(2<<10, 5<<10); cap(b) != 5<<10 || len(b) != 0 || s.size != 0 || len(s.held) != 0 {
		t.Errorf("%d of %d bytes", cap(b), s.size)
	}
}
