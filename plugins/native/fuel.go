package native

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"unsafe"

	"github.com/tetratelabs/wazero/api"
)

// Fuel is the fuel of one instance, as package meter keeps it in two globals:
// the slice in use, and the reserve that the guest draws the next slices from.
// Between two slices the guest passes through Go, where its goroutine can be
// stopped. The zero Fuel must not be used.
type Fuel struct {
	used, reserve *int64 // the globals
	rest          int64  // the reserve, as it was filled
	drawn         bool   // it may be less by now
	slice         int64
	visit         func()
}

// NewFuel returns the fuel that lies in two globals of an instance, given out
// in slices of so many units. visit is called where a host function uses up a
// slice, or many of them at once, before it does the work. It holds as long as
// the instance. An error is for a wazero that keeps globals elsewhere.
func NewFuel(used, reserve api.MutableGlobal, slice int64, visit func()) (Fuel, error) {
	f := Fuel{slice: slice, visit: visit}
	var err, err2 error
	f.used, err = cell(used)
	f.reserve, err2 = cell(reserve)
	f.drawn = true // what it is filled with is not known yet
	return f, errors.Join(err, err2)
}

var errElsewhere = errors.New("wazero keeps globals where the router cannot find them")

// cell returns where a global lies. wazero's own way there leads through five
// objects, each of them a miss of the processor's caches where requests are few,
// and every call goes it three times. All globals of an instance lie in one
// field of wazero's; which place is the one is found by trying, so nothing else
// has to be known of it.
func cell(g api.MutableGlobal) (*int64, error) {
	globals := opaque(g)
	const first, second = 0x7d3a_91c5_e46b_2f08, 0x2b96_f01d_85ea_c374
	before := g.Get()
	defer g.Set(before)
	g.Set(first)
	at := bytes.Index(globals, binary.NativeEndian.AppendUint64(nil, first))
	if at < 0 {
		return nil, errElsewhere
	}
	p := (*int64)(unsafe.Pointer(&globals[at]))
	g.Set(second)
	if *p != second {
		return nil, errElsewhere
	}
	if *p = first; g.Get() != first {
		return nil, errElsewhere
	}
	return p, nil
}

// opaque returns the memory that compiled code finds the globals of g's instance
// in, nil if it is not where it was. It does not move.
func opaque(g api.MutableGlobal) []byte {
	v := reflect.ValueOf(g)
	for _, name := range [...]string{"g", "Me", "opaque"} {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return nil
		}
		v = v.FieldByName(name)
	}
	if v.Kind() != reflect.Slice || v.Type().Elem().Kind() != reflect.Uint8 {
		return nil
	}
	return v.Bytes()
}

// Fill replaces what is left by so many units.
func (f *Fuel) Fill(units int64) {
	first := min(units, f.slice)
	*f.used = first
	if rest := units - first; rest != f.rest || f.drawn {
		f.rest, f.drawn = rest, false
		*f.reserve = rest
	}
}

// Drawn must be called where the guest visits the host between two slices: before
// that, which most calls do not reach, nobody has to look at the reserve.
func (f *Fuel) Drawn() { f.drawn = true }

// Left returns what is left in all: negative when the guest is out of fuel,
// and then only.
func (f *Fuel) Left() int64 {
	if f.drawn {
		return *f.used + *f.reserve
	}
	return *f.used + f.rest
}

// burn takes units on behalf of the guest and reports whether there were so
// many. When there were not, the guest is out of fuel.
func (f *Fuel) burn(units int64) bool {
	left := *f.used - units
	if left < 0 {
		left += *f.reserve
		f.drawn = true
		*f.reserve = max(left-f.slice, 0)
		left = min(left, f.slice)
		f.visit()
	}
	*f.used = left
	return left >= 0
}
