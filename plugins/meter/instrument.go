package meter

import (
	"math"
	"math/bits"
)

// Inspect validates a module and says what it is. It keeps no reference to
// wasm. An error is an *Error. Time is linear in the file's size; memory
// allocated in all is at most 40 bytes for each byte of the file plus 1 MiB.
func Inspect(wasm []byte, lim Limits) (*Info, error) {
	m := newModule(wasm, lim, DefaultCosts())
	if err := m.parse(); err != nil {
		return nil, err
	}
	return m.info, nil
}

// Instrument validates a module and returns a new one that does the same and
// spends fuel for it; see the package comment for what changes. It neither
// changes nor keeps wasm, and the same input gives the same output. An error
// about the module is an *Error. Time is linear in the file's size; memory
// allocated in all is at most 64 bytes for each byte of the file plus 1 MiB, and
// the result is at most 24 times as large as the file plus 1 KiB; in practice a
// few percent larger.
func Instrument(wasm []byte, lim Limits, costs Costs) ([]byte, *Info, error) {
	if err := costs.check(); err != nil {
		return nil, nil, err
	}
	m := newModule(wasm, lim, costs)
	m.meter = &emitter{}
	if err := m.parse(); err != nil {
		return nil, nil, err
	}
	return m.assemble(), m.info, nil
}

// editKind says what an edit does at its place.
type editKind uint8

const (
	editNothing editKind = iota
	editCharge           // insert a charge of value
	editCarry            // insert the loop around a loop that carries its fuel
	editCarried          // insert the charge of value at the head of such a loop
	editLabel            // put value in place of a label, which has width bytes
	editEnd              // insert the end of a block
	editHelper           // and the two after it: insert a call of a helper
)

// The helpers, in the order in which they are appended to the functions.
const (
	helperBytes = iota
	helperPages
	helperEntries
	helperRefill // () -> (), the others are (i32) -> (i32)
	helpers
)

var helperNames = [helpers]string{"fuel.bytes", "fuel.pages", "fuel.entries", "fuel.refill"}

// edit is one change of a function body. Edits come in the order of at.
// It is kept small: a module can ask for one every two bytes.
type edit struct {
	value int64
	at    uint32 // offset in the file
	kind  editKind
	width uint8
}

// edit inserts a call of a helper before the instruction at the offset.
func (m *module) edit(at, helper int) {
	m.carryNothing()
	m.helperWork()
	m.helperWork() // the instruction itself is compiled to one more
	m.walk.edits = append(m.walk.edits, edit{at: uint32(at), kind: editHelper + editKind(helper)})
}

// emitter writes the code section as the bodies go by. Nothing depends on what
// comes behind the code: the index spaces are complete when it begins.
type emitter struct {
	full       [][]byte // bodies, each behind its size, in the pieces that are full
	code       []byte   // and the piece being filled
	scratch    []byte   // one body
	fuel       uint32   // index of the global
	reserve    uint32   // index of the global
	helper     uint32   // index of the first helper
	helperType uint32   // of all helpers but helperRefill, whose is the next
	local      uint32   // index of the local that is ours, in the body being written
}

// begin fixes the indices of what will be appended and makes room for the code.
func (e *emitter) begin(m *module, content span) {
	e.fuel = uint32(len(m.globals))
	e.reserve = e.fuel + 1
	e.helper = uint32(len(m.functions))
	e.helperType = uint32(len(m.types))
	size := content.end - content.start
	e.code = make([]byte, 0, size+size/8+1024)
}

// body appends the body that was read, with its edits done and a local more.
func (e *emitter) body(file []byte, body span, w *walker) {
	e.local = uint32(w.locals)
	out := appendU32(e.scratch[:0], uint32(w.groups+1))
	out = append(append(out, file[w.declared.start:w.declared.end]...), 1, typeI64)
	from := w.declared.end
	for _, d := range w.edits {
		if d.kind == editNothing {
			continue
		}
		out = append(out, file[from:d.at]...)
		from = int(d.at)
		switch d.kind {
		case editCharge:
			out = e.charge(e.fuelLess(out, d.value))
		case editCarry:
			out = e.carry(out, file[d.at+1], d.value)
		case editCarried:
			out = e.chargeCarried(out, d.value)
		case editLabel:
			out = appendU32(out, uint32(d.value))
			from += int(d.width)
		case editEnd:
			out = append(out, opEnd)
		default:
			out = appendU32(append(out, opCall), e.helper+uint32(d.kind-editHelper))
		}
	}
	out = append(out, file[from:body.end]...)
	e.add(out)
	e.scratch = out
}

// piece is how much room for code is made when what there was is full. To let
// it grow would cost several times the memory.
const piece = 256 << 10

// add appends a finished body.
func (e *emitter) add(body []byte) {
	if need := len(body) + maxU32; cap(e.code)-len(e.code) < need {
		e.full = append(e.full, e.code)
		e.code = make([]byte, 0, max(piece, need))
	}
	e.code = append(appendU32(e.code, uint32(len(body))), body...)
}

// fuelLess appends code that pushes the fuel less a constant.
func (e *emitter) fuelLess(b []byte, value int64) []byte {
	b = appendU32(append(b, opGlobalGet), e.fuel)
	b = appendS64(append(b, opI64Const), value)
	return append(b, opI64Sub)
}

