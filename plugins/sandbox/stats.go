package sandbox

import (
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Stats implements plugins.Policy. It counts every call that has returned, but
// for up to timeEvery of an instance that is in a call now.
func (p *policy) Stats() plugins.Stats {
	s := plugins.Stats{
		Plugin: p.plugin, SHA256: hex.EncodeToString(p.sha256[:]), Size: p.size,
		Imports: p.importNames(), Grants: grantNames(p.grants), InitFuelLimit: uint64(p.limits.InitFuel),
	}
	p.mu.Lock()
	defer p.unlock()
	p.mergeIdle()
	s.Instances, s.InstancesMade, s.InitFuel = p.pool.alive, p.made, p.initFuel
	s.BreakerOpen, s.LastError = p.breaker.open, p.lastError
	for h := range abi.Hook(abi.HookCount) {
		if p.hooks.Has(h) {
			s.Hooks = append(s.Hooks, p.stats[h].read(h, p.fuel[h]))
		}
	}
	return s
}

// figures are the counts of one hook. Guarded by the policy's lock.
type figures struct {
	calls, refused uint64
	failed         map[plugins.FailureKind]uint64 // made by the first failure
	fuel, fuelLast uint64
	// Most fuel of one call: in this span between two sweeps, in the one
	// before, and in all before that. A call compares with one of them.
	fuelMax, fuelMaxBefore, fuelMaxEver uint64
	time                                time.Duration
	timed                               uint64
}

// spend counts the fuel of one call.
func (f *figures) spend(fuel uint64) {
	f.fuel += fuel
	f.fuelLast = fuel
	if fuel > f.fuelMax {
		f.fuelMax = fuel
	}
}

// sample is what one call took.
type sample struct {
	hook  abi.Hook
	fuel  uint64
	timed bool
	took  time.Duration // if timed
}

// tally is what an instance has done of one hook since it was last merged into
// the policy's figures. It belongs to whoever has the instance.
type tally struct {
	calls, fuel, fuelLast, fuelMax, timed uint64
	time                                  time.Duration
}

func (t *tally) add(s sample) {
	t.calls++
	t.fuel += s.fuel
	t.fuelLast = s.fuel
	if s.fuel > t.fuelMax {
		t.fuelMax = s.fuel
	}
	if s.timed {
		t.timed++
		t.time += s.took
	}
}

// mergeIdle merges what idle instances have done, the latest last. The lock is
// held.
func (p *policy) mergeIdle() {
	for _, in := range p.pool.idle {
		p.merge(in)
	}
	if in := p.takeFavourite(); in != nil { // nobody may use it meanwhile
		p.merge(in)
		p.put(in)
	}
}

// merge moves an instance's tallies into the policy's figures. The lock is held,
// and the instance is the caller's.
func (p *policy) merge(in *instance) {
	for h := range in.tally {
		if t := &in.tally[h]; t.calls > 0 {
			f := &p.stats[h]
			f.calls += t.calls
			f.timed += t.timed
			f.time += t.time
			f.fuel += t.fuel
			f.fuelLast = t.fuelLast
			f.fuelMax = max(f.fuelMax, t.fuelMax)
			*t = tally{}
		}
	}
}

// fail counts one failed call.
func (f *figures) fail(kind plugins.FailureKind) {
	if f.failed == nil {
		f.failed = map[plugins.FailureKind]uint64{}
	}
	f.calls++
	f.failed[kind]++
}

// turn begins a new span of the recent maximum.
func (f *figures) turn() {
	f.fuelMaxEver = max(f.fuelMaxEver, f.fuelMaxBefore)
	f.fuelMaxBefore, f.fuelMax = f.fuelMax, 0
}

func (f *figures) read(h abi.Hook, limit int64) plugins.HookStats {
	recent := max(f.fuelMax, f.fuelMaxBefore)
	s := plugins.HookStats{
		Hook: h, Calls: f.calls, ByKind: maps.Clone(f.failed), Refused: f.refused,
		Fuel: f.fuel, FuelLast: f.fuelLast, FuelMax: max(recent, f.fuelMaxEver), FuelRecentMax: recent, FuelLimit: uint64(limit),
		Time: f.time, Timed: f.timed,
	}
	for _, n := range f.failed {
		s.Failures += n
	}
	return s
}

// importNames are the functions of ours that the plugin imports.
func (p *policy) importNames() []string {
	var out []string
	for _, im := range p.program.imports {
		if im.Module == abi.ImportModule {
			out = append(out, im.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func grantNames(grants abi.Grant) []string {
	var out []string
	for name, g := range abi.GrantNames {
		if grants&g != 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
