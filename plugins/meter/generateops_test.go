package meter

// operation is an instruction that takes and leaves values.
type operation struct {
	code     []byte
	in       string
	align    byte // of a load or store, log2
	lanes    int  // it names one of so many
	shuffles bool
}

// operations are the numeric instructions by what they leave, and
// scalarOperations those without vectors. Every one of WebAssembly 2.0 is there.
var operations, scalarOperations = func() (all, scalar map[byte][]operation) {
	scalar = map[byte][]operation{}
	for _, r := range scalarRanges {
		for op := r.first; op <= r.last; op++ {
			out := r.out[0]
			scalar[out] = append(scalar[out], operation{code: code(op), in: r.in})
		}
	}
	for i, r := range []struct {
		out byte
		in  string
	}{{typeI32, tF32}, {typeI32, tF64}, {typeI64, tF32}, {typeI64, tF64}} {
		for op := 2 * i; op < 2*i+2; op++ {
			scalar[r.out] = append(scalar[r.out], operation{code: code(opPrefixMisc, op), in: r.in})
		}
	}
	all = map[byte][]operation{}
	for t, list := range scalar {
		all[t] = append(all[t], list...)
	}
	for _, r := range vectorRanges {
		for op := r.first; op <= r.last; op++ {
			out := r.out[0]
			all[out] = append(all[out], operation{code: code(opPrefixVector, u(op)), in: r.in, lanes: r.lanes, shuffles: op == vecShuffle})
		}
	}
	return all, scalar
}()

// opRange is instructions of one type that stand side by side.
type opRange struct {
	first, last int
	out, in     string
	lanes       int
}

var scalarRanges = []opRange{
	{0x45, 0x45, tI32, tI32, 0},
	{0x46, 0x4f, tI32, tI32 + tI32, 0},
	{0x50, 0x50, tI32, tI64, 0},
	{0x51, 0x5a, tI32, tI64 + tI64, 0},
	{0x5b, 0x60, tI32, tF32 + tF32, 0},
	{0x61, 0x66, tI32, tF64 + tF64, 0},
	{0x67, 0x69, tI32, tI32, 0},
	{0x6a, 0x78, tI32, tI32 + tI32, 0},
	{0x79, 0x7b, tI64, tI64, 0},
	{0x7c, 0x8a, tI64, tI64 + tI64, 0},
	{0x8b, 0x91, tF32, tF32, 0},
	{0x92, 0x98, tF32, tF32 + tF32, 0},
	{0x99, 0x9f, tF64, tF64, 0},
	{0xa0, 0xa6, tF64, tF64 + tF64, 0},
	{0xa7, 0xa7, tI32, tI64, 0},
	{0xa8, 0xa9, tI32, tF32, 0},
	{0xaa, 0xab, tI32, tF64, 0},
	{0xac, 0xad, tI64, tI32, 0},
	{0xae, 0xaf, tI64, tF32, 0},
	{0xb0, 0xb1, tI64, tF64, 0},
	{0xb2, 0xb3, tF32, tI32, 0},
	{0xb4, 0xb5, tF32, tI64, 0},
	{0xb6, 0xb6, tF32, tF64, 0},
	{0xb7, 0xb8, tF64, tI32, 0},
	{0xb9, 0xba, tF64, tI64, 0},
	{0xbb, 0xbb, tF64, tF32, 0},
	{0xbc, 0xbc, tI32, tF32, 0},
	{0xbd, 0xbd, tI64, tF64, 0},
	{0xbe, 0xbe, tF32, tI32, 0},
	{0xbf, 0xbf, tF64, tI64, 0},
	{0xc0, 0xc1, tI32, tI32, 0},
	{0xc2, 0xc4, tI64, tI64, 0},
}

