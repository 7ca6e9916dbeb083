package sandbox

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/plugins/meter"
	"github.com/infinirouter/infinirouter/plugins/native"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// Report is what `policy inspect` shows of a plugin.
type Report struct {
	Path       string       `json:"path"`
	SHA256     string       `json:"sha256"`
	Size       int64        `json:"size"`
	Hooks      []HookExport `json:"hooks"`
	Imports    []ImportUse  `json:"imports"`
	Configure  bool         `json:"configure"`  // it reads a config
	Initialize bool         `json:"initialize"` // it has a language runtime to start
	Functions  int          `json:"functions"`  // that it defines
	MemoryMin  int64        `json:"memory_min"` // bytes that an instance starts with
	MemoryMax  int64        `json:"memory_max"` // bytes that it may grow to, 0: as far as policies.limits.memory
	InitFuel   uint64       `json:"init_fuel"`  // that an instance took to start, and to read the config if there was one
	Problems   []string     `json:"problems"`   // why it is refused
	OK         bool         `json:"ok"`
}

// HookExport is an export with a hook's name.
type HookExport struct {
	Name      string `json:"name"`
	Signature string `json:"signature"`
	Problem   string `json:"problem,omitempty"`
}

// ImportUse is one import, and the grant that it is about: one that it always
// needs, or one that opens more of it (json_get reads a model without a grant,
// and messages with `content`).
type ImportUse struct {
	Module     string `json:"module"`
	Name       string `json:"name"`
	Kind       string `json:"kind"`
	Signature  string `json:"signature"`
	Grant      string `json:"grant,omitempty"`
	NeedsGrant bool   `json:"needs_grant,omitempty"`
	Problem    string `json:"problem,omitempty"`
}

const pageSize = 64 << 10

// Inspect says what a plugin is and whether it would be loaded: it is compiled
// and an instance started, in the sandbox and within default limits. No hook is
// called, and configure only if config is not nil. An error means that the file
// could not be read.
func (l *Loader) Inspect(path string, config []byte) (*Report, error) {
	file, err := readModule(path, "")
	if err != nil {
		return nil, err
	}
	r := &Report{Path: path, SHA256: hex.EncodeToString(file.sha256[:]), Size: int64(len(file.bytes))}
	info, err := meter.Inspect(file.bytes, meterLimits())
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
		return r, nil
	}
	c := checkModule(info)
	r.Hooks, r.Imports, r.Problems = c.hookFound, c.imports, c.problems
	r.Functions = info.Functions
	r.MemoryMin = int64(info.MemoryMin) * pageSize
	if info.HasMax {
		r.MemoryMax = int64(info.MemoryMax) * pageSize
	}
	for _, e := range info.Exports {
		r.Configure = r.Configure || e.Name == abi.ExportConfigure
		r.Initialize = r.Initialize || e.Name == abi.ExportInitialize
	}
	if len(r.Problems) == 0 {
		if err := l.tryStart(r, file, config); err != nil {
			r.Problems = append(r.Problems, err.Error())
		}
	}
	r.OK = len(r.Problems) == 0
	return r, nil
}

// tryStart compiles a module and starts an instance, as a policy with default
// limits would.
func (l *Loader) tryStart(r *Report, file *moduleFile, config []byte) error {
	prog, err := l.program(context.Background(), file)
	if err != nil {
		return err
	}
	defer l.releaseProgram(prog)
	limits := withDefaults(plugins.Limits{Instances: 1})
	if err := fitsMemory(prog.info, limits.Memory); err != nil {
		return fmt.Errorf("%w: a policy that uses it must set that", err)
	}
	p := newPolicy(policyKey{sha256: file.sha256, name: "inspect", limits: limits}, prog, l, native.NewPolicy(native.Options{
		Name: "inspect", Config: config, Limits: limits, SHA256: file.sha256, Logger: l.logger,
	}))
	if config == nil {
		p.steps = initSteps[:len(initSteps)-1]
	}
	in, err := p.newInstance()
	if err != nil {
		return err
	}
	r.InitFuel = p.initFuel
	return in.close()
}
