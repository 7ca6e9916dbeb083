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
	BrTableTargets    int // of one br_table, the default included

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
func DefaultLimits() Limits {
	return Limits{
		FileBytes: 16 << 20,
		Types:     4096, Params: 256, Results: 64,
		Imports: 512, Exports: 4096, NameBytes: 1024,
		Functions: 50_000, LocalsPerFunction: 4096, BodyBytes: 1 << 20,
		Nesting: 8192, BrTableTargets: 16_384,
		Globals: 4096, TableEntries: 65_536, MemoryPages: 512,
		ElementSegments: 4096, ElementEntries: 131_072,
		DataSegments: 131_072, DataBytes: 16 << 20,
		SIMD: true,
	}
}
