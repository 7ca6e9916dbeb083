package sandbox

import (
	"encoding/hex"
	"slices"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Stats implements plugins.Policy.
func (p *policy) Stats() plugins.Stats {
	s := plugins.Stats{
		Plugin: p.plugin, SHA256: hex.EncodeToString(p.sha256[:]), Size: p.size,
		Imports: p.importNames(), Grants: grantNames(p.grants),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Instances, s.BreakerOpen, s.LastError = p.pool.alive, p.breaker.open, p.lastError
	for h := range abi.Hook(abi.HookCount) {
		if p.hooks.Has(h) {
			s.Hooks = append(s.Hooks, p.stats[h])
		}
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
