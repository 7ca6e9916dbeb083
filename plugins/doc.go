// Package plugins is the contract between the router and a policy: what the
// router offers to a hook (Exchange, Document, Headers, Candidates, Store),
// and what it gets back (Policy, Action, CallError). It runs nothing itself.
//
// Below it, package meter checks and fuel-meters a module's bytes, package
// sandbox compiles, pools and calls it, and package native puts this contract
// behind the functions that a guest imports (see sdk/ABI.md). Package hostile is
// what tests put before them. The router imports this package alone; the
// program's wiring hands it a Loader.
package plugins