// charge appends code that pops the new fuel, stores it, and calls for more if
// it is negative. The fuel is stored first: that is how the host knows why, if
// there is no more.
func (e *emitter) charge(b []byte) []byte {
	b = appendU32(append(b, opLocalTee), e.local)
	b = appendU32(append(b, opGlobalSet), e.fuel)
	b = appendU32(append(b, opLocalGet), e.local)
	b = append(b, opI64Const, 0, opI64LtS, opIf, typeEmpty, opCall)
	return append(appendU32(b, e.helper+helperRefill), opEnd)
}

// carry appends the beginning of a loop around a loop that charges value at its
// head: it takes the fuel into the local, and calls for more where the inner
// loop comes back because there is none, whose charge the inner loop repeats.
// The call stands outside the inner loop so that the compiler keeps what that
// works on in registers.
func (e *emitter) carry(b []byte, blockType byte, value int64) []byte {
	b = appendU32(append(b, opLoop, blockType, opGlobalGet), e.fuel)
	b = append(b, opI64Const, 0, opI64LtS, opIf, typeEmpty, opCall)
	b = appendU32(b, e.helper+helperRefill)
	b = appendU32(append(b, opGlobalGet), e.fuel)
	b = append(appendS64(append(b, opI64Const), value), opI64Add)
	b = append(appendU32(append(b, opGlobalSet), e.fuel), opEnd)
	b = appendU32(append(b, opGlobalGet), e.fuel)
	return appendU32(append(b, opLocalSet), e.local)
}

// chargeCarried appends a charge that takes the fuel from the local. The global
// follows, which no later round waits for.
func (e *emitter) chargeCarried(b []byte, value int64) []byte {
	b = appendU32(append(b, opLocalGet), e.local)
	b = append(appendS64(append(b, opI64Const), value), opI64Sub)
	b = appendU32(append(b, opLocalTee), e.local)
	b = appendU32(append(b, opGlobalSet), e.fuel)
	b = appendU32(append(b, opLocalGet), e.local)
	return append(b, opI64Const, 0, opI64LtS, opIf, typeEmpty, opBr, 2, opEnd)
}

// size is the number of bytes of all bodies.
func (e *emitter) size() int {
	n := len(e.code)
	for _, c := range e.full {
		n += len(c)
	}
	return n
}

// helperBody appends the function (n i32) -> (n i32) that charges for n, read as
// unsigned: n * times / per, without overflow for any n. An n over the limit
// costs nothing: it makes the instruction fail, which some try on purpose.
func (e *emitter) helperBody(times, per int64, limit uint32) {
	e.local = 1
	b := append(e.scratch[:0], 1, 1, typeI64)
	b = appendU32(append(b, opGlobalGet), e.fuel)
	b = append(b, opLocalGet, 0)
	if limit < math.MaxUint32 {
		b = append(b, opI32Const, 0, opLocalGet, 0)
		b = append(appendS64(append(b, opI32Const), int64(int32(limit))), opI32LeU, opSelect)
	}
	b = append(b, opI64ExtendI32)
	if times != 1 {
		b = append(appendS64(append(b, opI64Const), times), opI64Mul)
	}
	if per != 1 {
		op := byte(opI64DivU)
		if per&(per-1) == 0 {
			op, per = opI64ShrU, int64(bits.TrailingZeros64(uint64(per)))
		}
		b = append(appendS64(append(b, opI64Const), per), op)
	}
	b = e.charge(append(b, opI64Sub))
	b = append(b, opLocalGet, 0, opEnd)
	e.add(b)
}

// refillBody appends the function () -> () that fills the negative fuel up to a
// slice from the reserve, and traps if that does not even bring it to zero. On
// the way it grows the memory by nothing, or by what no host gives: wazero
// leaves compiled code for that, and only there can Go stop a goroutine.
func (e *emitter) refillBody(costs Costs, hasMemory bool) {
	const take = 0
	get := func(b []byte, global uint32) []byte { return appendU32(append(b, opGlobalGet), global) }
	b := append(e.scratch[:0], 1, 1, typeI64)
	b = append(get(get(b, e.reserve), e.fuel), opI64Add, opI64Const, 0, opI64LtS)
	b = append(b, opIf, typeEmpty, opUnreachable, opEnd)

	b = append(get(appendS64(append(b, opI64Const), costs.Slice), e.fuel), opI64Sub, opLocalTee, take)
	b = append(get(append(get(b, e.reserve), opLocalGet, take), e.reserve), opI64LtS, opSelect, opLocalSet, take)

	b = append(get(b, e.fuel), opLocalGet, take, opI64Add)
	b = appendU32(append(b, opGlobalSet), e.fuel)
	b = append(get(b, e.reserve), opLocalGet, take, opI64Sub)
	b = appendU32(append(b, opGlobalSet), e.reserve)
	switch {
	case !hasMemory:
	case costs.HostMemory:
		b = appendS64(append(b, opI32Const), MaxPages)
		b = append(b, opMemorySize, 0, opI32Sub, opMemoryGrow, 0, opDrop)
	default:
		b = append(b, opI32Const, 0, opMemoryGrow, 0, opDrop)
	}
	b = append(b, opEnd)
	e.add(b)
}
