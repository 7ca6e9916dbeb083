// Package meter makes an untrusted WebAssembly module safe to hand to a
// compiler and impossible to run for free.
//
// It does two things, in one pass over the bytes and in time linear in their
// number. First it validates: the framing of every section, every number,
// every index, every nesting, against the specification and against Limits,
// because a module of a few dozen bytes can make a WebAssembly compiler take
// all memory or a minute of processor time. Then it rewrites the module so
// that running it spends fuel: a mutable 64-bit global, exported as
// FuelGlobal, that only the host and the code inserted here can reach.
//
//	guest.wasm ──Inspect──▶ Info (imports, exports, sizes), or an *Error
//	guest.wasm ──Instrument──▶ metered module + Info, or an *Error
//
// Where fuel is charged:
//
//   - at the entry of every function: the weight of the heaviest path through
//     the function's own instructions, loops left out, plus a price for the
//     call that grows with the frame, so that fuel bounds the stack too;
//   - at the head of every loop, each time control arrives there: the heaviest
//     path from the head through the loop's own instructions, inner loops left
//     out;
//   - before every instruction whose work is an operand (memory.fill,
//     memory.copy, memory.init, table.copy, table.init, memory.grow): by that
//     operand, through a helper function appended to the module; pages that
//     memory.grow can't ever have cost nothing.
//
// Control can only go back through a loop head or into a function, so every
// instruction run was paid for before it ran: fuel spent is never less than the
// weight of the work done, and it depends on nothing but module and input.
//
// Fuel is given in slices: FuelGlobal holds what is left of the one in use, a
// second global, ReserveGlobal, the rest. A charge that the slice can't pay
// calls a helper, which draws the next slice from the reserve, or traps if there
// is not enough; then FuelGlobal is negative, and after this trap only. Between
// two slices the guest passes through Go, where a goroutine can be stopped,
// which compiled code can't: so a garbage collection, or another goroutine,
// waits for a slice and not for all the fuel that a guest was given.
//
// What the host must do: set both globals before each call (they start at 0,
// which pays for nothing), not call again on an instance that trapped, and run the
// export StartExport, where Info.HasStart says there is one, before anything
// else: the module's start function would otherwise run unmetered during
// instantiation, so it is exported instead of started.
//
// What is accepted is WebAssembly 2.0 without reference types: one table of
// functions, no ref.* and no table.get, set, grow, size or fill. Let wazero have
// all of CoreFeaturesV2 nevertheless: with reference types switched off, its
// v1.12.0 panics when it instantiates a passive element segment. The operand
// types of instructions are not checked here but by the compiler that gets the
// result; what is inserted leaves the operand stack as it was, so a module that
// is ill-typed before is ill-typed after.
package meter
