// Package sandbox runs plugins: it checks and compiles a module, keeps a pool of
// instances for each policy, and calls hooks on them. It implements
// plugins.Loader and plugins.Policy.
//
// From file to policy: read the file (file.go), have package meter validate it
// and put fuel into it, check that it asks for nothing but the ABI (check.go),
// compile it with wazero through a cache on disk (compile.go, cache.go), make a
// first instance and let it read its config (instance.go). An operator's
// mistake shows here, in one error that names all of it.
//
// A call (policy.go): take an instance from the pool (pool.go; wait.go when all
// are in use), give it fuel and the exchange, call the hook, look at how it ended,
// give the instance back, commit. No lock where nobody is in the way (park.go), no
// allocation, no goroutine, no clock but for every 16th call. An instance that
// failed in any way is closed and never pooled again: its memory is in an unknown
// state. A policy that keeps failing is not called for a while (breaker.go).
//
// Sharing: what equal specs over equal bytes imply is made once and counted
// (registry.go). A reload that changes nothing of a policy gets the very same
// instances and figures; the last Release closes them, then the compiled code.
//
// What instances share of the machine: each has its memory outside the heap
// (memory.go) and a stack of calls that ends (stack.go), and those that run for
// long take turns (lane.go).
package sandbox