var vectorRanges = []opRange{
	{0x0d, 0x0e, tV128, tV128 + tV128, 0}, // shuffle, swizzle
	{0x0f, 0x11, tV128, tI32, 0},          // splats
	{0x12, 0x12, tV128, tI64, 0},
	{0x13, 0x13, tV128, tF32, 0},
	{0x14, 0x14, tV128, tF64, 0},
	{0x15, 0x16, tI32, tV128, 16}, // lanes
	{0x17, 0x17, tV128, tV128 + tI32, 16},
	{0x18, 0x19, tI32, tV128, 8},
	{0x1a, 0x1a, tV128, tV128 + tI32, 8},
	{0x1b, 0x1b, tI32, tV128, 4},
	{0x1c, 0x1c, tV128, tV128 + tI32, 4},
	{0x1d, 0x1d, tI64, tV128, 2},
	{0x1e, 0x1e, tV128, tV128 + tI64, 2},
	{0x1f, 0x1f, tF32, tV128, 4},
	{0x20, 0x20, tV128, tV128 + tF32, 4},
	{0x21, 0x21, tF64, tV128, 2},
	{0x22, 0x22, tV128, tV128 + tF64, 2},
	{0x23, 0x4c, tV128, tV128 + tV128, 0}, // comparisons
	{0x4d, 0x4d, tV128, tV128, 0},
	{0x4e, 0x51, tV128, tV128 + tV128, 0},
	{0x52, 0x52, tV128, tV128 + tV128 + tV128, 0},
	{0x53, 0x53, tI32, tV128, 0},
	{0x5e, 0x5f, tV128, tV128, 0},
	// i8x16
	{0x60, 0x62, tV128, tV128, 0},
	{0x63, 0x64, tI32, tV128, 0},
	{0x65, 0x66, tV128, tV128 + tV128, 0},
	{0x67, 0x6a, tV128, tV128, 0},
	{0x6b, 0x6d, tV128, tV128 + tI32, 0},
	{0x6e, 0x73, tV128, tV128 + tV128, 0},
	{0x74, 0x75, tV128, tV128, 0},
	{0x76, 0x79, tV128, tV128 + tV128, 0},
	{0x7a, 0x7a, tV128, tV128, 0},
	{0x7b, 0x7b, tV128, tV128 + tV128, 0},
	{0x7c, 0x7f, tV128, tV128, 0},
	// i16x8
	{0x80, 0x81, tV128, tV128, 0},
	{0x82, 0x82, tV128, tV128 + tV128, 0},
	{0x83, 0x84, tI32, tV128, 0},
	{0x85, 0x86, tV128, tV128 + tV128, 0},
	{0x87, 0x8a, tV128, tV128, 0},
	{0x8b, 0x8d, tV128, tV128 + tI32, 0},
	{0x8e, 0x93, tV128, tV128 + tV128, 0},
	{0x94, 0x94, tV128, tV128, 0},
	{0x95, 0x99, tV128, tV128 + tV128, 0},
	{0x9b, 0x9f, tV128, tV128 + tV128, 0},
	// i32x4
	{0xa0, 0xa1, tV128, tV128, 0},
	{0xa3, 0xa4, tI32, tV128, 0},
	{0xa7, 0xaa, tV128, tV128, 0},
	{0xab, 0xad, tV128, tV128 + tI32, 0},
	{0xae, 0xae, tV128, tV128 + tV128, 0},
	{0xb1, 0xb1, tV128, tV128 + tV128, 0},
	{0xb5, 0xba, tV128, tV128 + tV128, 0},
	{0xbc, 0xbf, tV128, tV128 + tV128, 0},
	// i64x2
	{0xc0, 0xc1, tV128, tV128, 0},
	{0xc3, 0xc4, tI32, tV128, 0},
	{0xc7, 0xca, tV128, tV128, 0},
	{0xcb, 0xcd, tV128, tV128 + tI32, 0},
	{0xce, 0xce, tV128, tV128 + tV128, 0},
	{0xd1, 0xd1, tV128, tV128 + tV128, 0},
	{0xd5, 0xdf, tV128, tV128 + tV128, 0},
	// f32x4, f64x2
	{0xe0, 0xe1, tV128, tV128, 0},
	{0xe3, 0xe3, tV128, tV128, 0},
	{0xe4, 0xeb, tV128, tV128 + tV128, 0},
	{0xec, 0xed, tV128, tV128, 0},
	{0xef, 0xef, tV128, tV128, 0},
	{0xf0, 0xf7, tV128, tV128 + tV128, 0},
	{0xf8, 0xff, tV128, tV128, 0},
}

// loads by what they leave, behind the address; stores by what they take.
var loads, stores = func() (loads map[byte][]operation, stores []operation) {
	loads = map[byte][]operation{}
	for i, t := range []byte(tI32 + tI64 + tF32 + tF64 + tI32 + tI32 + tI32 + tI32 + tI64 + tI64 + tI64 + tI64 + tI64 + tI64) {
		loads[t] = append(loads[t], operation{code: code(opLoadFirst + i), in: tI32, align: memoryAlign[i]})
	}
	for i, t := range []byte(tI32 + tI64 + tF32 + tF64 + tI32 + tI32 + tI64 + tI64 + tI64) {
		stores = append(stores, operation{code: code(0x36 + i), in: tI32 + string(t), align: memoryAlign[0x36-opLoadFirst+i]})
	}
	for op, align := range []byte{4, 3, 3, 3, 3, 3, 3, 0, 1, 2, 3} {
		loads[typeV128] = append(loads[typeV128], operation{code: code(opPrefixVector, op), in: tI32, align: align})
	}
	stores = append(stores, operation{code: code(opPrefixVector, 0x0b), in: tI32 + tV128, align: 4})
	for width := range 4 {
		lane := operation{code: code(opPrefixVector, 0x54+width), in: tI32 + tV128, align: byte(width), lanes: 16 >> width}
		loads[typeV128] = append(loads[typeV128], lane)
		lane.code = code(opPrefixVector, 0x58+width)
		stores = append(stores, lane)
	}
	for i, align := range []byte{2, 3} {
		loads[typeV128] = append(loads[typeV128], operation{code: code(opPrefixVector, 0x5c+i), in: tI32, align: align})
	}
	return loads, stores
}()
