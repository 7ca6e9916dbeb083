package sandbox

import (
	"bytes"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Value types, and the instructions that the modules of these tests are made of.
const (
	i32, i64, f64 = byte(abi.I32), byte(abi.I64), byte(abi.F64)

	opUnreachable, opLoop, opEnd, opBr, opCall, opDrop = 0x00, 0x03, 0x0b, 0x0c, 0x10, 0x1a
	opI32Const, opMemorySize, opMemoryGrow             = 0x41, 0x3f, 0x40
	void                                               = 0x40
)

// wasmModule is a module in parts.
type wasmModule struct {
	imports []wasmImport
	funcs   []wasmFunc // indices follow those of the imports
	memory  int        // pages, -1: none
	max     int        // pages, 0: not declared
	hidden  bool       // the memory is not exported
	start   int        // function index of the start section, 0: none
	data    string     // at address 0
}

type wasmImport struct {
	module, name    string
	params, results []byte
}

type wasmFunc struct {
	export          string
	params, results []byte
	body            []byte // without the closing end
}

// hook is an exported () -> i32.
func hook(name string, body ...byte) wasmFunc {
	return wasmFunc{export: name, results: []byte{i32}, body: body}
}

// returns is the body of a hook that returns n, 0 to 63.
func returns(n byte) []byte { return []byte{opI32Const, n} }

// imported is a function of our ABI as it should be imported.
func imported(name string) wasmImport {
	for _, f := range abi.Functions {
		if f.Name == name {
			return wasmImport{abi.ImportModule, name, typeBytes(f.Params), typeBytes(f.Results)}
		}
	}
	panic("no function " + name)
}

// callWith is a call of function index with i32 constants of 0 to 63.
func callWith(index byte, constants ...byte) []byte {
	var out []byte
	for _, c := range constants {
		out = append(out, opI32Const, c)
	}
	return append(out, opCall, index)
}

func (m wasmModule) bytes() []byte {
	var types, imports, functions, exports, codes [][]byte
	for i, im := range m.imports {
		types = append(types, cat([]byte{0x60}, vec(im.params), vec(im.results)))
		imports = append(imports, cat(vec([]byte(im.module)), vec([]byte(im.name)), []byte{0}, uleb(i)))
	}
	for i, f := range m.funcs {
		index := len(m.imports) + i
		types = append(types, cat([]byte{0x60}, vec(f.params), vec(f.results)))
		functions = append(functions, uleb(index))
		if f.export != "" {
			exports = append(exports, cat(vec([]byte(f.export)), []byte{0}, uleb(index)))
		}
		codes = append(codes, vec(cat([]byte{0}, f.body, []byte{opEnd})))
	}
	out := cat([]byte("\x00asm\x01\x00\x00\x00"), section(1, types), section(2, imports), section(3, functions))
	if m.memory >= 0 {
		limits := cat([]byte{0}, uleb(m.memory))
		if m.max > 0 {
			limits = cat([]byte{1}, uleb(m.memory), uleb(m.max))
		}
		out = append(out, section(5, [][]byte{limits})...)
		if !m.hidden {
			exports = append(exports, cat(vec([]byte("memory")), []byte{2, 0}))
		}
	}
	out = append(out, section(7, exports)...)
	if m.start > 0 {
		out = append(out, cat([]byte{8}, vec(uleb(m.start)))...)
	}
	out = append(out, section(10, codes)...)
	if m.data != "" {
		out = append(out, section(11, [][]byte{cat([]byte{0, opI32Const, 0, opEnd}, vec([]byte(m.data)))})...)
	}
	return out
}

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
func vec(b []byte) []byte        { return cat(uleb(len(b)), b) }

func section(id byte, items [][]byte) []byte {
	if len(items) == 0 {
		return nil
	}
	return cat([]byte{id}, vec(cat(uleb(len(items)), cat(items...))))
}

func uleb(n int) []byte {
	var out []byte
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}
