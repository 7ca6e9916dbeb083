// Package native is the router's side of the policy ABI: the functions of
// import module "router_v1" (sdk/ABI.md) and those of WASI preview 1 that
// language runtimes need, put before the contract of package plugins.
//
// The life of a call. A Policy holds what all instances of a policy share: its
// config, limits, grants, log budget and store. Each instance has one Call,
// which is also the context.Context that wazero hands to every host function:
// so a host function finds its state by a type assertion, without a map, a
// lock or an allocation. Package sandbox starts the Call, runs the guest, asks
// the Call how it went and finishes it.
//
// What is enforced here and nowhere else: that guest memory is read and written
// within its bounds, which function may be called in which hook, the grants,
// the number of host calls, the sizes of vars, values and log lines, and that
// Exchange.Begin precedes the first edit. Everything that a guest could say
// about itself is checked on every call; nothing of guest memory is kept.
//
// A host function stops the guest by a panic that wazero turns into an error.
// The reason stays in the Call, so that no text of a Go panic is ever needed.
package native
