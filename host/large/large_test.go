package large

import "testing"

func TestTake(t *testing.T) {
	for n, room := range map[int]int{0: 1, 1: 1, 2: 2, 3: 4, 64 << 10: 64 << 10, 64<<10 + 1: 128 << 10} {
		b := Take(n)
		if len(b) != 0 || cap(b) != room {
			t.Errorf("Take(%d): length %d, capacity %d, want %d", n, len(b), cap(b), room)
		}
		Give(append(b, make([]byte, n)...))
		if b := Take(n); len(b) != 0 || cap(b) != room {
			t.Errorf("Take(%d) of one given: length %d, capacity %d", n, len(b), cap(b))
		}
	}
}

// A buffer of another capacity would be too small for some of its class.
func TestGiveOdd(t *testing.T) {
	Give(make([]byte, 0, 3))
	Give(nil)
	if b := Take(4); cap(b) != 4 {
		t.Errorf("capacity %d", cap(b))
	}
}
