package native

import "github.com/tetratelabs/wazero/api"

// Fuel is the fuel of one instance, as package meter keeps it in two globals:
// the slice in use, and the reserve that the guest draws the next slices from.
// Between two slices the guest passes through Go, where its goroutine can be
// stopped. The zero Fuel is empty and cannot be filled.
type Fuel struct {
	used, reserve api.MutableGlobal
	slice         int64
	visit         func()
	rest          int64 // the reserve, as it was filled
	drawn         bool  // it may be less by now
}

// NewFuel returns the fuel that lies in two globals of an instance, given out
// in slices of so many units. visit is called where a host function uses up a
// slice, or many of them at once, before it does the work.
func NewFuel(used, reserve api.MutableGlobal, slice int64, visit func()) Fuel {
	return Fuel{used: used, reserve: reserve, slice: slice, visit: visit}
}

// Fill replaces what is left by so many units.
func (f *Fuel) Fill(units int64) {
	first := min(units, f.slice)
	f.used.Set(uint64(first))
	if rest := units - first; rest != f.rest || f.drawn {
		f.rest, f.drawn = rest, false
		f.reserve.Set(uint64(rest))
	}
}

// Drawn must be called where the guest visits the host between two slices: before
// that, which most calls do not reach, nobody has to look at the reserve.
func (f *Fuel) Drawn() { f.drawn = true }

// Left returns what is left in all: negative when the guest is out of fuel,
// and then only.
func (f *Fuel) Left() int64 {
	left := int64(f.used.Get())
	if f.drawn {
		return left + int64(f.reserve.Get())
	}
	return left + f.rest
}

// burn takes units on behalf of the guest and reports whether there were so
// many. When there were not, the guest is out of fuel.
func (f *Fuel) burn(units int64) bool {
	left := int64(f.used.Get()) - units
	if left < 0 {
		left += int64(f.reserve.Get())
		f.drawn = true
		f.reserve.Set(uint64(max(left-f.slice, 0)))
		left = min(left, f.slice)
		f.visit()
	}
	f.used.Set(uint64(left))
	return left >= 0
}
