//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins/hostile"
)

// soakFolder is the plugins folder, with the whole hostile set in it, and what is
// written into router.toml about it.
type soakFolder struct {
	t         *testing.T
	dir       string
	services  []*soakService
	good      []byte             // module of the honest policy, whose versions differ by a number
	villains  []*hostile.Villain // that load
	refused   []*hostile.Villain // that do not
	next      int                // of villains
	n         int                // reloads so far
	versions  int
	bad       int // of the reloads: refused as they should be
	exchanged int // villains put to use
}

// newSoakFolder puts the set into a folder; of those that load it uses pairs*2.
func newSoakFolder(t *testing.T, services []*soakService, pairs int) *soakFolder {
	t.Helper()
	good, err := hostile.Assemble(renamer)
	if err != nil {
		t.Fatal(err)
	}
	all, err := hostile.All()
	if err != nil {
		t.Fatal(err)
	}
	f := &soakFolder{t: t, dir: t.TempDir(), services: services, good: good}
	for _, v := range all {
		module, err := v.Module()
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(f.dir, v.Name+".wasm"), string(module))
		if v.Refused != "" {
			f.refused = append(f.refused, v)
		} else {
			f.villains = append(f.villains, v)
		}
	}
	if every := len(f.villains) / (2 * pairs); every > 1 { // a part of them, from all over the alphabet
		some := f.villains[:0]
		for i := 0; i < len(f.villains) && len(some) < 2*pairs; i += every {
			some = append(some, f.villains[i])
		}
		f.villains = some
	}
	f.replace()
	return f
}

// replace puts a new version of the honest policy into place.
func (f *soakFolder) replace() {
	f.versions++
	file := filepath.Join(f.dir, "new")
	module := strings.Replace(string(f.good), "NNNNNNNN", fmt.Sprintf("%08d", f.versions), 1)
	if err := os.WriteFile(file, []byte(module), 0o600); err != nil {
		f.t.Error(err)
		return
	}
	finished := time.Now().Add(-time.Hour) // as a copy that keeps times
	if err := os.Chtimes(file, finished, finished); err != nil {
		f.t.Error(err)
	}
	if err := os.Rename(file, filepath.Join(f.dir, "good.wasm")); err != nil {
		f.t.Error(err)
	}
}

// toml is the n-th router.toml.
func (f *soakFolder) toml() string {
	var b strings.Builder
	fmt.Fprintf(&b, `[server]
listen = "127.0.0.1:0"
request_timeout = "1m"
[health]
interval = "1s"
timeout = "10s"
slow_start = "%ds"
[health.outlier]
base_ejection = "500ms"
max_ejection = "2s"
[plugins]
dir = %q
cache_dir = %q
[[policies]]
name = "good"
plugin = "good.wasm"
`, 1+f.n%3, f.dir, filepath.Join(f.dir, "cache"))
	for i, s := range f.services {
		fmt.Fprintf(&b, "[[services]]\nname = %q\nurl = %q\nweight = %d\ndrain = %v\n", s.name, s.url(), 1+(f.n+i)%2, i == 0 && f.n%4 == 3)
	}
	for i, onError := range []string{"reject", "skip"} {
		v := f.villains[(f.next+i)%len(f.villains)]
		grants, _ := json.Marshal(append([]string{}, v.Grants...))
		fmt.Fprintf(&b, "[[policies]]\nname = %q\nplugin = %q\non_error = %q\ngrants = %s\n", "villain-"+onError, v.Name+".wasm", onError, grants)
	}
	for i, route := range soakRoutes {
		policy := "good"
		// One of four services may fail all that it gets.
		rules := "[routes.retry]\nbudget_percent = 40\nbudget_floor = 100\n"
		if doubles(uint8(i)) {
			rules = "first_byte_timeout = \"3s\"\n" + rules + "duplicate_work = true\n"
		}
		switch i {
		case soakHedged:
			rules += fmt.Sprintf("[routes.hedge]\nafter = \"%dms\"\nbudget_percent = 10\n", 50+10*(f.n%3))
		case soakRejecting:
			policy = "villain-reject"
		case soakSkipping:
			policy = "villain-skip"
		}
		fmt.Fprintf(&b, "[[routes]]\nname = %q\nheaders = { \"X-Route\" = %q }\npolicies = [%q]\nretries = %d\n%s", route, route, policy, 3+f.n%2, rules)
	}
	return b.String()
}

// reload changes router.toml and has it read: now and then a bad one, which the
// router must refuse, and go on.
func (f *soakFolder) reload(p *process) {
	f.n++
	good := f.n%5 != 4
	f.next = (f.next + 2) % len(f.villains)
	toml := f.toml()
	switch {
	case good:
		f.exchanged += 2
		f.replace()
	case f.n%2 == 0:
		toml = strings.Replace(toml, "slow_start", "slow_strat", 1)
	default:
		v := f.refused[f.n%len(f.refused)]
		toml += fmt.Sprintf("[[policies]]\nname = \"refused\"\nplugin = %q\n", v.Name+".wasm")
	}
	file := p.config + ".new"
	if err := os.WriteFile(file, []byte(toml), 0o600); err != nil {
		f.t.Error(err)
		return
	}
	if err := os.Rename(file, p.config); err != nil {
		f.t.Error(err)
		return
	}
	page, err := f.tell(p)
	if err != nil || page["ok"] != good {
		f.t.Errorf("reload %d, of a file that is good (%v): %v, %v", f.n, good, page, err)
	}
	if !good {
		f.bad++
	}
}

func (f *soakFolder) tell(p *process) (page map[string]any, err error) {
	resp, err := soakPages.Post(p.url+"/admin/reload", "application/json", nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return page, json.NewDecoder(resp.Body).Decode(&page)
}
