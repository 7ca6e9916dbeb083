package plugins

import (
	"context"
	"time"

	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Spec says what to load: a plugin put to use as a policy.
type Spec struct {
	Name   string    // the policy's name in router.toml
	Plugin string    // the plugin as router.toml names it
	Path   string    // the .wasm file
	Folder string    // that Path lies in and no symbolic link may lead out of; "": anywhere
	Config []byte    // the policy's config table as JSON, "{}" when it has none
	Grants abi.Grant // what the operator opened to it
	Limits Limits
}

// Limits bound what one policy may use. Every error that one of them raises
// names it as router.toml does (policies.limits.fuel, ...).
type Limits struct {
	Fuel         int64 // per hook call
	EventFuel    int64 // per on_event call
	InitFuel     int64 // _initialize and configure together
	Memory       int64 // bytes of linear memory of one instance
	Stack        int64 // bytes of one hook call's stack of calls
	HostCalls    int   // host function calls per hook call
	VarBytes     int   // bytes of one var's value
	Vars         int   // vars of one exchange
	KVBytes      int   // bytes of one key-value value
	LogPerSecond int   // log lines a second
	CPUPercent   int   // of one processor, for hooks that run long; 100 is all of it
	Instances    int   // instances of one policy
}

// DefaultLimits are the limits of a policy that router.toml says nothing about.
// Instances is 0: twice GOMAXPROCS.
func DefaultLimits() Limits {
	return Limits{
		Fuel: 50_000_000, EventFuel: 20_000_000, InitFuel: 2_000_000_000,
		Memory: 32 << 20, Stack: 1 << 20, HostCalls: 1000, VarBytes: 4 << 10, Vars: 32,
		KVBytes: 64 << 10, LogPerSecond: 20, CPUPercent: 25,
	}
}

// Loader turns a Spec into a Policy. Equal specs over equal bytes share one
// compiled plugin and its instances, so a reload costs only what changed.
type Loader interface {
	// Load reads, checks, compiles and warms the plugin and runs configure
	// once. The caller owns the result and must Release it. An error says what
	// is wrong in the operator's words.
	Load(ctx context.Context, spec Spec) (Policy, error)
}

// Policy is a loaded policy. Its methods may be called from any goroutine.
type Policy interface {
	Name() string
	// Hooks returns the hooks that the plugin exports. Call only these.
	Hooks() HookSet
	// Call runs one hook on x and returns its action. Edits made through x are
	// committed before a nil error is returned and rolled back before any
	// other; the error is a *CallError. Call does not keep x.
	Call(hook abi.Hook, x Exchange) (abi.Action, error)
	// Stats returns a snapshot of what the policy has done since it was loaded.
	Stats() Stats
	// Release gives the policy back. The last release of equal policies closes
	// their instances. No Call may be running or follow.
	Release()
}

// HookSet is a set of hooks.
type HookSet uint8

// Has reports whether h is in the set.
func (s HookSet) Has(h abi.Hook) bool { return s&(1<<h) != 0 }

// With returns the set with h in it.
func (s HookSet) With(h abi.Hook) HookSet { return s | 1<<h }

// Stats is what /policies and /metrics show of a policy.
type Stats struct {
	Plugin        string
	SHA256        string // of the file, hex
	Size          int64  // of the file, bytes
	Imports       []string
	Grants        []string
	Instances     int    // alive now
	InstancesMade uint64 // since it was loaded: one that failed or served its time is replaced
	BreakerOpen   bool   // calls go straight to on_error
	InitFuel      uint64 // that the latest instance took to start and configure
	InitFuelLimit uint64
	Hooks         []HookStats
	LastError     string
}

// HookStats are the figures of one hook. Fuel counts in the meter's units; a
// call that ran out of it counts with all that it had.
type HookStats struct {
	Hook     abi.Hook
	Calls    uint64 // with the failed ones
	Failures uint64
	ByKind   map[FailureKind]uint64 // the failures; nil when there are none
	Refused  uint64                 // calls that were not made because the breaker was open

	Fuel          uint64 // total over all calls
	FuelLast      uint64 // of the latest call
	FuelMax       uint64 // most that one call used
	FuelRecentMax uint64 // the same, of the last one to two minutes
	FuelLimit     uint64

	Time  time.Duration // total over the timed calls
	Timed uint64        // calls that were timed (a sample)
}

// FailureKind says why a call failed; it is a metric label.
type FailureKind string

const (
	FailureTrap     FailureKind = "trap"      // unreachable, out of bounds, ...
	FailureFuel     FailureKind = "fuel"      // out of fuel
	FailureResult   FailureKind = "result"    // an action that the hook does not have, or a fail()
	FailureLimit    FailureKind = "limit"     // over another limit
	FailureBusy     FailureKind = "busy"      // no instance was free in time
	FailureBreaker  FailureKind = "breaker"   // the breaker is open, nothing was called
	FailureInternal FailureKind = "internal"  // a fault of the router's own
	FailureInstance FailureKind = "configure" // a new instance could not be made
)

// FailureKinds are the kinds of calls that count as failed. FailureBreaker is
// none of them: such a call was not made.
var FailureKinds = []FailureKind{
	FailureTrap, FailureFuel, FailureResult, FailureLimit, FailureBusy, FailureInternal, FailureInstance,
}

// CallError is a failed hook call. Its text is for the log, never for a client.
type CallError struct {
	Policy string
	Hook   abi.Hook
	Kind   FailureKind
	Reason string // one line; names the knob where a limit was met
}

func (e *CallError) Error() string {
	return "policy " + e.Policy + ": " + e.Hook.String() + ": " + e.Reason
}
