package meter

import "math/bits"

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
// the result is at most 16 times as large as the file plus 1 KiB; in practice a
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
	editCharge editKind = iota // insert a charge of value
	editHelper                 // and the two after it: insert a call of a helper
)

// The helpers, in the order in which they are appended to the functions.
const (
	helperBytes = iota
	helperPages
	helperEntries
	helpers
)

var helperNames = [helpers]string{"fuel.bytes", "fuel.pages", "fuel.entries"}

// edit is one change of a function body. Edits come in the order of at.
type edit struct {
	at    int // offset in the file
	value int64
	kind  editKind
}

// edit inserts a call of a helper before the instruction at the offset.
func (m *module) edit(at, helper int) {
	m.walk.edits = append(m.walk.edits, edit{at: at, kind: editHelper + editKind(helper)})
}

// emitter writes the code section as the bodies go by. Nothing depends on what
// comes behind the code: the index spaces are complete when it begins.
type emitter struct {
	code       []byte // bodies, each behind its size
	scratch    []byte // one body
	fuel       uint32 // index of the global
	helper     uint32 // index of the first helper
	helperType uint32
}

// begin fixes the indices of what will be appended and makes room for the code.
func (e *emitter) begin(m *module, content span) {
	e.fuel = uint32(len(m.globals))
	e.helper = uint32(len(m.functions))
	e.helperType = uint32(len(m.types))
	size := content.end - content.start
	e.code = make([]byte, 0, size+size/16)
}

// body appends a function body with its edits done.
func (e *emitter) body(file []byte, body span, edits []edit) {
	out := e.scratch[:0]
	from := body.start
	for _, d := range edits {
		out = append(out, file[from:d.at]...)
		from = d.at
		if d.kind == editCharge {
			out = e.charge(appendFuelLess(out, e.fuel, d.value))
		} else {
			out = appendU32(append(out, opCall), e.helper+uint32(d.kind-editHelper))
		}
	}
	out = append(out, file[from:body.end]...)
	e.code = append(appendU32(e.code, uint32(len(out))), out...)
	e.scratch = out
}

// appendFuelLess appends code that pushes the fuel less a constant.
func appendFuelLess(b []byte, fuel uint32, value int64) []byte {
	b = appendU32(append(b, opGlobalGet), fuel)
	b = appendS64(append(b, opI64Const), value)
	return append(b, opI64Sub)
}

// charge appends code that pops the new fuel, stores it, and traps if it is
// negative. The fuel is stored first: that is how the host knows why.
func (e *emitter) charge(b []byte) []byte {
	b = appendU32(append(b, opGlobalSet), e.fuel)
	b = appendU32(append(b, opGlobalGet), e.fuel)
	return append(b, opI64Const, 0, opI64LtS, opIf, typeEmpty, opUnreachable, opEnd)
}

// helperBody appends the function (n i32) -> (n i32) that charges for n, read as
// unsigned: n * times / per, without overflow for any n.
func (e *emitter) helperBody(times, per int64) {
	b := append(e.scratch[:0], 0) // no locals
	b = appendU32(append(b, opGlobalGet), e.fuel)
	b = append(b, opLocalGet, 0, opI64ExtendI32)
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
	e.code = append(appendU32(e.code, uint32(len(b))), b...)
}
