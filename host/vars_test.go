package host

import (
	"bytes"
	"fmt"
	"testing"
)

// TestVarsThatChangeAllTheTime: a stream's policies may set a var at each of a
// million events.
func TestVarsThatChangeAllTheTime(t *testing.T) {
	var v vars
	value := make([]byte, 4<<10)
	v.set([]byte("kept"), []byte("1"))
	for n := range 10_000 {
		copy(value, fmt.Sprint(n))
		m := v.mark()
		v.set([]byte("changing"), value[:len(value)-n%7])
		if n%3 == 0 {
			v.rollback(m)
			copy(value, fmt.Sprint(n-1))
			value = value[:cap(value)]
			v.set([]byte("changing"), value[:len(value)-n%7])
		}
		if got, _ := v.get([]byte("changing")); !bytes.Equal(got, value[:len(value)-n%7]) {
			t.Fatalf("%d: %.20q", n, got)
		}
		if got, _ := v.get([]byte("kept")); string(got) != "1" {
			t.Fatalf("%d: %.20q", n, got)
		}
	}
	if held := cap(v.arena) + cap(v.spare); held > 4*(maxIdleVars+2*len(value)) {
		t.Errorf("%d bytes are held for one value of %d", held, len(value))
	}
	if v.reset(); cap(v.arena)+cap(v.spare) > 2*maxIdleVars {
		t.Errorf("%d bytes are held for no value", cap(v.arena)+cap(v.spare))
	}
}
