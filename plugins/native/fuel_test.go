package native

import (
	"testing"

	"github.com/tetratelabs/wazero/api"
)

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
		if used := *fuel.used; used > slice || (want >= 0) != (used >= 0) {
			t.Errorf("%d of %d burned: %d in use", test.burn, test.fill, used)
		}
	}
}

// TestFuelIsTheGlobals: what is filled and burned is what the guest's globals
// say, and what the guest's globals are set to is what is left.
func TestFuelIsTheGlobals(t *testing.T) {
	g := newGuest(t)
	fuel := g.call.Fuel()
	used, reserve := g.mod.ExportedGlobal("fuel").(api.MutableGlobal), g.mod.ExportedGlobal("reserve").(api.MutableGlobal)
	check := func(wantUsed, wantReserve int64) {
		t.Helper()
		if u, r := int64(used.Get()), int64(reserve.Get()); u != wantUsed || r != wantReserve {
			t.Errorf("the globals are %d and %d, want %d and %d", u, r, wantUsed, wantReserve)
		}
	}
	fuel.Fill(3 * slice)
	check(slice, 2*slice)
	fuel.burn(10)
	check(slice-10, 2*slice)
	fuel.burn(slice)
	check(slice, slice-10)
	used.Set(7)
	reserve.Set(5)
	if left := fuel.Left(); left != 12 {
		t.Errorf("left %d, want 12", left)
	}
	if _, err := NewFuel(elsewhere{used}, reserve, slice, nil); err == nil {
		t.Error("a global that is not where it was is taken")
	}
}

// elsewhere is a global of a wazero that keeps it in another place.
type elsewhere struct{ api.MutableGlobal }
