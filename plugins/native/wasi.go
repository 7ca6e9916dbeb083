package native

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// WASIModule is the import module of WASI preview 1.
const WASIModule = "wasi_snapshot_preview1"

// Errors of WASI, as its specification numbers them.
const (
	errnoSuccess = 0
	errnoBadf    = 8
	errnoInval   = 28
	errnoNosys   = 52
	errnoSpipe   = 70
)

// wasiFunction is one function of WASI: the world of a policy is a clock, a
// random generator, two streams into the log, and nothing else. These calls are
// bounded by fuel and not counted as host calls: a Go guest's garbage collector
// asks for the time as often as it likes.
type wasiFunction struct {
	function
	params []abi.Type
	noExit bool // proc_exit alone has no result
	errno  func(c *Call, s []uint64) uint64
}

// Call implements api.GoFunction.
func (f *wasiFunction) Call(ctx context.Context, s []uint64) {
	c := ctx.(*Call)
	c.inside = &f.function
	if errno := f.errno(c, s); len(s) > 0 {
		s[0] = errno
	}
	c.inside = nil
}

// WASIFunctions returns the functions of WASIModule that a plugin may import.
func WASIFunctions() []abi.Function {
	out := make([]abi.Function, len(wasiFunctions))
	for i, f := range wasiFunctions {
		out[i] = abi.Function{Name: f.name, Params: f.params}
		if !f.noExit {
			out[i].Results = []abi.Type{abi.I32}
		}
	}
	return out
}

func instantiateWASI(ctx context.Context, rt wazero.Runtime) error {
	b := rt.NewHostModuleBuilder(WASIModule)
	for i, sig := range WASIFunctions() {
		b.NewFunctionBuilder().
			WithGoFunction(wasiFunctions[i], valueTypes(sig.Params), valueTypes(sig.Results)).
			Export(sig.Name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("import module %s: %w", WASIModule, err)
	}
	return nil
}

// wasiFunctions is all of preview 1, because language runtimes import what
// they might need. Signatures are written i for i32 and l for i64.
var wasiFunctions = []*wasiFunction{
	wasi("args_get", "ii", success),
	wasi("args_sizes_get", "ii", twoZeroes),
	wasi("environ_get", "ii", success),
	wasi("environ_sizes_get", "ii", twoZeroes),
	wasi("clock_res_get", "ii", clockRes),
	wasi("clock_time_get", "ili", clockTime),
	wasi("fd_advise", "illi", streamNo(errnoSpipe)),
	wasi("fd_allocate", "ill", streamNo(errnoSpipe)),
	wasi("fd_close", "i", streamNo(errnoSuccess)),
	wasi("fd_datasync", "i", streamNo(errnoSuccess)),
	wasi("fd_fdstat_get", "ii", fdStat),
	wasi("fd_fdstat_set_flags", "ii", streamNo(errnoSuccess)),
	wasi("fd_fdstat_set_rights", "ill", streamNo(errnoSuccess)),
	wasi("fd_filestat_get", "ii", fileStat),
	wasi("fd_filestat_set_size", "il", streamNo(errnoInval)),
	wasi("fd_filestat_set_times", "illi", streamNo(errnoInval)),
	wasi("fd_pread", "iiili", streamNo(errnoSpipe)),
	wasi("fd_prestat_get", "ii", badf), // no preopened folders: this ends a runtime's search for them
	wasi("fd_prestat_dir_name", "iii", badf),
	wasi("fd_pwrite", "iiili", streamNo(errnoSpipe)),
	wasi("fd_read", "iiii", fdRead),
	wasi("fd_readdir", "iiili", badf),
	wasi("fd_renumber", "ii", badf),
	wasi("fd_seek", "ilii", streamNo(errnoSpipe)),
	wasi("fd_sync", "i", streamNo(errnoSuccess)),
	wasi("fd_tell", "ii", streamNo(errnoSpipe)),
	wasi("fd_write", "iiii", fdWrite),
	wasi("path_create_directory", "iii", badf),
	wasi("path_filestat_get", "iiiii", badf),
	wasi("path_filestat_set_times", "iiiilli", badf),
	wasi("path_link", "iiiiiii", badf),
	wasi("path_open", "iiiiillii", badf),
	wasi("path_readlink", "iiiiii", badf),
	wasi("path_remove_directory", "iii", badf),
	wasi("path_rename", "iiiiii", badf),
	wasi("path_symlink", "iiiii", badf),
	wasi("path_unlink_file", "iii", badf),
	wasi("poll_oneoff", "iiii", pollOneoff),
	procExit(),
	wasi("proc_raise", "i", stub(errnoNosys)),
	wasi("random_get", "ii", randomGet),
	wasi("sched_yield", "", success),
	wasi("sock_accept", "iii", badf),
	wasi("sock_recv", "iiiiii", badf),
	wasi("sock_send", "iiiii", badf),
	wasi("sock_shutdown", "ii", badf),
}

func wasi(name, signature string, run func(c *Call, s []uint64) uint64) *wasiFunction {
	f := &wasiFunction{function: function{name: name}, errno: run}
	for _, t := range signature {
		if t == 'l' {
			f.params = append(f.params, abi.I64)
		} else {
			f.params = append(f.params, abi.I32)
		}
	}
	return f
}

// procExit stops the guest: an instance that has exited must not be used again.
func procExit() *wasiFunction {
	f := wasi("proc_exit", "i", func(c *Call, s []uint64) uint64 {
		c.stop(plugins.FailureTrap, "the plugin called exit(%d)", int32(uint32(s[0])))
		return 0
	})
	f.noExit = true
	return f
}

func stub(errno uint64) func(*Call, []uint64) uint64 {
	return func(*Call, []uint64) uint64 { return errno }
}

var (
	success = stub(errnoSuccess)
	badf    = stub(errnoBadf)
)

// isStream reports stdin, stdout and stderr, the only descriptors there are.
func isStream(fd uint64) bool { return uint32(fd) <= 2 }

// streamNo answers errno for a stream and EBADF for anything else.
func streamNo(errno uint64) func(*Call, []uint64) uint64 {
	return func(_ *Call, s []uint64) uint64 {
		if !isStream(s[0]) {
			return errnoBadf
		}
		return errno
	}
}

// twoZeroes writes "none, taking no bytes".
func twoZeroes(c *Call, s []uint64) uint64 {
	setWord(c.view(s[0], 4), 0)
	setWord(c.view(s[1], 4), 0)
	return errnoSuccess
}
