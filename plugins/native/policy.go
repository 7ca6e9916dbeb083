package native

import (
	"encoding/binary"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Options say what a Policy is made of. Limits must be filled in.
type Options struct {
	Name    string
	Config  []byte // JSON; not copied, must not change
	Grants  abi.Grant
	Limits  plugins.Limits
	SHA256  [32]byte // of the plugin's file: the seed of randomness in configure
	Logger  *slog.Logger
	Store   plugins.Store   // nil: the kv functions answer NotAllowed
	Metrics plugins.Metrics // nil: metric_add is checked and dropped
}

// Policy is what all instances of one policy share. Safe for concurrent use.
type Policy struct {
	hostCalls int32 // Limits.HostCalls
	Options
	loaded  time.Time
	seed    uint64
	budget  logBudget
	lacking atomic.Uint32 // grants whose lack has been logged
}

// NewPolicy returns the shared state of a policy, loaded now.
func NewPolicy(o Options) *Policy {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if len(o.Config) == 0 {
		o.Config = []byte("{}")
	}
	p := &Policy{hostCalls: int32(min(o.Limits.HostCalls, math.MaxInt32)), Options: o, loaded: time.Now(), seed: binary.LittleEndian.Uint64(o.SHA256[:8])}
	p.budget.rate = float64(o.Limits.LogPerSecond)
	p.budget.tokens = p.budget.rate
	return p
}

// lack logs, once for each grant, that a function was denied for want of it.
func (p *Policy) lack(grant abi.Grant, function string) {
	bit := uint32(grant)
	if p.lacking.Or(bit)&bit != 0 {
		return
	}
	p.Logger.Warn("policy was denied a call",
		"policy", p.Name, "function", function, "missing_grant", grantName(grant), "knob", "policies.grants")
}

// grantName returns a grant as router.toml spells it.
func grantName(g abi.Grant) string {
	for name, grant := range abi.GrantNames {
		if grant == g {
			return name
		}
	}
	return "unknown"
}
