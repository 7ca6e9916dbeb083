package meter

// Names of the exports that Instrument adds. A module that exports one of them
// itself is refused.
const (
	// FuelGlobal is the mutable i64 global that holds what is left of the slice
	// in use; negative when the guest is out of fuel.
	FuelGlobal = "infinirouter.fuel"
	// ReserveGlobal is the mutable i64 global that holds the fuel beside it.
	ReserveGlobal = "infinirouter.reserve"
	// StartExport is the module's start function, () -> (), where it has one.
	StartExport = "infinirouter.start"
)

// ExternKind says what an import or export is, as the binary format encodes it.
type ExternKind byte

// The kinds.
const (
	KindFunction ExternKind = 0
	KindTable    ExternKind = 1
	KindMemory   ExternKind = 2
	KindGlobal   ExternKind = 3
)

// ImportKind and ExportKind are ExternKind where a reader expects the longer word.
type (
	ImportKind = ExternKind
	ExportKind = ExternKind
)

// String returns "function", "table", "memory" or "global".
func (k ExternKind) String() string {
	switch k {
	case KindFunction:
		return "function"
	case KindTable:
		return "table"
	case KindMemory:
		return "memory"
	case KindGlobal:
		return "global"
	default:
		return "unknown kind"
	}
}

// Import is one import. Params and Results are set for functions.
type Import struct {
	Module, Name    string
	Kind            ImportKind
	Params, Results []byte // value types as the binary format encodes them
}

// Export is one export. Params and Results are set for functions.
type Export struct {
	Name            string
	Kind            ExportKind
	Index           uint32 // in the index space of its kind
	Params, Results []byte // value types as the binary format encodes them
}

// Info is what a module says of itself. It keeps no reference to the module's
// bytes. Params and Results of several imports and exports may share memory:
// they are to be read only. What Instrument adds is not in it.
type Info struct {
	Imports   []Import
	Exports   []Export
	Functions int // defined, imports not counted
	Globals   int // imported and defined
	HasStart  bool
	Size      int // of the file, bytes

	HasMemory            bool // imported or defined
	HasMax               bool // the memory declares a maximum
	MemoryMin, MemoryMax uint32
	TableMin             uint32 // of the one table, 0 when there is none

	MaxNesting  int   // deepest nesting of blocks
	MaxLoops    int   // deepest nesting of loops
	MaxLocals   int   // most locals of one function, parameters included
	MaxBody     int   // bytes of the largest function
	MaxBrTable  int   // most targets of one br_table, the default included
	CompileWork int64 // estimate; see Limits.CompileWork
	MaxWork     int64 // the part of the function that has most of it
	Loops       int   // loop heads, each of which is metered
	CustomBytes int   // bytes of custom sections; Instrument keeps function names only
}

// Export returns the export of that name.
func (i *Info) Export(name string) (Export, bool) {
	for _, e := range i.Exports {
		if e.Name == name {
			return e, true
		}
	}
	return Export{}, false
}
