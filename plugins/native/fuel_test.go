package native

import "testing"

// slice is small, so that the tests cross many.
const slice = 1000

// TestBurn: whatever is burned, what is left is what it should be, and never
// more than a slice of it is in use.
func TestBurn(t *testing.T) {
	g := newGuest(t)
	fuel := g.call.Fuel()
	for _, test := range []struct{ fill, burn int64 }{
		{0, 0},
		{0, 1},
		{10, 10},
		{10, 11},
		{slice, slice},
		{slice + 1, slice},
		{slice + 1, slice + 2},
		{5 * slice, 1},
		{5 * slice, slice + 1},
		{5 * slice, 3*slice + 7},
		{5 * slice, 5 * slice},
		{5 * slice, 5*slice + 1},
		{1 << 40, 1 << 39},
	} {
		fuel.Fill(test.fill)
		if got := fuel.Left(); got != test.fill {
			t.Errorf("filled with %d, left %d", test.fill, got)
		}
		ok, want := fuel.burn(test.burn), test.fill-test.burn
		if got := fuel.Left(); got != want || ok != (want >= 0) {
			t.Errorf("%d of %d burned: %t, left %d", test.burn, test.fill, ok, got)
		}
		if used := int64(fuel.used.Get()); used > slice || (want >= 0) != (used >= 0) {
			t.Errorf("%d of %d burned: %d in use", test.burn, test.fill, used)
		}
	}
}
