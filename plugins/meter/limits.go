package meter

// Limits bound what a module may be. A field at zero allows none of that thing:
// start from DefaultLimits. An Error names the field that it met.
type Limits struct {
	FileBytes int // of the whole module

	Types   int // entries of the type section
	Params  int // parameters of one function type
	Results int // results of one function type

	Imports   int // of all kinds
	Exports   int // of all kinds
	NameBytes int // of one import's or export's name

	Functions         int // that the module defines
	LocalsPerFunction int // parameters included
	BodyBytes         int // of one function
	Nesting           int // blocks within blocks of one function
	LoopNesting       int // loops within loops of one function
	BrTableTargets    int // of one br_table, the default included
	FunctionWork      int // estimate of what one function costs to compile; see DefaultLimits
	CompileWork       int // the same, of all functions together

	Globals         int // imported and defined
	TableEntries    int // minimum of the table
	MemoryPages     int // minimum of the memory, in pages of 64 KiB
	ElementSegments int
	ElementEntries  int // of all element segments together
	DataSegments    int
	DataBytes       int // of all data segments together

	SIMD bool // whether vector types and instructions are accepted
}

// DefaultLimits let through what the Go, Rust, C and AssemblyScript toolchains
// produce, with room to spare, and little beyond. MemoryPages is 32 MiB.
//
// FunctionWork and CompileWork bound what sizes do not. A compiler's work grows
// with the places where control splits or joins times the values alive there,
// with the depth of the blocks that follow from each other, with the ways into
// one place and with the loops of a function times each other: 60 KB can take
// minutes and gigabytes. The estimate adds up, for every block, loop, branch and
// return, and twice for an instruction that is compiled to control flow
// of its own: compilePoint, an 8th of the points before it in the function, the
// function's locals, and the values that a block passes. A branch and each target
// of a br_table weigh the locals several times, and a fraction of the branches to
// the same place before it. For a loop the estimate adds the same again for each
// loop around it and for every eight before it in the function; for a call, those
// that Instrument inserts included, its values and the mutable globals, which are
// read anew behind it. What toolchains produce takes 0.1 to 0.3 µs a unit, what
// was made to be slow up to 1; see RATIONALE.md. A Go guest of 3.3 MB has 9
// million units; one of 14 MB needs a higher limit.
func DefaultLimits() Limits {
	return Limits{
		FileBytes: 16 << 20,
		Types:     4096, Params: 256, Results: 64,
		Imports: 512, Exports: 4096, NameBytes: 1024,
		Functions: 50_000, LocalsPerFunction: 2048, BodyBytes: 512 << 10,
		Nesting: 8192, LoopNesting: 64, BrTableTargets: 16_384,
		FunctionWork: 4 << 20, CompileWork: 32 << 20,
		Globals: 4096, TableEntries: 65_536, MemoryPages: 512,
		ElementSegments: 4096, ElementEntries: 131_072,
		DataSegments: 131_072, DataBytes: 16 << 20,
		SIMD: true,
	}
}
