package meter

// Opcodes that the code here names.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opLoadFirst    = 0x28
	opStoreLast    = 0x3e
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opNumericFirst = 0x45
	opI32LeU       = 0x4d
	opI64LtS       = 0x53
	opI32Sub       = 0x6b
	opI64Add       = 0x7c
	opI64Sub       = 0x7d
	opI64Mul       = 0x7e
	opI64DivU      = 0x80
	opI64ShrU      = 0x88
	opI64ExtendI32 = 0xad // unsigned
	opNumericLast  = 0xc4
	opRefNull      = 0xd0
	opRefFunc      = 0xd2
	opPrefixMisc   = 0xfc
	opPrefixVector = 0xfd

	miscSatLast    = 7
	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableFill  = 17

	vecConst   = 0x0c
	vecShuffle = 0x0d
	vecLast    = 0xff
)

// Value types and the other one-byte codes of the binary format.
const (
	typeI32     = 0x7f
	typeI64     = 0x7e
	typeF32     = 0x7d
	typeF64     = 0x7c
	typeV128    = 0x7b
	typeFuncref = 0x70
	typeExtern  = 0x6f
	typeFunc    = 0x60
	typeEmpty   = 0x40
)

// memoryAlign is log2 of the widest alignment of each plain load and store,
// opLoadFirst to opStoreLast.
var memoryAlign = [opStoreLast - opLoadFirst + 1]byte{
	2, 3, 2, 3, // i32, i64, f32, f64 load
	0, 0, 1, 1, // i32.load8, load16
	0, 0, 1, 1, 2, 2, // i64.load8, load16, load32
	2, 3, 2, 3, // i32, i64, f32, f64 store
	0, 1, // i32.store8, store16
	0, 1, 2, // i64.store8, store16, store32
}

// slow marks the numeric instructions that take a processor, or the code that a
// compiler writes for them, several times longer than an addition: divisions,
// remainders, square roots, roundings and conversions with their range checks.
var slow = func() (t [256]bool) {
	for _, span := range [][2]int{
		{0x6d, 0x70}, {0x7f, 0x82}, // integer div and rem
		{0x8d, 0x91}, {0x9b, 0x9f}, // ceil, floor, trunc, nearest, sqrt
		{0x95, 0x98}, {0xa3, 0xa6}, // float div, min, max, copysign
		{0xa8, 0xab}, {0xae, 0xba}, // truncations and conversions
	} {
		for op := span[0]; op <= span[1]; op++ {
			t[op] = true
		}
	}
	return t
}()

// traps marks the numeric instructions that can trap: integer divisions and
// remainders, and truncations.
var traps = func() (t [256]bool) {
	for _, span := range [][2]int{{0x6d, 0x70}, {0x7f, 0x82}, {0xa8, 0xab}, {0xae, 0xb1}} {
		for op := span[0]; op <= span[1]; op++ {
			t[op] = true
		}
	}
	return t
}()

// vectorSlow is slow for vector instructions: what no one machine instruction does.
var vectorSlow = func() (t [256]bool) {
	for _, span := range [][2]int{
		{0x0d, 0x0e},
		{0x5e, 0x5f},
		{0x61, 0x62},
		{0x67, 0x6d},
		{0x74, 0x75},
		{0x7a, 0x7a},
		{0x7c, 0x7f},
		{0x82, 0x82},
		{0x94, 0x94},
		{0x9c, 0x9f},
		{0xba, 0xbf},
		{0xc0, 0xc0},
		{0xcb, 0xcd},
		{0xd5, 0xd5},
		{0xdc, 0xdf},
		{0xe3, 0xe3},
		{0xe7, 0xe9},
		{0xef, 0xef},
		{0xf3, 0xf5},
		{0xf8, 0xff},
	} {
		for op := span[0]; op <= span[1]; op++ {
			t[op] = true
		}
	}
	return t
}()

// vectorShape describes a vector instruction's immediates.
type vectorShape struct {
	valid  bool
	memory bool // a memarg
	align  byte // log2 of its widest alignment
	lanes  byte // a lane index below this follows; 0 for none
}

// vectors holds the shape of each vector instruction of WebAssembly 2.0.
var vectors = func() (t [vecLast + 1]vectorShape) {
	for op := range t {
		t[op].valid = true
	}
	for _, hole := range []int{
		0x9a, 0xa2, 0xa5, 0xa6, 0xaf, 0xb0, 0xb2, 0xb3, 0xb4, 0xbb,
		0xc2, 0xc5, 0xc6, 0xcf, 0xd0, 0xd2, 0xd3, 0xd4, 0xe2, 0xee,
	} {
		t[hole].valid = false
	}
	// v128.load, the widening loads, the splats, v128.store, and the zeroing loads.
	for op, align := range map[int]byte{
		0x00: 4, 0x01: 3, 0x02: 3, 0x03: 3, 0x04: 3, 0x05: 3, 0x06: 3,
		0x07: 0, 0x08: 1, 0x09: 2, 0x0a: 3, 0x0b: 4, 0x5c: 2, 0x5d: 3,
	} {
		t[op].memory, t[op].align = true, align
	}
	// Lane loads 0x54 to 0x57 and stores 0x58 to 0x5b, 8 to 64 bits wide.
	for op := 0x54; op <= 0x5b; op++ {
		width := byte(op) & 3
		t[op] = vectorShape{valid: true, memory: true, align: width, lanes: 16 >> width}
	}
	// extract_lane and replace_lane.
	for op := 0x15; op <= 0x22; op++ {
		lanes := byte(2)
		switch {
		case op <= 0x17:
			lanes = 16
		case op <= 0x1a:
			lanes = 8
		case op <= 0x1c, op >= 0x1f && op <= 0x20:
			lanes = 4
		}
		t[op].lanes = lanes
	}
	return t
}()
