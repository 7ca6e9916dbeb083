package main

import (
	"testing"

	"github.com/infinirouter/infinirouter/host/config"
	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// TestDefaultsAreWrittenTwiceAndEqual: host/config imports nothing of ours, so
// it repeats the limits and grants that plugins and the ABI define.
func TestDefaultsAreWrittenTwiceAndEqual(t *testing.T) {
	wasm := t.TempDir() + "/p.wasm"
	writeFile(t, wasm, "\x00asm")
	for grant := range abi.GrantNames {
		cfg, err := config.Parse("router.toml", []byte("[[policies]]\nname = \"p\"\nplugin = \""+wasm+"\"\ngrants = [\""+grant+"\"]\n"), func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		if got := plugins.Limits(cfg.Policies[0].Limits); got != plugins.DefaultLimits() {
			t.Errorf("router.toml's defaults %+v, the contract's %+v", got, plugins.DefaultLimits())
		}
	}
}
